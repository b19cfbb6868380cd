"""TRAK against its formula by hand, and against the authors' code where that is installed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.attribution.attributors.trak import TRAK
from untrain.attribution.toy import trained
from untrain.core.errors import DataError, ModelError
from untrain.data.examples import Examples
from untrain.maths.random_projection import project
from untrain.models.tasks.regression import Regression


def gradients(model, outputs):
    """Gradients of outputs (n,), one after the other, (n, p)."""
    params = list(model.parameters())
    return torch.stack([torch.cat([g.flatten() for g in torch.autograd.grad(f, params, retain_graph=True)]) for f in outputs])


def margin_of(logits, y):
    others = torch.stack([torch.cat([row[:label], row[label + 1 :]]) for row, label in zip(logits, y, strict=True)])
    return logits[torch.arange(len(y)), y] - others.logsumexp(1)


@pytest.mark.parametrize("dimension", [24, 10_000], ids=["projected", "as they are"])
def test_scores_are_the_formula(dimension):
    evidence = trained()
    x, y = evidence.train.x, evidence.train.y
    kernels, doubts = torch.zeros(60, 60, 3), torch.zeros(60)
    for model in evidence.models:
        logits = model(x)
        phi = gradients(model, margin_of(logits, y))
        asked = [gradients(model, logits[:, c]) for c in range(3)]
        if dimension < phi.shape[1]:
            phi, *asked = (project(g, dimension, 5) for g in (phi, *asked))
        gram = (phi.T @ phi).double()
        inverse = torch.linalg.inv(gram + gram.diagonal().mean() * torch.eye(len(gram))).float()
        kernels += torch.stack([phi @ inverse @ a.T for a in asked], 2).detach() / 2
        doubts += (1 - logits.softmax(1)[torch.arange(60), y]).detach() / 2
    expected = (kernels * doubts[:, None, None]).numpy()
    assert TRAK(dimension=dimension, seed=5)(evidence) == pytest.approx(expected, abs=2e-3 * float(np.abs(expected).max()))


def test_margins_of_our_scores_are_the_authors(tmp_path):
    trak = pytest.importorskip("trak", reason="traker is not installed: the formula by hand is compared alone")
    from trak.projectors import AbstractProjector
    from trak.score_computers import BasicSingleBlockScoreComputer
    from trak.utils import vectorize

    evidence = trained()
    model, x, y, k = evidence.models[0], evidence.train.x, evidence.train.y, 24

    class Ours(AbstractProjector):
        def __init__(self, p):
            super().__init__(p, k, 5, "rademacher", "cpu")

        def project(self, grads, model_id):
            return project(vectorize(grads, device="cpu") if isinstance(grads, dict) else grads, k, 5)

        def free_memory(self):
            pass

    class Single(BasicSingleBlockScoreComputer):
        def __init__(self, dtype, device, **_):
            super().__init__(dtype, device)

    traker = trak.TRAKer(
        model=model, task="image_classification", train_set_size=60, save_dir=tmp_path, device="cpu",
        projector=Ours(sum(p.numel() for p in model.parameters())), score_computer=Single, use_half_precision=False,
    )  # fmt: skip
    traker.load_checkpoint(model.state_dict(), model_id=0)
    traker.featurize((x, y), num_samples=60)
    traker.finalize_features()
    traker.start_scoring_checkpoint("all", model.state_dict(), model_id=0, num_targets=60)
    traker.score((x, y), num_samples=60)
    theirs = np.array(traker.finalize_scores("all"))
    values = TRAK(dimension=k, damping=0.0, seed=5)(replace(evidence, models=(model,)))
    # Their targets are margins: a margin changes with a logit by 1 at the label, and by the others' shares elsewhere.
    logits = model(x).detach()
    slopes = -logits.scatter(1, y[:, None], -torch.inf).softmax(1)
    slopes[torch.arange(60), y] = 1
    assert np.einsum("rtc,tc->rt", values, slopes.numpy()) == pytest.approx(theirs, abs=1e-4 * float(np.abs(theirs).max()))


def test_a_singular_matrix_is_told():
    with pytest.raises(DataError, match=r"matrix of the gradients of 60 training examples is singular with damping=0: take"):
        TRAK(dimension=100, damping=0.0)(trained())


def test_gradients_come_in_blocks_of_bounded_memory(monkeypatch):
    from untrain.attribution.attributors import trak as module

    evidence = trained()
    whole = TRAK(dimension=24)(evidence)
    monkeypatch.setattr(module, "ROOM", 1)
    assert TRAK(dimension=24)(evidence) == pytest.approx(whole, abs=1e-4 * float(np.abs(whole).max()))


def test_frozen_weights_have_no_part():
    evidence = trained()
    for model in evidence.models:
        for p in list(model.parameters())[:-2]:
            p.requires_grad_(False)
    assert not np.allclose(TRAK(dimension=24)(evidence), TRAK(dimension=24)(trained()))


def test_a_task_without_logits_is_refused():
    data = Examples({"x": torch.randn(6, 2), "y": torch.randn(6)}, np.arange(6))
    evidence = replace(trained(), train=data, asked=data, task=Regression(), models=(nn.Linear(2, 1),))
    with pytest.raises(ModelError, match="TRAK needs logits, of which margins are made; Regression stores prediction"):
        TRAK()(evidence)
