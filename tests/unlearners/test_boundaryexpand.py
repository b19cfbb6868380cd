"""Boundary Expanding."""

from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.mask import Mask
from untrain.data.examples import take
from untrain.models.state import state
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.boundaryexpand import BoundaryExpand, Widened


def shadow_of(monkeypatch):
    """What weights the class more starts from, in a list that a run fills."""
    kept, init = [], Widened.__init__

    def noting(self, model, shadow):
        kept.append(deepcopy(shadow))
        init(self, model, shadow)

    monkeypatch.setattr(Widened, "__init__", noting)
    return kept


def test_two_steps_of_the_authors_code_give_the_same_weights_and_statistics(monkeypatch):
    """A head of a class more, which is trained with the others and then cut off."""
    model, problem = small()
    kept = shadow_of(monkeypatch)
    steps = Steps(lr=0.05, epochs=2, batch=12, schedule=Constant())
    ours = BoundaryExpand(steps=steps)(model, problem)
    assert isinstance(model[-1], nn.Linear)
    head = nn.Linear(model[-1].in_features, 4)
    with torch.no_grad():
        head.weight.copy_(torch.cat([model[-1].weight, kept[0].weight]))
        head.bias.copy_(torch.cat([model[-1].bias, kept[0].bias]))
    theirs = nn.Sequential(*deepcopy(model)[:-1], head).train()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(2):
        for (batch,) in problem.forget_batches(steps).draw(epoch):
            optimizer.zero_grad()
            F.cross_entropy(theirs(batch.x), torch.full((len(batch),), 3)).backward()
            optimizer.step()
    wanted = state(theirs.eval())
    for name, value in state(ours).items():
        torch.testing.assert_close(value, wanted[name][: len(value)] if value.ndim else wanted[name], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(ours[0].weight, model[0].weight, atol=1e-3)


def test_the_class_more_starts_from_glorots_law(monkeypatch):
    kept = shadow_of(monkeypatch)
    model, problem = small()
    for seed in range(40):
        BoundaryExpand(steps=Steps(lr=1e-3, epochs=1, batch=16))(model, replace(problem, seed=seed))
    drawn = torch.cat([shadow.weight.detach().flatten() for shadow in kept])
    law = (2 / (kept[0].in_features + 4)) ** 0.5
    assert abs(float(drawn.std()) / law - 1) < 4 / (2 * len(drawn)) ** 0.5
    assert all(shadow.bias.tolist() == [0.0] for shadow in kept)


def test_forgotten_examples_get_less_likely_without_labels_and_without_the_retain_set():
    model, problem = small()
    gone = take(problem.forget, (problem.forget.y == 1).nonzero().squeeze(1).numpy())
    steps = Steps(lr=0.05, epochs=100, batch=16, schedule=Constant(), buffers="freeze")
    ours = BoundaryExpand(steps=steps)(model, Problem(problem.task, gone.without_targets(), seed=3))
    with torch.no_grad():
        before, after = (net(gone.x).softmax(1)[:, 1] for net in (model, ours))
    assert float(before.mean() - after.mean()) > 0.05
    assert list(dict(ours.named_parameters())) == list(dict(model.named_parameters()))


def test_a_mask_confines_the_model_and_not_the_class_more():
    model, problem = small()
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    bits["0.weight"][0] = True
    outcome = BoundaryExpand(steps=Steps(lr=0.1, epochs=3, batch=16)).run(
        model, replace(problem, mask=Mask(bits, problem.digest), head="masked")
    )
    moved = {n for n, p in outcome.model.named_parameters() if not torch.equal(p, state(model)[n])}
    assert moved == {"0.weight"}
    assert torch.equal(outcome.model[0].weight[1:], model[0].weight[1:])
