"""The probe of frozen features against what was planted in them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import DataError
from untrain.data.examples import Examples, take
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.base import ObserverContext
from untrain.evaluation.observers.linearprobe import LinearProbe
from untrain.evaluation.scoring.resampling import number
from untrain.models.tasks.classification import Classification

CLASSES = 3


class Features(nn.Module):
    """Features are the inputs times a matrix; the head is random, as it does not matter."""

    def __init__(self, matrix):
        super().__init__()
        self.body, self.head = nn.Linear(CLASSES, CLASSES, bias=False), nn.Linear(CLASSES, CLASSES)
        with torch.no_grad():
            self.body.weight.copy_(torch.as_tensor(matrix, dtype=torch.float32))

    def forward(self, x):
        return self.head(self.body(x))


def noisy(labels, seed):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.as_tensor(labels)
    x = 8.0 * torch.eye(CLASSES)[labels] + torch.randn(len(labels), CLASSES, generator=draw)
    return Examples.labelled(x, labels, np.arange(len(labels)), CLASSES)


def sight(forget=(2,) * 20, test=tuple(range(CLASSES)) * 20):
    return ObserverContext(
        Classification(classes=CLASSES), noisy(forget, 0), noisy(test, 1), lambda seed: Features(np.eye(CLASSES)), {}
    )


def values(model, given, made=None):
    made = made or LinearProbe()
    found = made(model.eval(), given)[None]
    side = np.repeat(["forget", "test"], [len(given.forget), len(given.test)])
    scores = made.evaluate(Prepared(found, found, side, False))
    return {name: value if isinstance(value, str) else number(value) for name, value in scores.items()}


def test_features_that_tell_all_classes_score_one():
    scores = values(Features(np.eye(CLASSES)), sight())
    assert {scores[f"probe_{of}_accuracy"] for of in ("forget", "test", "forgotten")} == {1.0}
    assert scores["probe_forget_confidence"] > 0.9


def test_features_without_the_direction_of_a_class_tell_the_others_alone():
    # Classes 1 and 2 lie in one place; the probe gives either label with the same right.
    blind = np.array([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]])
    scores = values(Features(blind), sight(forget=(2,) * 300, test=tuple(range(CLASSES)) * 300))
    assert scores["probe_forget_confidence"] == pytest.approx(0.5, abs=0.05)
    # Class 0 is right, half of the two others.
    assert scores["probe_test_accuracy"] == pytest.approx(2 / 3, abs=0.05)


def test_the_head_does_not_matter():
    model, given = Features(np.eye(CLASSES)), sight()
    before = LinearProbe()(model.eval(), given)
    with torch.no_grad():
        model.head.weight[2], model.head.bias[2] = 0, -1e3
    assert (LinearProbe()(model, given) == before).all()


def test_without_other_classes_there_are_no_forgotten_ones():
    assert "all classes" in values(Features(np.eye(CLASSES)), sight(forget=(0, 1, 2) * 5))["probe_forgotten_accuracy"]


def test_of_many_examples_each_class_gives_its_share():
    # In the order of classes: the first ten would all be of class 0.
    given = sight(forget=(2,) * 30, test=(0,) * 20 + (1,) * 20 + (2,) * 20)
    found = LinearProbe(most=12)(Features(np.eye(CLASSES)).eval(), given)
    assert found.shape == (12 + 12, 3)
    assert found[12:, 2].sum() == 4
    assert values(Features(np.eye(CLASSES)), given, LinearProbe(most=12))["probe_forgotten_accuracy"] == 1


def test_too_few_test_examples_are_told():
    given = sight()
    with pytest.raises(DataError, match="too few for 2 probes"):
        LinearProbe()(Features(np.eye(CLASSES)).eval(), replace(given, test=take(given.test, np.arange(2))))
    with pytest.raises(DataError, match="too few"):
        LinearProbe()(Features(np.eye(CLASSES)).eval(), replace(given, test=take(given.test, np.array([0, 3, 6, 9]))))
    with pytest.raises(DataError, match="0 test examples are too few"):
        LinearProbe()(Features(np.eye(CLASSES)).eval(), replace(given, test=take(given.test, np.arange(0))))
