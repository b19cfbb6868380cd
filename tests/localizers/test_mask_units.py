"""Every granularity of every criterion against scores and a choice worked out apart, and the switches as one spells them."""

from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import numpy as np
import pytest
import torch

from untrain.core.errors import SpecError
from untrain.core.spec import parse
from untrain.data.examples import Examples, take
from untrain.localizers.fisher import Fisher
from untrain.localizers.gradient import Gradient
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.localizers.weightmagnitude import WeightMagnitude
from untrain.models.architectures.convnet import ConvNet
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.training.toy import small


def summed(model, task, examples):
    """Name -> gradient of the summed loss of examples."""
    model.zero_grad()
    task.loss(model, examples).sum().backward()
    return {n: p.grad.clone() for n, p in model.named_parameters()}


def scores_of(criterion, model, problem, on):
    """Name -> scores by the formula of a criterion."""
    weights = {n: p.detach() for n, p in model.named_parameters()}
    forget, retain = (summed(model, problem.task, e) for e in (problem.forget, problem.retain))
    g = forget if on == "forget" else {n: forget[n] + retain[n] for n in forget}
    return {
        Gradient: {n: g[n].abs() for n in g},
        WeightedGrad: {n: (weights[n] * g[n]).abs() for n in g},
        WeightMagnitude: {n: w.abs() for n, w in weights.items()},
        Fisher: {n: (f := forget[n] ** 2) / (f + retain[n] ** 2).clamp(min=1e-38) for n in g},
    }[criterion]


def greedy(scores, per, room, h):
    """Group by group, best first, until the first that does not fit: single steps over a sorted list."""
    groups = []
    for name, s in scores.items():
        flat = s.flatten()
        wide = (
            1 if per == "weight" or (per == "channel" and s.ndim == 1) else len(flat) // len(s) if per == "channel" else len(flat)
        )
        for start in range(0, len(flat), wide):
            best = sorted(flat[start : start + wide].tolist(), reverse=True)[: h(s) if wide > 1 and per == "channel" else wide]
            groups.append((sum(best) / len(best), name, start, wide))
    chosen = {n: torch.zeros(s.numel(), dtype=torch.bool) for n, s in scores.items()}
    for _, name, start, wide in sorted(groups, key=lambda group: -group[0]):
        room -= wide
        if room < 0:
            break
        chosen[name][start : start + wide] = True
    return {n: bits.reshape(scores[n].shape) for n, bits in chosen.items()}


@pytest.mark.parametrize("per", ["weight", "channel", "tensor"])
@pytest.mark.parametrize(
    ("criterion", "on"),
    [
        (Gradient, "forget"),
        (Gradient, "all"),
        (WeightedGrad, "forget"),
        (WeightedGrad, "all"),
        (WeightMagnitude, "forget"),
        (Fisher, "forget"),
    ],
)
def test_each_criterion_at_each_granularity_is_its_formula_and_a_greedy_choice(criterion, per, on):
    model, problem = small()
    model = model.double()
    wide = [e.with_fields(x=e.x.double()) for e in (problem.forget, problem.retain)]
    problem = replace(problem, forget=wide[0], retain=wide[1])
    total = sum(p.numel() for p in model.parameters())
    wanted = greedy(scores_of(criterion, model, problem, on), per, int(0.3 * total), lambda s: max(1, int(0.1 * len(s))))
    model.zero_grad()
    made = criterion(keep=0.3, per=per, **({"on": on} if on == "all" else {}))(model, problem).bits
    assert any(bool(b.any()) for b in wanted.values())
    assert all(torch.equal(made[n], wanted[n]) for n in wanted)


@lru_cache(maxsize=1)
def posed():
    """A network of 40 and 80 filters that was trained a little, and the request to forget 140 of its 200 examples."""
    draw = torch.Generator().manual_seed(2)
    y = torch.arange(200) % 3
    x = torch.randn(3, 1, 6, 6, generator=draw)[y] + torch.randn(200, 1, 6, 6, generator=draw)
    data = Examples.labelled(x, y, np.arange(200), 3)
    learner = Train(model=ConvNet(width=40), steps=Steps(lr=0.02, epochs=2, batch=32))
    return learner(data, 0), Problem(Classification(), take(data, np.arange(140)), take(data, np.arange(140, 200)), seed=1)


@pytest.mark.parametrize(
    ("top", "h"),
    [
        ("1", lambda s: 1),
        ("5", lambda s: 5),
        ("'fanin10'", lambda s: int(0.1 * s[0].numel())),
        ("'cout10'", lambda s: int(0.1 * len(s))),
        ("'all'", lambda s: s[0].numel()),
    ],
)
def test_how_many_scores_of_a_channel_are_averaged_is_as_it_is_spelled(top, h):
    model, problem = posed()
    total = sum(p.numel() for p in model.parameters())
    scores = scores_of(WeightedGrad, model, problem, "forget")
    wanted = greedy(scores, "channel", int(0.2 * total), lambda s: min(max(1, h(s)), s[0].numel()))
    made = parse(f"WeightedGrad(keep=0.2, channels=Channels(top={top}))")(model, problem).bits
    assert all(torch.equal(made[n], wanted[n]) for n in wanted)


SWITCHES = {
    "WeightedGrad(channels=Channels(top={}))": ("1", "5", "'fanin10'", "'cout10'", "'all'"),
    "WeightedGrad(channels=Channels(unit={}))": ("'whole'", "'elements'"),
    "WeightedGrad(channels=Channels(flat={}))": ("'alone'", "'attach'"),
    "WeightedGrad(gather=Gather(samples={}))": ("'all'", "'code'"),
    "WeightedGrad(gather=Gather(magnitude={}))": ("'sum'", "'batch'", "'example'"),
    "WeightedGrad(on={})": ("'forget'", "'all'"),
    "Gradient(on={})": ("'forget'", "'all'"),
    "Gradient(per={})": ("'weight'", "'channel'", "'tensor'"),
    "WeightedGrad(per={})": ("'weight'", "'channel'", "'tensor'"),
    "WeightMagnitude(per={})": ("'weight'", "'channel'", "'tensor'"),
    "Fisher(per={})": ("'weight'", "'channel'", "'tensor'"),
    "{}(per='channel', keep=0.3)": ("Gradient", "WeightedGrad", "WeightMagnitude", "Fisher"),
    "RandomMask(draw={})": ("'channel'", "'weight'", "'anywhere'"),
    "RandomMask(like={})": ("WeightedGrad()", "Gradient(keep=0.3)", "Deepest()"),
}


@pytest.mark.parametrize(("switch", "levels"), SWITCHES.items(), ids=SWITCHES)
def test_each_level_of_a_switch_of_the_ablations_makes_another_mask(switch, levels):
    model, problem = posed()
    masks = [torch.cat([b.flatten() for b in parse(switch.format(level))(model, problem).bits.values()]) for level in levels]
    assert not any(torch.equal(one, other) for one, other in combinations(masks, 2))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("WeightedGrad(channels=Channels(top=0))", "top"),
        ("WeightedGrad(channels=Channels(top='half'))", "top"),
        ("WeightedGrad(per='layer')", "per"),
        ("Gradient(on='retain')", "on"),
        ("ResetFinetune(reset='zero')", "reset"),
    ],
)
def test_a_level_that_does_not_exist_is_refused(wrong, said):
    with pytest.raises(SpecError, match=said):
        parse(wrong)
