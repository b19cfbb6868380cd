"""In whose code replaced functions are looked for: a network of others, functions in layers of torch, and what is within."""

import math

import pytest
import torch
from torch import nn

from untrain.core.errors import BrokenPromise
from untrain.core.foreign import _is_known, foreign
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.maths import logits
from untrain.models.architectures.resnet9 import ResNet9


def mine(x):
    return torch.relu(x)


class Own(nn.Module):
    pass


def hooked():
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda *_: None)
    return layer


@pytest.mark.parametrize(
    ("code", "known"),
    [
        (Accuracy(), True),
        ("Accuracy()", False),
        (nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.BatchNorm1d(2)), True),
        (nn.TransformerEncoderLayer(4, 2), True),
        (nn.TransformerEncoderLayer(4, 2, activation=mine), False),
        (hooked(), False),
        (nn.Sequential(nn.Linear(2, 2), Own()), False),
    ],
    ids=["ours", "a name", "torch", "encoder", "own activation", "hook", "own layer"],
)
def test_what_is_known(code, known):
    assert _is_known(code) == known


def test_networks_of_ours_are_known():
    assert _is_known(ResNet9(width=4).build((3, 32, 32), 3))


def test_a_function_that_a_network_of_others_replaced_is_put_back_and_named():
    losses = logits.losses
    with pytest.raises(BrokenPromise, match="losses"), foreign(Accuracy(), Own()):
        logits.losses = math.sqrt
    assert logits.losses is losses


def test_after_an_error_the_next_is_watched_again():
    with pytest.raises(ValueError, match="mine"), foreign("First"):
        raise ValueError("mine")
    losses = logits.losses
    with pytest.raises(BrokenPromise, match=r"Second left .*losses"), foreign("Second"):
        logits.losses = math.sqrt
    assert logits.losses is losses
