"""The Neumann series of a logistic Hessian against a dense solve."""

import numpy as np
import pytest
from scipy.special import expit

from untrain.maths.lissa import lissa


@pytest.fixture(scope="module")
def hessian():
    """Of a logistic regression of 50 weights, and a right side."""
    draw = np.random.default_rng(0)
    x, w, b = draw.normal(size=(300, 50)) / np.sqrt(50), draw.normal(size=50), draw.normal(size=50)
    p = expit(3 * x @ w)
    return (x.T * (p * (1 - p))) @ x + 0.5 * np.eye(50), b


def error(matrix, b, scale, **how):
    found = lissa(lambda v: matrix @ v, b, scale, **how)
    exact = np.linalg.solve(matrix, b)
    return found, np.linalg.norm(found.x - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize("share", [1.7, 17.0, 0.51])
def test_it_is_the_dense_solution_where_the_scale_is_more_than_half_the_largest_eigenvalue(hessian, share):
    matrix, b = hessian
    found, far = error(matrix, b, share * np.linalg.eigvalsh(matrix)[-1], tolerance=1e-15)
    assert found.converged or found.residual < 1e-14 * np.linalg.norm(b)
    assert far < 1e-14


def test_at_half_of_it_nothing_comes_nearer_and_below_it_diverges_and_says_so(hessian):
    matrix, b = hessian
    largest = np.linalg.eigvalsh(matrix)[-1]
    at_half, far = error(matrix, b, 0.5 * largest, steps=4000)
    assert not at_half.converged
    assert far > 1e-3
    below, far = error(matrix, b, 0.35 * largest)
    assert not below.converged
    assert below.residual > 100 * np.linalg.norm(b)
    assert below.steps < 100
    assert not lissa(lambda v: matrix @ v, b, 1e-300).converged  # numbers overflow


def test_damping_is_part_of_the_matrix(hessian):
    """The official code's damping of .1 is .1 times its scale on the diagonal."""
    matrix, b = hessian
    scale = 1.7 * np.linalg.eigvalsh(matrix)[-1]
    damped = matrix + 0.1 * scale * np.eye(50)
    u = b.copy()
    for _ in range(2000):  # the recursion as published, of which the answer is u / scale
        u = b + (1 - 0.1) * u - matrix @ u / scale
    assert lissa(lambda v: damped @ v, b, scale).x == pytest.approx(u / scale, rel=1e-7)
    assert u / scale == pytest.approx(np.linalg.solve(damped, b), rel=1e-13)


def test_without_a_right_side_the_answer_is_0():
    assert lissa(lambda v: v, np.zeros(3), 1.0).x.tolist() == [0, 0, 0]
