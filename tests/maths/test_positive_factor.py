"""Cholesky factors that do not mind units and refuse singular matrices."""

import numpy as np
import pytest

from untrain.maths.positive_factor import PositiveFactor


def test_units_of_columns_cost_no_digits():
    draw = np.random.default_rng(0)
    x, units = draw.normal(size=(40, 6)), 10.0 ** np.array([-9, -5, 0, 3, 6, 9])
    b = draw.normal(size=(6, 2))
    plain, scaled = PositiveFactor.of(x.T @ x), PositiveFactor.of((x * units).T @ (x * units))
    np.testing.assert_allclose(scaled.solve(b * units[:, None]) * units[:, None], plain.solve(b), rtol=1e-10)
    np.testing.assert_allclose(plain.solve(b[:, 0]), np.linalg.solve(x.T @ x, b[:, 0]), rtol=1e-10)
    assert scaled.reciprocal_condition == pytest.approx(plain.reciprocal_condition, rel=1e-6)


@pytest.mark.parametrize(
    "matrix",
    [np.ones((2, 2)), np.diag([1.0, 0.0]), np.diag([1.0, -1.0]), np.array([[1.0, 2.0], [2.0, 1.0]]), np.diag([1.0, np.nan])],
)
def test_what_is_not_positive_definite_is_refused(matrix):
    with pytest.raises(np.linalg.LinAlgError):
        PositiveFactor.of(matrix)


def test_columns_that_differ_by_rounding_alone_are_refused():
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[:, 2] = x[:, 0] + x[:, 1] * (1 + 1e-15)
    with pytest.raises(np.linalg.LinAlgError, match=r"singular|positive definite"):
        PositiveFactor.of(x.T @ x)
