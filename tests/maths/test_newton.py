"""Newton's method on functions whose minima are known."""

import math

import numpy as np

from untrain.maths.newton import Local, Proposal, newton


def by(slope, curvature):
    """A model for a function of one number."""

    def model(x, at):
        bend = curvature(x)
        return lambda x, at: Proposal(x - at.slope / bend, float(at.slope @ at.slope) / float(bend[0]))

    return model


def test_far_steps_are_halved():
    # Without a line search Newton's method on log cosh runs away from 2.
    def function(x):
        return Local(float(np.logaddexp(x, -x)[0] - math.log(2)), np.tanh(x))

    found = newton(function, by(np.tanh, lambda x: 1 - np.tanh(x) ** 2), np.array([2.0]), 1e-13)
    assert abs(found.point[0]) < 1e-13
    assert found.left < 1e-12


def test_digits_below_the_rounding_of_values_are_found():
    # Near 1 the values of 1e6 + (x - 1)^2 are one number; the slope still tells.
    def function(x):
        return Local(1e6 + float((x[0] - 1) ** 2), 2 * (x - 1))

    found = newton(function, by(None, lambda x: np.array([2.1])), np.array([1 + 1e-6]), 1e-14)
    assert abs(found.point[0] - 1) < 1e-14


def test_what_has_no_minimum_is_left_with_a_step_that_does_not_shrink():
    def function(x):
        return Local(float(np.exp(-x)[0]), -np.exp(-x))

    found = newton(function, by(None, lambda x: np.exp(-x)), np.zeros(1), 1e-12)
    assert found.slope < 1e-12
    assert found.left > 0.3


def test_it_ends_where_nothing_gets_smaller():
    found = newton(lambda x: Local(0.0, np.ones(1)), lambda x, at: lambda x, at: Proposal(x - 1, 1.0), np.zeros(1), 0.1)
    assert (found.steps, found.slope) == (0, 1.0)
