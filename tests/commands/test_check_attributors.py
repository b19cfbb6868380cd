"""Each promise of an attributor catches a planted fault."""

from __future__ import annotations

import random
import re
from typing import ClassVar

import numpy as np
import pytest
import torch

from untrain.attribution.attributors.meandifference import MeanDifference
from untrain.attribution.base import Attributor
from untrain.commands import promises
from untrain.training.steps import Steps

RIGHT = MeanDifference()


class Reversed(Attributor):
    """The sign of what removal does.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        return -RIGHT.attribute(evidence, rows, asked_rows)


class Rescaled(Attributor):
    """Divided by the mean absolute value, as published code does with its inverse.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        values = RIGHT.attribute(evidence, rows, asked_rows)
        whole = RIGHT.attribute(evidence, np.arange(len(evidence.train)), np.arange(len(evidence.asked)))
        return values / np.abs(whole).mean()


class Leaky(Attributor):
    """A little of the mean output is in every value.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        values = RIGHT.attribute(evidence, rows, asked_rows)
        return values + 0.01 * evidence.outputs[:, asked_rows].mean(0)


class Later(Attributor):
    """Later models count more.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        half = len(evidence.seen) // 2
        late = {"outputs": evidence.outputs[half:], "seen": evidence.seen[half:]}
        return RIGHT.attribute(type(evidence)(evidence.train, evidence.asked, evidence.task, **late), rows, asked_rows)


class Centred(Attributor):
    """Values less their mean over the rows that are wanted.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        values = RIGHT.attribute(evidence, rows, asked_rows)
        return values - values.mean(0)


class Writing(Attributor):
    """Outputs are centred where they lie.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        evidence.outputs[...] -= evidence.outputs.mean(0)
        return RIGHT.attribute(evidence, rows, asked_rows)


class Stepping(Attributor):
    """The model is written to.

    Source: planted.
    """

    needs: ClassVar = "models"

    def attribute(self, evidence, rows, asked_rows):
        with torch.no_grad():
            next(evidence.models[0].parameters()).mul_(1.01)
        return np.ones((len(rows), len(asked_rows), 3))


class Reseeding(Attributor):
    """numpy's global generator is seeded.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        np.random.seed(0)  # noqa: NPY002
        return RIGHT.attribute(evidence, rows, asked_rows)


class Jittering(Attributor):
    """Noise of a generator that nobody seeded.

    Source: planted.
    """

    def attribute(self, evidence, rows, asked_rows):
        return RIGHT.attribute(evidence, rows, asked_rows) + 1e-6 * random.SystemRandom().random()


FAULTS = [
    (Reversed, "it finds what is planted", "correlation"),
    (Rescaled, "it finds what is planted", "times the planted effects"),
    (Rescaled, "its values are in the units of the outputs", "does not double"),
    (Leaky, "it finds nothing where nothing changes", "the same in all models"),
    (Later, "it is blind to the order of models", "order of models"),
    (Centred, "an example has the values alone that it has among others", "alone than among all"),
    (Writing, "it leaves the model alone", "changed what it was given: outputs"),
    (Stepping, "it leaves the model alone", "wrote to the model"),
    (Reseeding, "it leaves the random state", "numpy"),
    (Jittering, "the same evidence gives the same values", "two tables"),
]


@pytest.mark.parametrize(("fault", "promise", "said"), FAULTS)
def test_a_planted_fault_is_caught(fault, promise, said):
    (tried,) = promises.verdicts(fault, {promise})
    assert (tried.promise, tried.tried) == (promise, True)
    assert re.search(said, str(tried.error))


def test_every_promise_of_attributors_has_a_planted_fault():
    of_every = {name for name, _ in promises.checks_for(Steps)}
    assert {name for name, _ in promises.checks_for(RIGHT)} - of_every == {promise for _, promise, _ in FAULTS}
