"""The regression that scikit-learn carries, by every method."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes

from untrain.commands import run
from untrain.core import discovery
from untrain.core.errors import BadInput, SpecError
from untrain.core.spec import parse
from untrain.experiments.scenarios.diabetes import Diabetes
from untrain.models.inference import predict
from untrain.runtime.store import Store
from untrain.training.problem import problem
from untrain.unlearners.base import Localized

BRIEF = "Diabetes(model=MLP(width=8), steps=Steps(lr=0.02, epochs=3, batch=32))"
# What flips a prediction has no meaning for a number; others are for models of another kind than networks.
REFUSED = {
    **dict.fromkeys(
        ("CriticalNeurons", "Amnesiac", "BoundaryExpand", "BoundaryShrink", "DELETE", "DUCK", "POUR", "UNSIR"),
        "this method needs classes, which Regression does not give",
    ),
    **dict.fromkeys(
        ("CFW", "DatamodelDirect", "DatamodelMatch", "FCS", "MUMis", "OracleMatch", "PRMQ"),
        "this method needs classes, which Regression does not give",
    ),
    **dict.fromkeys(
        ("AltPO", "CEU", "IdkDPO", "KLMax", "PDU", "UNDIAL"), "this method needs logits, which Regression does not give"
    ),
    "CT": "CT transposes kernels of convolutions, and Sequential has none",
    "MSA": "what Checkpoint saves in training is needed",
    "DeleteRows": "works on models of kind RetrievalMemory",
    "TakeBack": "works on models of kind Online",
    **dict.fromkeys(
        ("CertifiedNewton", "CertifiedRemoval", "DescentToDelete", "Newton", "ProjectedResidual"),
        "works on models of kind ConvexModel",
    ),
    "ForgetShards": "works on models of kind ShardEnsemble",
    "AMUN": "this method needs classes, which Regression does not give",
    **dict.fromkeys(("L2UL", "REM", "SCAR"), "this method needs classes, correct, which Regression does not give"),
    "Potion": "this method needs correct, which Regression does not give",
    "ProjectedGradient": "this method needs classes, which Regression does not give",
}


def of(*roles: str) -> list[type]:
    found = [discovery.load(place.name) for role in roles for place in discovery.of_role(role)]
    return [cls for cls in found if cls is not Localized]


@lru_cache(maxsize=1)
def posed():
    scenario = parse(BRIEF)
    data, learner = scenario.load(), scenario.learner()
    return learner(data.train, 0), problem(data.train, scenario.request, learner, data.valid, seed=1, origin=0)


def test_the_parts_share_no_patient_and_leave_none_out():
    data = Diabetes().load()
    ids = np.concatenate([data.train.ids, data.valid.ids, data.test.ids])
    assert sorted(ids.tolist()) == list(range(442))
    assert (len(data.train), len(data.valid), len(data.test)) == (309, 45, 88)


def test_inputs_and_targets_are_standardised_by_the_training_part():
    data, bunch = Diabetes().load(), load_diabetes(scaled=False)
    for values in (data.train.x, data.train.y):
        torch.testing.assert_close(values.mean(0), torch.zeros(values.shape[1:]), rtol=0, atol=1e-5)
        torch.testing.assert_close(values.std(0, unbiased=False), torch.ones(values.shape[1:]), rtol=1e-4, atol=0)
    known = bunch.target[data.train.ids]
    np.testing.assert_allclose(data.test.y.numpy(), (bunch.target[data.test.ids] - known.mean()) / known.std(), rtol=1e-5)


def test_its_network_learns_more_than_the_mean():
    scenario = Diabetes()
    data = scenario.load()
    model = scenario.learner()(data.train, 0)
    residual = data.test.y.numpy() - predict(model, data.test, scenario.task)["prediction"]
    assert (residual**2).mean() < 0.75 * data.test.y.numpy().var()


def test_no_noise_is_planted_and_its_spelling_carries_its_fields():
    made = parse("Diabetes(request=Random(fraction=0.05), task=Regression(scale=1.0))")
    assert parse(repr(made)) == made
    assert made.learner().task.scale == 1.0


@pytest.mark.parametrize("cls", of("unlearner", "recipe"), ids=lambda cls: cls.__name__)
def test_every_unlearner_but_the_refused_forgets_numbers(cls):
    model, problem = posed()
    if cls.__name__ in REFUSED:
        with pytest.raises(BadInput, match=REFUSED[cls.__name__]):
            cls().run(model, problem)
        return
    made = cls(select=1.5) if cls.__name__ == "SSD" else cls()  # at its default it selects no weight of so small a model
    moved = made.run(model, problem).guard.moved_norm
    assert np.isfinite(moved)
    assert (moved > 0) == (cls.__name__ not in ("Nothing", "GroupPrivacy"))


@pytest.mark.parametrize("cls", of("localizer"), ids=lambda cls: cls.__name__)
def test_every_localizer_but_the_refused_finds_weights(cls):
    model, problem = posed()
    if cls.__name__ in REFUSED:
        with pytest.raises(BadInput, match=REFUSED[cls.__name__]):
            cls()(model, problem)
        return
    assert sum(int(b.sum()) for b in cls()(model, problem).bits.values()) > 0


def test_a_method_that_needs_classes_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(SpecError, match=r"^SCRUB\(rewind=True\): .* needs classes, correct, which Regression does not give"):
        run.run(BRIEF, ("NegGrad", "SCRUB(rewind=True)"), tmp_path / "store", seeds=1, oracles=2)
    assert Store(tmp_path / "store").entries() == []


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    home = tmp_path_factory.mktemp("diabetes")
    methods = ("NegGrad", "Retrain", "Nothing")
    return home, run.run(BRIEF, methods, home / "store", home / "out", seeds=2, oracles=4)


def test_a_run_is_audited_by_what_a_number_allows(brief):
    rows = {row["method"]: row for row in brief[1]["results"]}
    assert [row["error"] for row in rows.values()] == [None] * 3
    scores = rows["NegGrad()"]["scores"]
    assert scores["mia_loss_auc"]["value"] is not None
    assert scores["forget_accuracy"]["reason"] == "needs correct, which Regression does not give"
    assert scores["js_forget"]["reason"] == "needs logits, which Regression does not give"
    assert {row["verdict"]["says"] for row in rows.values() if not row["error"]} <= {"distinguishable", "too few models"}
    assert all(row["paid"] == [] for row in rows.values())


def test_the_page_says_what_its_margin_is_and_speaks_of_no_classes(brief):
    page = (brief[0] / "out" / "report.html").read_text(encoding="utf-8")
    assert "Certainty, the margin, is the target&#39;s log-likelihood, in nats" in page
    assert "<h4>Accuracy by class</h4>" not in page
    assert "weighted to the forget set's classes" not in page
