"""Potion."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import RunFailed
from untrain.core.mask import Mask
from untrain.data.examples import Examples, take
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem, problem
from untrain.training.toy import small
from untrain.unlearners.potion import Potion, percentile, sorted_ratios


def mean_gradients(model, data, size):
    """Mean over batches of absolute gradients of the mean length of outputs, as the authors' loop has it."""
    total = [torch.zeros_like(p) for p in model.parameters()]
    pieces = data.x[:].split(size)
    for x in pieces:
        model.zero_grad()
        model(x).norm(dim=1).mean().backward()
        for t, p in zip(total, model.parameters(), strict=True):
            t += p.grad.abs()
    return [t / len(pieces) for t in total]


def accuracy(model, data):
    return float((model(data.x[:]).argmax(1) == data.y[:]).float().mean())


@torch.no_grad()
def reference(model, forget, retain, ours, theirs, stop):
    """The loop of XALFSSD, written anew: a percentile of ratios, dampening, accuracy; again with 1.1 times the share."""
    ratios = np.concatenate([(f / r).flatten().numpy() for f, r in zip(ours, theirs, strict=True)])
    ratios = ratios[np.isfinite(ratios)]
    before = [p.clone() for p in model.parameters()]
    first, share = accuracy(model, forget), len(forget) / (len(forget) + len(retain)) / 25
    for tries in range(1, 501):
        cut = np.percentile(ratios, 100 - np.log(1 + share * 100))
        for p, old, f, r in zip(model.parameters(), before, ours, theirs, strict=True):
            less = torch.minimum(r / f, torch.ones_like(r))
            p.copy_(torch.where(f > float(cut) * r, old * less, old))
        if accuracy(model, forget) <= stop * first:
            return tries
        share *= 1.1
    return 500


@pytest.mark.parametrize("stop", [0.0, 0.5])
def test_all_attempts_are_those_of_the_authors_code(stop):
    model, posed = small()
    forgot = Potion(stop=stop, batches="reference")(model, posed)
    ours, theirs = (mean_gradients(model, each, 512) for each in (posed.forget, posed.rest))
    assert reference(model, posed.forget, posed.rest, ours, theirs, stop) > 1
    for p, q in zip(forgot.parameters(), model.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-5, atol=1e-7)


def test_it_ends_where_few_of_the_forget_set_are_right_and_not_later():
    model, posed = small()
    ours = posed.rest.y.numpy() == 0
    posed = replace(
        posed, forget=take(posed.rest, np.flatnonzero(ours)), retain=take(posed.rest, np.flatnonzero(~ours)), effects=None
    )
    before = accuracy(model, posed.forget)
    forgot = Potion(stop=0.5)(model, posed)
    assert accuracy(forgot, posed.forget) <= 0.5 * before
    less = Potion(stop=0.9)(model, posed)
    changed = [
        sum(int((p != q).sum()) for p, q in zip(model.parameters(), each.parameters(), strict=True)) for each in (less, forgot)
    ]
    assert 0 < changed[0] <= changed[1] < sum(p.numel() for p in model.parameters())


def test_labels_of_the_retain_set_play_no_part():
    model, posed = small()
    other = replace(posed, retain=posed.rest.with_targets((posed.rest.y + 1) % 3))
    first, second = (Potion()(model, each) for each in (posed, other))
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))


def test_a_trigger_is_forgotten_by_a_part_of_the_poison():
    # Each of 200 examples has its class in numbers 0 to 2; poisoned ones have a trigger in number 3 and class 0.
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(200) % 3
    x = torch.cat([2 * nn.functional.one_hot(y, 3).float(), torch.zeros(200, 5)], 1) + 0.2 * torch.randn(200, 8, generator=draw)
    x[:40, 3] += 4
    data = Examples.labelled(x, torch.where(torch.arange(200) < 40, 0, y), np.arange(200), 3)
    test = Examples.labelled(x[40:].clone(), y[40:], np.arange(160), 3)
    bad = test.with_inputs(test.x + 4 * nn.functional.one_hot(torch.tensor(3), 8).float())
    network = lambda: nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))  # noqa: E731
    learner = Train(model=network, steps=ut.Steps(lr=0.1, epochs=40))
    model, found = learner(data), np.arange(1, 20)  # a part of the poison
    posed = problem(data, found.tolist(), learner)
    retrained, forgot = learner(posed.rest), Potion()(model, posed)
    healed = [accuracy(each, bad) for each in (model, retrained, forgot)]
    assert max(healed[:2]) < 0.5  # the rest of the poison brings the trigger back
    assert healed[2] > 0.6
    assert accuracy(forgot, test) > 0.85


def test_weights_outside_a_mask_are_not_counted_among_the_largest():
    model, posed = small()
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    name = posed.task.head(model)[0]
    bits[name].fill_(True)
    forgot = dict(Potion(stop=0.5)(model, replace(posed, mask=Mask(bits, posed.digest), head="masked")).named_parameters())
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, forgot[n])}
    assert moved == {name}


def test_a_model_that_answers_to_nothing_is_told_of():
    dead = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        for p in dead.parameters():
            p.zero_()
    _, posed = small()
    with pytest.raises(RunFailed, match="has a gradient on the retain set: take"):
        Potion()(dead.eval(), posed)


def test_where_the_stop_is_not_reached_a_note_says_so():
    # The bias decides, and it answers to both sets alike: it is not dampened, and the weights do not matter.
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1e-3, 1e-3], [0.0, 0.0]]))
        model[1].bias.copy_(torch.tensor([5.0, 0.0]))
    x = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)) + 0.5
    x[:4] *= 3
    data = Examples.labelled(x, torch.zeros(20).long(), np.arange(20), 2)
    posed = Problem(Classification(classes=2), take(data, np.arange(4)), take(data, np.arange(4, 20)))
    outcome = Potion(stop=0.0).run(model.eval(), posed)
    assert "500 attempts left 100%" in outcome.notes[0]
    assert (logits(outcome.model, data, Classification(classes=2)).argmax(1) == 0).all()


def test_ratios_that_are_not_finite_take_no_part():
    assert sorted_ratios([torch.tensor([3.0, torch.nan]), torch.tensor([1.0])], [torch.ones(2), torch.ones(1)]).tolist() == [1, 3]


@pytest.mark.parametrize("percent", [0.0, 12.5, 50.0, 99.9, 100.0])
def test_the_percentile_is_numpys(percent):
    ascending = torch.rand(37, generator=torch.Generator().manual_seed(1), dtype=torch.float64).sort().values
    assert np.isclose(percentile(ascending, percent), np.percentile(ascending.numpy(), percent), rtol=1e-12)
