"""Redirection for erasing memory."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

import untrain as ut
from one_step import LR, PLAIN, close, posed
from untrain.core.errors import ModelError, SpecError
from untrain.data.examples import Examples, take
from untrain.data.noise.flip import Flip
from untrain.data.requests.mislabelled import Mislabelled
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners import rem
from untrain.unlearners.rem import REM

STEPS = Steps(lr=3e-3, epochs=20, batch=64, optimizer=AdamW(decay=1e-4), schedule=Constant())


@pytest.fixture(scope="module")
def flipped():
    """A network trained on digits of which a fifth are mislabelled, a problem in which a tenth of these are found, and the rest."""
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    x, y = torch.tensor(bunch.data[order] / 16).float(), torch.tensor(bunch.target[order])
    train = Flip(rate=0.2).plant(Examples.labelled(x[:1000], y[:1000], np.arange(1000), 10))
    learner = ut.Train(model=ut.MLP(width=128), steps=Steps(lr=0.1, epochs=60, batch=64))
    rows = Mislabelled(found=0.1).draw(train)
    sides = [take(train, each) for each in (rows, np.setdiff1d(np.arange(1000), rows))]
    wrong = train.y != train.true
    corrupted = Examples.labelled(train.x[wrong], train.true[wrong], np.arange(int(wrong.sum())), 10)
    test = Examples.labelled(x[1000:], y[1000:], np.arange(797), 10)
    return learner(train, 0), Problem(Classification(), *sides, recipe=learner, seed=3), corrupted, test


def right(model, examples):
    return float((model(examples.x[:]).argmax(1) == examples.y[:]).float().mean())


def test_a_tenth_of_the_flipped_labels_heals_many_of_all(flipped):
    model, problem, corrupted, test = flipped
    forgot, unredirected = (REM(active=active, steps=STEPS)(model, problem) for active in (0.2, 0.0))
    assert len(problem.forget) * 10 == len(corrupted)
    assert right(forgot, corrupted) > right(model, corrupted) + 0.05
    assert right(forgot, test) > right(model, test) - 0.02
    # It is the neurons that do it: without them what was not found is learned again.
    assert right(unredirected, corrupted) < right(model, corrupted) - 0.05


def test_without_a_barrier_what_was_found_comes_back(flipped):
    model, problem, _, _ = flipped
    held, free = (REM(barrier=barrier, active=0.0, steps=STEPS)(model, problem) for barrier in (1.0, 0.0))
    assert right(held, problem.forget) < right(free, problem.forget)


def pushed(now, before, y, beta):
    """NPO's loss: the pull on a target's probability, by what it was."""
    at = torch.arange(len(y))
    return (2 / beta * torch.log1p((now.softmax(1) / before.softmax(1).detach())[at, y] ** beta)).mean()


def test_two_steps_of_the_second_phase_are_those_of_the_formula():
    model, problem = posed()
    made = REM(neurons=5, active=1.0, stop=1.0, barrier=0.7, beta=0.5, steps=replace(PLAIN, epochs=2))
    forgot = made(model, problem)
    torch.manual_seed(problem.seed)  # as the role does
    into, out, twin = nn.Linear(6, 5), nn.Linear(5, 3, bias=False), deepcopy(model)
    nn.init.zeros_(out.weight)
    params = [*twin.parameters(), *into.parameters(), *out.parameters()]
    for _ in range(2):
        losses = []
        for part in (problem.retain, problem.forget):
            features = twin[:2](part.x)
            now = twin[2](features)
            losses.append(F.cross_entropy(now + out(into(features).relu()), part.y))
        held = pushed(now, model(problem.forget.x), problem.forget.y, 0.5)
        grads = torch.autograd.grad(losses[0] + 6 / 10 * (losses[1] + 0.7 * held), params)
        with torch.no_grad():
            for p, g in zip(params, grads, strict=True):
                p -= LR * g
    assert bool(out.weight.any())
    assert close(forgot, twin)


def test_the_first_phase_is_on_forget_alone_until_few_are_right(monkeypatch):
    model, problem = posed()
    problem = replace(problem, forget=problem.forget.with_targets(model(problem.forget.x).argmax(1)))
    seen = []
    monkeypatch.setattr(rem, "accuracy", lambda *_: seen.append(1) or (1.0 if len(seen) < 3 else 0.2))
    forgot = REM(beta=0.5, stop=0.2, steps=replace(PLAIN, epochs=1))(model, problem)
    twin = deepcopy(model)
    for _ in range(2):
        loss = pushed(twin(problem.forget.x), model(problem.forget.x), problem.forget.y, 0.5)
        grads = torch.autograd.grad(loss, list(twin.parameters()))
        with torch.no_grad():
            for p, g in zip(twin.parameters(), grads, strict=True):
                p -= LR * g
    assert len(seen) == 3
    # What is left is the one step of the second phase, in which the neurons add nothing yet.
    now, other = twin(problem.forget.x), twin(problem.retain.x)
    out = F.cross_entropy(now, problem.forget.y) + pushed(now, model(problem.forget.x), problem.forget.y, 0.5)
    grads = torch.autograd.grad(F.cross_entropy(other, problem.retain.y) + 6 / 10 * out, list(twin.parameters()))
    with torch.no_grad():
        for p, g in zip(twin.parameters(), grads, strict=True):
            p -= LR * g
    assert close(forgot, twin)


def test_each_retain_example_uses_neurons_of_its_own_and_the_forget_set_one_share(monkeypatch):
    model, problem = small()
    noted = []
    outputs = rem._Wide.outputs

    def noting(self, batch, used):
        noted.append((batch, used))
        return outputs(self, batch, used)

    monkeypatch.setattr(rem._Wide, "outputs", noting)
    REM(stop=1.0, neurons=400, active=0.1, steps=replace(PLAIN, lr=1e-3, epochs=3, batch=16))(model, problem)
    drawn = {}
    for batch, used in noted:
        if used.ndim == 2:
            for row, mask in zip(batch.rows.tolist(), used, strict=True):
                assert torch.equal(drawn.setdefault(row, mask), mask)
    assert sorted(drawn) == list(range(len(problem.rest)))
    assert 0.08 < float(torch.stack(list(drawn.values())).float().mean()) < 0.12
    assert len({tuple(mask.tolist()) for mask in drawn.values()}) == len(drawn)
    shared = [used for _, used in noted if used.ndim == 1]
    assert all(torch.equal(used, shared[0]) for used in shared)
    assert tuple(shared[0].tolist()) not in {tuple(mask.tolist()) for mask in drawn.values()}


def test_it_is_the_same_architecture_in_the_end_and_says_where_it_did_not_forget():
    model, problem = small()
    outcome = REM(stop=0.0, steps=replace(PLAIN, lr=1e-5, batch=16)).run(model, problem)
    assert outcome.model.state_dict().keys() == model.state_dict().keys()
    assert type(outcome.model) is type(model)
    assert any("30 passes left" in note for note in outcome.notes)


def test_without_a_head_it_is_refused_before_anything_is_trained():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3))

        def forward(self, x):
            return x @ self.weight

    model, problem = posed(Bare)
    with pytest.raises(ModelError, match="head_names"):
        REM()(model, problem)


def test_fields_out_of_range_are_refused():
    for wrong in ({"neurons": 0}, {"active": 1.5}, {"stop": -0.1}, {"barrier": -1.0}, {"beta": 0.0}):
        with pytest.raises(SpecError, match=next(iter(wrong))):
            REM(**wrong)
