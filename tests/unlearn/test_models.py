"""Models and requests that are awkward to unlearn from: every method copes, or refuses in one clear line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain import checks
from untrain.core import names
from untrain.core.errors import ModelError
from untrain.core.records import Examples, Problem, take
from untrain.core.roles import own_randomness
from untrain.core.steps import Steps
from untrain.learn.train import Train
from untrain.models.vit import ViT
from untrain.promises.trial import small
from untrain.tasks.classify import Classify

# The classifier head has its own share of noise, and here is none.
REFUSED = [("FisherNoise", "nothing but normalization")]
ALL = [checks.example(names.load(p.name)) for p in names.of_role("unlearner") if p.name != "Nothing"]


class Tied(nn.Module):
    """Two layers that share one weight."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.head(self.two(self.one(x).relu()).relu())


class Idle(nn.Module):
    """A layer that is never used, beside one that is."""

    def __init__(self):
        super().__init__()
        self.idle, self.head = nn.Linear(4, 4), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(x)


class Half(nn.Module):
    """A network in half precision that takes inputs of any."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).bfloat16()

    def forward(self, x):
        return self.net(x.bfloat16())


def frozen():
    """A network whose first layer is frozen."""
    made = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    made[0].requires_grad_(False)
    return made


TINY = ViT(patch=1, width=4, depth=1, heads=2, hidden=4)
KINDS = {
    "tied": Tied,
    "idle": Idle,
    "half": Half,
    "frozen": frozen,
    "without batch norm": lambda: nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3)),
    "transformer": lambda: nn.Sequential(nn.Unflatten(1, (1, 2, 3)), TINY.build((1, 2, 3), 3)),
    "nothing but normalization": lambda: nn.BatchNorm1d(6),
}


def posed(kind):
    """A model of some kind that was trained a little, and what it is to forget."""
    draw = torch.Generator().manual_seed(8)
    y = torch.arange(40) % 3
    x = torch.randn(3, 6, generator=draw)[y] + 0.5 * torch.randn(40, 6, generator=draw)
    ids, rows = np.arange(40), (slice(0, 8), slice(8, 40))
    sides = [Examples(x[r], y[r], ids[r], 3) for r in rows]

    def init(seed):
        with own_randomness(torch.device("cpu"), seed):
            return KINDS[kind]()

    learner = Train(model=KINDS[kind], steps=Steps(lr=0.05, epochs=2, batch=16))
    return init(0).eval(), Problem(Classify(), *sides, init=init, recipe=learner, seed=1, origin=0)


COPED = [(made, kind) for made in ALL for kind in KINDS if (type(made).__name__, kind) not in REFUSED]


def told(value):
    """A case's name in the listing of tests."""
    return value if isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize(("made", "kind"), COPED, ids=told)
def test_every_method_copes(made, kind):
    model, problem = posed(kind)
    before = {n: t.clone() for n, t in model.state_dict().items()}
    outcome = made.run(model, problem)
    assert outcome.guard.moved_share > 0
    for name, p in outcome.model.named_parameters():
        assert torch.isfinite(p).all()
        assert p.requires_grad or torch.equal(p, before[name])
    if kind == "tied":
        assert outcome.model.two.weight is outcome.model.one.weight


@pytest.mark.parametrize("made", ALL, ids=told)
def test_a_forget_set_of_one_works(made):
    model, problem = small()
    alone = replace(problem, forget=take(problem.forget, np.array([0])), digest="")
    assert made.run(model, alone).guard.moved_share > 0


@pytest.mark.parametrize(("name", "kind"), REFUSED)
def test_what_is_not_coped_with_is_refused_in_one_line(name, kind):
    with pytest.raises(ModelError) as caught:
        checks.example(names.load(name)).run(*posed(kind))
    assert "\n" not in str(caught.value)
