"""Outcomes of planted models by all endpoints together: no leak is no conviction, and what cancels in a mean does not pass."""

from collections import Counter

import numpy as np
import pytest

from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.endpoints import endpoints
from untrain.evaluation.protocols.outcome import PASSES, REMEMBERS, Evidence, rule
from untrain.evaluation.protocols.protocol import Protocol

SIDE = np.repeat(["forget", "retain", "test"], [40, 200, 200])
FORGET, TEST = SIDE == "forget", SIDE == "test"
NOTHING = Evidence({}, {"forget": 40, "recognised": 0, "standing_out": 0})


def observed(margins):
    labels = np.zeros(len(SIDE), dtype=int)
    outputs = {"margin": margins, "correct": (margins > 0) * 1.0}
    return Observation(outputs, labels, labels, SIDE, np.arange(len(SIDE)).astype(str))


def drawn(models, oracles, seed, change=lambda margins: margins):
    """Margins of models and of retrained ones: a level per example, which a temperature of each model multiplies, and noise."""
    draw = np.random.default_rng(seed)
    level = 2 + 1.5 * draw.standard_normal(len(SIDE))

    def make(count):
        return level * (1 + 0.1 * draw.standard_normal((count, 1))) + 0.5 * draw.standard_normal((count, len(SIDE)))

    return observed(change(make(models))), observed(make(oracles))


def outcomes(models, oracles, change, times=15):
    return Counter(rule(Protocol(), *drawn(models, oracles, s, change), None, NOTHING).outcome for s in range(times))


@pytest.mark.parametrize(("models", "oracles"), [(1, 19), (10, 20)])
def test_a_model_that_is_surer_of_test_examples_alone_is_not_convicted(models, oracles):
    found = outcomes(models, oracles, lambda margins: margins + TEST)
    assert not [outcome for outcome in found if outcome.startswith("fails")]


@pytest.mark.parametrize(("models", "oracles"), [(1, 19), (10, 20)])
def test_a_model_that_remembers_half_and_over_forgets_half_does_not_pass(models, oracles):
    both = np.where(np.arange(len(SIDE)) % 2, 1.2, -1.2) * FORGET
    assert outcomes(models, oracles, lambda margins: margins + both)[PASSES] == 0


def test_a_model_that_knows_the_forget_set_better_is_convicted_and_never_passes():
    found = outcomes(10, 20, lambda margins: margins + 2 * FORGET)
    assert found[REMEMBERS] >= 12
    assert found[PASSES] == 0


def test_perfect_models_of_ten_against_twenty_pass():
    found = outcomes(10, 20, lambda margins: margins)
    assert found[PASSES] >= 12


@pytest.mark.parametrize("name", ["attack", "distance"])
def test_retrained_models_spread_as_further_ones_do(name):
    ratios = []
    for seed in range(60):
        ours, theirs = drawn(20, 10, seed)
        (found,) = [e for e in endpoints(ours, theirs)[0] if e.name == name]
        ratios.append([found.theirs.var(ddof=1), found.ours.var(ddof=1)])
    theirs, ours = np.mean(ratios, axis=0)
    assert 0.7 < theirs / ours < 1.3
