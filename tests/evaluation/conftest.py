"""Answers planted so that scores can be worked out by hand."""

import sys

import numpy as np
import pytest

from untrain.evaluation.observation import Observation


@pytest.fixture
def planted():
    """The functions of this file."""
    return sys.modules[__name__]


def sides(forget, retain, test):
    """Sides of so many examples."""
    return np.repeat(["forget", "retain", "test"], [forget, retain, test])


def observed(logits, labels, side, true=None):
    """Models' answers (m, n, c) as an Observation."""
    labels = np.asarray(labels)
    ids = np.arange(len(labels))
    return Observation.of_logits(
        np.asarray(logits, dtype=np.float32), labels, labels if true is None else np.asarray(true), side, ids
    )


def noisy(models, side, boost=0.0, seed=0, classes=3):
    """Models that are fairly right, surer by ``boost`` on the forget set."""
    draw = np.random.default_rng(seed)
    labels = np.arange(len(side)) % classes
    logits = draw.normal(size=(models, len(side), classes))
    logits[:, np.arange(len(side)), labels] += 1 + boost * (side == "forget") + (side == "retain")
    return observed(logits, labels, side)


def confident(probability, models=1):
    """Logits in two classes, (m, n, 2), that give class 0 these probabilities."""
    p = np.asarray(probability, dtype=float)
    return np.repeat(np.stack([np.log(p), np.log1p(-p)], axis=-1)[None], models, axis=0)


def turned(seen, order):
    """The same answers with examples in another order."""
    held = {n: getattr(seen, n)[order] for n in ("labels", "true", "side", "ids")}
    return Observation.of_logits(seen.logits[:, order], **held)
