"""Callables of the user are held to what is asked of them: oracles never begin where originals ended."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut


def make():
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


def seeded():
    torch.manual_seed(3)
    return make()


def loaded():
    made = make()
    made.load_state_dict(NET.state_dict())
    return made


def aliased():
    made = make()
    for p, q in zip(made.parameters(), NET.parameters(), strict=True):
        p.data = q.data
    return made


def numbered():
    made = make()
    with torch.no_grad():
        made[0].weight.copy_(torch.from_numpy(np.random.default_rng().normal(size=(8, 5))))
    return made


NET = make()
TURNS = itertools.cycle([make(), make()])
BAD = {
    "one module": (lambda: NET, "has returned before"),
    "two modules in turn": (lambda: next(TURNS), "two initial weights for one seed"),
    "another module around one": (lambda: nn.Sequential(nn.Flatten(), NET), "has returned before"),
    "parameters in one memory": (aliased, "lie in the same memory"),
    "copies of one module": (lambda: copy.deepcopy(NET), "the same initial weights for every seed"),
    "loaded weights": (loaded, "the same initial weights for every seed"),
    "a seed of its own": (seeded, "the same initial weights for every seed"),
    "draws that no seed reaches": (numbered, "two initial weights for one seed"),
    "a module": (NET, "made already"),
}


def custom(model, **more):
    draw = np.random.default_rng(0)
    train, test = ((draw.normal(size=(n, 5)).astype("float32"), np.arange(n) % 3) for n in (60, 30))
    return ut.Custom(train=train, test=test, model=model, steps=ut.Steps(lr=0.1, epochs=1, batch=32), **more)


@pytest.mark.parametrize("what", BAD)
def test_a_factory_that_breaks_a_promise_is_refused_in_one_line(what, tmp_path):
    model, told = BAD[what]
    with pytest.raises(ut.UntrainError, match=told) as caught:
        ut.run(custom(model), ["Nothing"], seeds=1, oracles=2, store=tmp_path, evaluators="Accuracy")
    assert "\n" not in str(caught.value)


class Constant(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 3)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x)


@pytest.mark.parametrize("model", [make, Constant])
def test_new_modules_and_constants_to_begin_with_are_taken(model, tmp_path):
    document = ut.run(custom(model), ["Nothing"], seeds=1, oracles=2, store=tmp_path, evaluators="Accuracy")
    assert document["results"][0]["error"] is None


def test_two_trainings_never_give_one_object():
    net = make()
    learner = ut.Train(model=lambda: net, steps=ut.Steps(lr=0.1, epochs=1))
    examples = ut.examples((np.eye(5, dtype="float32"), np.arange(5) % 3))
    learner(examples, seed=0)
    with pytest.raises(ut.UntrainError, match="has returned before"):
        learner(examples, seed=1)
