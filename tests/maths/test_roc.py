import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from untrain.maths.roc import auc, placements

TIED = arrays(np.float64, st.integers(1, 20), elements=st.integers(-3, 3).map(float))


def reference(members, others, weights=None):
    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    given_weights = None if weights is None else np.r_[np.ones(len(members)), weights]
    return roc_auc_score(truth, np.r_[members, others], sample_weight=given_weights)


@given(TIED, TIED)
def test_ties_count_half_as_in_sklearn(members, others):
    assert auc(members, others) == pytest.approx(reference(members, others), abs=1e-12)


@given(TIED, TIED, st.integers(0, 9))
def test_weights_of_others_count_as_in_sklearn(members, others, seed):
    weights = np.random.default_rng(seed).uniform(0.1, 3, size=len(others))
    assert auc(members, others, weights) == pytest.approx(reference(members, others, weights), abs=1e-9)


@given(TIED, TIED)
def test_swapping_the_two_gives_the_rest(members, others):
    assert auc(members, others) + auc(others, members) == pytest.approx(1, abs=1e-12)


def test_an_integer_weight_is_a_repetition():
    members, others, weights = np.array([0.5, 2.0]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0])
    assert placements(members, others, weights) == pytest.approx(placements(members, np.repeat(others, [1, 3, 2])))


@pytest.mark.parametrize("apart", [0.0, 0.5, 1.0, 2.0])
def test_two_gaussians_give_phi_of_distance_over_root_two(apart):
    draw = np.random.default_rng(3)
    found = auc(draw.normal(apart, 1, 40_000), draw.normal(0, 1, 40_000))
    assert found == pytest.approx(norm.cdf(apart / np.sqrt(2)), abs=0.006)


def test_placements_are_shares_below():
    assert placements(np.array([-1.0, 0.0, 0.5, 9.0]), np.array([0.0, 1.0])).tolist() == [0, 0.25, 0.5, 1]
