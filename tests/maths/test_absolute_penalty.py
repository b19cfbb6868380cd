"""Exact minima with an absolute penalty, against closed forms and the condition that only a minimum meets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrain.maths.absolute_penalty import quadratic_minimum, shortest_subgradient, shrunk


def test_orthogonal_columns_are_shrunk_one_by_one():
    bends, linear = np.array([1.0, 2.0, 4.0, 1.0]), np.array([3.0, -3.0, 0.5, 0.2])
    strengths = np.array([1.0, 1.0, 1.0, 0.0])
    found = quadratic_minimum(np.diag(bends), linear, strengths, np.zeros(4))
    np.testing.assert_allclose(found, shrunk(linear, strengths) / bends, atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.001, 2.0), st.booleans())
def test_the_shortest_subgradient_is_zero_at_what_is_found_and_nowhere_near(seed, strength, bias):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(40, 8)) + draw.normal(size=(40, 1))  # correlated columns
    hessian, linear = x.T @ x / 40, draw.normal(size=8)
    strengths = np.full(8, strength)
    strengths[7] *= not bias
    found = quadratic_minimum(hessian, linear, strengths, draw.normal(size=8) * draw.integers(0, 2, 8))

    def missed(w):
        return np.linalg.norm(shortest_subgradient(w, hessian @ w - linear, strengths))

    assert missed(found) < 1e-11
    assert missed(found + 1e-3 * draw.normal(size=8)) > 1e-6


def test_a_start_at_the_minimum_stays_and_a_wrong_support_is_left():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 10))
    hessian, linear, strengths = x.T @ x / 60, x.T @ x[:, 0] / 60, np.full(10, 0.05)
    best = quadratic_minimum(hessian, linear, strengths, np.zeros(10))
    np.testing.assert_allclose(quadratic_minimum(hessian, linear, strengths, best), best, atol=1e-13)
    np.testing.assert_allclose(quadratic_minimum(hessian, linear, strengths, -5 * np.ones(10)), best, atol=1e-13)


def test_zero_is_the_minimum_where_no_pull_exceeds_its_strength():
    linear = np.array([1.0, -2.0])
    assert quadratic_minimum(np.eye(2), linear, np.full(2, 2.0), np.ones(2)).tolist() == [0.0, 0.0]


def test_two_equal_columns_on_the_support_are_refused():
    x = np.random.default_rng(0).normal(size=(20, 1))
    hessian = np.cov(np.column_stack([x, x]).T)
    with pytest.raises(np.linalg.LinAlgError):
        quadratic_minimum(hessian, 3 * hessian[:, 0], np.full(2, 0.1), np.ones(2))
