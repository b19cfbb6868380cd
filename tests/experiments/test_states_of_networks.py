"""A network's digest covers what its code reads, but for what changes while it is made."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import ModelError
from untrain.experiments.untrained import network_of

CODE = """
import numpy as np, torch
from torch import nn

CALLS, CACHE, WEIGHT, TABLE = [], {}, np.ones(3), {"scale": [1.0], "made": 0}

class Log:
    def __init__(self): self.lines, self.scale = 0, np.ones(2)

LOG = Log()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(3, 2)
    def forward(self, x):
        if self.training:  # which no output on two examples shows
            x = x * float(WEIGHT.sum()) * TABLE["scale"][0] * float(LOG.scale.sum()) * make.by
        return self.last(x)

def make():
    CALLS.append(1)
    CACHE.setdefault("rows", torch.arange(3))
    TABLE["made"] += 1
    LOG.lines += 1
    make.count += 1
    return Net()

make.count, make.by = 0, 1.0
"""
DATA = ut.Examples.labelled(torch.arange(12.0).reshape(4, 3), torch.tensor([0, 1, 0, 1]), np.arange(4), 2)


def space_of(code=CODE):
    space = {"__name__": "network_of_mine"}
    exec(code, space)
    return space


def digest(space):
    return network_of(ut.Train(model=space["make"]), DATA)


EDITS = {
    "an array": ("WEIGHT, TABLE = [], {}, np.ones(3)", "WEIGHT, TABLE = [], {}, np.zeros(3)"),
    "an item beside a counter": ('"scale": [1.0]', '"scale": [2.0]'),
    "an array beside a counter of an object": ("np.ones(2)", "np.zeros(2)"),
    "an attribute of a function beside a counter": ("make.by = 0, 1.0", "make.by = 0, 2.0"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_value_counts_beside_what_changes(edit):
    assert EDITS[edit][0] in CODE
    assert digest(space_of(CODE.replace(*EDITS[edit]))) != digest(space_of())


def test_what_changes_does_not_count_however_often_a_network_was_made():
    space = space_of()
    assert digest(space) == digest(space) == digest(space_of())
    assert len(space["CALLS"]) == space["make"].count > 1


@pytest.mark.slow
def test_the_digest_is_the_same_in_another_process():
    ask = (
        "import sys; sys.path.insert(0, '.'); from tests.experiments.test_states_of_networks import digest, space_of; "
        "print(digest(space_of()))"
    )
    printed = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == digest(space_of())


def test_a_value_that_changes_at_each_call_is_refused():
    def counting():
        count = 0

        def step():
            nonlocal count
            count += 1

        def make():
            step()
            return torch.nn.Linear(3, 2) if count else None

        return make

    with pytest.raises(ModelError, match="reads a value that changes each time it makes a network"):
        network_of(ut.Train(model=counting()), DATA)
