"""Each promise of an observer catches a planted fault."""

from __future__ import annotations

import random
import re
from typing import ClassVar

import numpy as np
import pytest
import torch

from untrain.commands import promises
from untrain.evaluation.base import Measure, Part, ScoreInfo
from untrain.evaluation.observers.base import Observer
from untrain.evaluation.observers.weights import Weights
from untrain.training.steps import Steps


def told(ideal="0", name="size"):
    return {name: ScoreInfo("made up", "none", ideal, "made up", low=-100.0, high=100.0)}


def size(model):
    """Length of all weights, (1,)."""
    return np.array([float(sum((p.detach() ** 2).sum() for p in model.parameters()) ** 0.5)])


def less(trial, sign=1):
    return Measure((Part(sign, "unlearned", "models", trial.unlearned), Part(-sign, "oracle", "models", trial.oracle)))


class Stepped(Observer):
    """The model itself is moved.

    Source: planted.
    """

    scores: ClassVar = told()

    def look(self, model, sight):
        with torch.no_grad():
            next(model.parameters()).mul_(1.01)
        return size(model)

    def compare(self, trial):
        return {"size": less(trial)}


class Reseeding(Observer):
    """numpy's global generator is seeded.

    Source: planted.
    """

    scores: ClassVar = told()

    def look(self, model, sight):
        np.random.seed(0)  # noqa: NPY002
        return size(model)

    def compare(self, trial):
        return {"size": less(trial)}


class Jittering(Observer):
    """Noise of a generator that nobody seeded.

    Source: planted.
    """

    scores: ClassVar = told()

    def look(self, model, sight):
        state = random.getstate()
        jitter = random.random()
        random.setstate(state)
        return size(model) + jitter

    def compare(self, trial):
        return {"size": less(trial)}


class Ragged(Observer):
    """As many numbers as the model's size says.

    Source: planted.
    """

    scores: ClassVar = told()

    def look(self, model, sight):
        return np.ones(int(100 * size(model)[0]))

    def compare(self, trial):
        return {"size": less(trial)}


class Untold(Observer):
    """A score without an entry.

    Source: planted.
    """

    scores: ClassVar = told()

    def look(self, model, sight):
        return size(model)

    def compare(self, trial):
        return {"size": less(trial), "other": less(trial)}


class Added(Observer):
    """A difference with the wrong sign.

    Source: planted.
    """

    scores: ClassVar = told()

    def look(self, model, sight):
        return size(model)

    def compare(self, trial):
        parts = (Part(1, "unlearned", "models", trial.unlearned), Part(1, "oracle", "models", trial.oracle))
        return {"size": Measure(parts)}


class First(Observer):
    """The first model alone.

    Source: planted.
    """

    scores: ClassVar = told(ideal="the oracles' value")

    def look(self, model, sight):
        return size(model)

    def compare(self, trial):
        return {"size": Measure((Part(1, "unlearned", "models", trial.unlearned[:1]),))}


class Counting(Observer):
    """The number of weights.

    Source: planted.
    """

    scores: ClassVar = told()

    def look(self, model, sight):
        return np.array([sum(p.numel() for p in model.parameters())])

    def compare(self, trial):
        return {"size": less(trial)}


FAULTS = [
    (Stepped, "it leaves the model alone", "wrote to the model"),
    (Reseeding, "it leaves the random state", "numpy"),
    (Jittering, "the same seed finds the same", "two things of one model"),
    (Ragged, "it finds finite numbers of one shape", "arrays of shapes"),
    (Untold, "every observed score is explained", r"lacks: \['other'\]"),
    (Added, "it finds nothing between a model and itself", "not ideal"),
    (First, "it is blind to the order of observed models", "order of models"),
    (Counting, "it tells the original from a retrained model", "finds the same"),
]


@pytest.mark.parametrize(("fault", "promise", "said"), FAULTS, ids=lambda v: v.__name__ if isinstance(v, type) else None)
def test_a_planted_fault_is_caught(fault, promise, said):
    (tried,) = promises.verdicts(fault, {promise})
    assert (tried.promise, tried.tried) == (promise, True)
    assert re.search(said, str(tried.error))


def test_every_promise_of_observers_has_a_planted_fault():
    of_every = {name for name, _ in promises.checks_for(Steps)}
    assert {name for name, _ in promises.checks_for(Weights)} - of_every == {promise for _, promise, _ in FAULTS}
