"""Differences of means against planted sums of effects."""

from itertools import combinations, product

import numpy as np
import pytest
import torch

from untrain.attribution.attributors.meandifference import MeanDifference
from untrain.attribution.base import TrainingEvidence
from untrain.attribution.memorization import influence, mean_differences
from untrain.attribution.toy import planted
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification

EFFECTS = np.array([1.0, 2.0, 3.0, 4.0])
ALL = np.array(list(product([False, True], repeat=4)))
PAIRS = np.array([[i in pair for i in range(4)] for pair in combinations(range(4), 2)] * 3)


@pytest.mark.parametrize(("seen", "expected"), [(ALL, EFFECTS), (PAIRS, [-2, -2 / 3, 2 / 3, 2])], ids=["all subsets", "size two"])
def test_a_sum_of_effects_is_taken_apart(seen, expected):
    four = Examples.labelled(torch.zeros(4, 1), torch.arange(4) % 2, np.arange(4), 2)
    outputs = np.repeat((seen @ EFFECTS)[:, None, None], 4, 1) * np.array([1.0, -2.0])
    values = MeanDifference()(TrainingEvidence(four, four, Classification(classes=2), outputs, seen))
    assert values[:, :, 0] == pytest.approx(np.repeat(np.array(expected)[:, None], 4, 1), abs=1e-5)
    assert values[:, :, 1] == pytest.approx(-2 * values[:, :, 0], abs=1e-5)


def test_it_is_the_value_of_influence():
    evidence, _ = planted()
    values = MeanDifference()(evidence, rows=[2, 5])
    for c in range(3):
        assert values[:, :, c] == pytest.approx(influence(evidence.outputs[:, :, c], evidence.seen, [2, 5]).value, abs=1e-5)


def test_far_from_zero_nothing_is_lost():
    rng = np.random.default_rng(0)
    seen = rng.random((64, 5)) < 0.5
    answers = rng.normal(size=(64, 1500))
    assert mean_differences(answers + 1e4, seen) == pytest.approx(mean_differences(answers, seen), abs=1e-4)
