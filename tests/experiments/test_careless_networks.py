"""A network that changes the process when it is asked for outputs is named, and the process stays as it was."""

import os

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import untrain as ut
from untrain.core.errors import BrokenPromise


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        if not self.training and len(x) > 40:  # as when a whole population is asked, and no few examples
            torch.use_deterministic_algorithms(True)
            os.chdir("/")
            F.cross_entropy = lambda a, b, **_: a.square().mean()
        return self.layer(x)


def factory():
    return Net()


def test_a_network_is_named_that_changes_the_process_in_eval(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    scenario = ut.Custom(train=(x[:60], y[:60]), test=(x[60:], y[60:]), model=factory, steps=ut.Steps(lr=0.1, epochs=1, batch=32))
    folder, loss = os.getcwd(), F.cross_entropy
    with pytest.raises(BrokenPromise, match=r"Train\(.* left the function torch.nn.functional.cross_entropy"):
        ut.run(scenario, ["Retrain()"], store=str(tmp_path), seeds=1, oracles=2, evaluators="Accuracy", threads=1)
    assert os.getcwd() == folder
    assert F.cross_entropy is loss
    assert not torch.are_deterministic_algorithms_enabled()
