"""Conjugate gradients against a direct solve, and on what cannot be solved."""

import numpy as np

from untrain.maths.conjugate_gradients import conjugate_gradients


def posed(d=30, condition=1e4):
    draw = np.random.default_rng(0)
    q = np.linalg.qr(draw.normal(size=(d, d)))[0]
    return (q * np.geomspace(1, condition, d)) @ q.T, draw.normal(size=d)


def test_the_answer_is_that_of_a_direct_solve():
    a, b = posed()
    found = conjugate_gradients(lambda v: a @ v, b, tolerance=1e-13)
    np.testing.assert_allclose(found.x, np.linalg.solve(a, b), rtol=1e-8)
    assert found.converged


def test_the_inverse_as_a_preconditioner_takes_one_step():
    a, b = posed()
    inverse = np.linalg.inv(a)
    found = conjugate_gradients(lambda v: a @ v, b, lambda v: inverse @ v, tolerance=1e-9)
    assert (found.steps, found.converged) == (1, True)


def test_an_answer_that_does_not_exist_is_said_not_to_be_found():
    found = conjugate_gradients(lambda v: np.array([v[0], 0.0]), np.array([1.0, 1.0]))
    assert not found.converged


def test_nothing_is_solved_by_nothing():
    found = conjugate_gradients(lambda v: v, np.zeros(3))
    assert (found.x.tolist(), found.steps, found.converged) == ([0.0, 0.0, 0.0], 0, True)


def test_it_stops_at_the_limit_of_its_steps():
    a, b = posed()
    found = conjugate_gradients(lambda v: a @ v, b, tolerance=1e-13, steps=3)
    assert (found.steps, found.converged) == (3, False)
