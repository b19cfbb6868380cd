"""What Newton steps leave of a perturbed objective, against the laws themselves."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from untrain.maths.bounds import epsilon_shown
from untrain.maths.gaussian_mechanism import epsilon_of
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.perturbed_removal import StepResidual, measured_length, residual_step

LOGISTIC = LinearLoss("logistic")


def slopes(x, y, w):
    """Sum of the gradients of logistic losses, and of their Hessians."""
    miss = expit(-y * (x @ w))
    return -(y * miss) @ x, (x.T * (miss * (1 - miss))) @ x


def shifted(x, y, penalty, removed, w):
    """The perturbation b of which w is the optimum with all rows, and that of which it is after Newton steps that remove rows."""
    eye = penalty * np.eye(len(w))
    slope, _ = slopes(x, y, w)
    b = -(slope + penalty * w)
    for gone in removed:
        _, whole = slopes(x[gone.stop :], y[gone.stop :], w)
        w = w + np.linalg.solve(whole + eye, slopes(x[gone], y[gone], w)[0])
    slope, _ = slopes(x[removed[-1].stop :], y[removed[-1].stop :], w)
    return b, -(slope + penalty * w)


def bound(x, penalty, removed):
    total = StepResidual()
    for gone in removed:
        total = total.after(residual_step(LOGISTIC, 1.0, penalty, len(x) - gone.stop, gone.stop - gone.start))
    return total


@pytest.fixture(scope="module")
def problem():
    """Rows in the unit ball; the first are far out, with the wrong sign."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 2))
    x /= np.maximum(1, np.linalg.norm(x, axis=1, keepdims=True))
    y = np.sign(x[:, 0])
    x[:4], y[:4] = [1, 0], -1
    return x, y


REMOVED = [slice(0, 2), slice(2, 3), slice(3, 4)]


def test_residuals_and_their_derivatives_are_within_their_bounds(problem):
    x, y = problem
    total, wide = bound(x, 12.0, REMOVED), []
    for w in np.random.default_rng(1).normal(size=(20, 2)):
        b, after = shifted(x, y, 12.0, REMOVED, w)
        assert np.linalg.norm(b - after) <= total.length
        ends = [shifted(x, y, 12.0, REMOVED, w + h) for h in (1e-6 * np.eye(2))]
        pairs = np.array([(one - b, other - after) for one, other in ends])
        turned = np.eye(2) - np.linalg.solve(pairs[:, 0], pairs[:, 1]).T
        _, hessian = slopes(x[2:], y[2:], w)
        values, vectors = np.linalg.eigh(hessian + 12 * np.eye(2))
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        wide.append(np.linalg.norm(root @ turned @ np.linalg.inv(root), 2) / total.turn)
    assert 0.0001 < max(wide) < 1


def test_of_a_real_problem_of_one_weight_no_event_tells_more_than_is_claimed(problem):
    """The hockey-stick divergence of the laws themselves, by quadrature, both ways round."""
    x, y = problem[0][:, :1], problem[1]
    w = np.linspace(-8, 8, 1601)
    b, after = np.array([shifted(x, y, 12.0, REMOVED[:2], np.array([v])) for v in w])[::-1, :, 0].T
    grid = np.linspace(-60, 60, 20_001)
    back = np.interp(grid, after, b)  # the perturbation that ends there
    for std in (1.0, 3.0, 10.0):
        unlearned = norm.pdf(back, scale=std) * np.gradient(back, grid)
        retrained = norm.pdf(grid, scale=std)
        epsilon = bound(x, 12.0, REMOVED[:2]).epsilon(std, 1, 1e-3)
        assert epsilon < 0.5
        for one, other in ((unlearned, retrained), (retrained, unlearned)):
            assert np.maximum(one - math.exp(epsilon) * other, 0).sum() * (grid[1] - grid[0]) <= 1e-3
        assert np.abs(unlearned - retrained).sum() * (grid[1] - grid[0]) > 1e-6  # they do differ


def test_the_length_is_attained_by_a_hessian_that_grows_as_fast_as_it_may():
    """Gradients ``penalty w + stay M w^2 / 2`` of what stays, from 0 with the pull of what went."""
    loss, penalty, stay = LOGISTIC, 40.0, 500
    step = loss.bounds.slope / penalty
    left = penalty * step + stay * loss.bounds.change * step**2 / 2 - loss.bounds.slope
    assert residual_step(loss, 1.0, penalty, stay, 1).length == pytest.approx(left, rel=1e-12)
    assert residual_step(loss, 1.0, penalty, stay, 3).length == pytest.approx(9 * left, rel=1e-12)
    assert residual_step(loss, 1.0, penalty, stay, 1, shared=True).length == pytest.approx(4 * left, rel=1e-12)
    assert residual_step(LinearLoss("squared"), 1.0, penalty, stay, 9) == StepResidual()
    with pytest.raises(ValueError, match="the Hessian of 'huber' jumps"):
        residual_step(LinearLoss("huber", threshold=1.0), 1.0, penalty, stay, 1)


def test_what_was_measured_is_within_the_worst_case(problem):
    x, y = problem
    w = np.array([0.3, -0.2])
    _, hessian = slopes(x[1:], y[1:], w)
    step = np.linalg.solve(hessian + 12 * np.eye(2), slopes(x[:1], y[:1], w)[0])
    b, after = shifted(x, y, 12.0, [slice(0, 1)], w)
    args = float(np.linalg.norm(step)), float(np.linalg.norm(x[1:], 2)), float(np.linalg.norm(x[1:] @ step))
    assert np.linalg.norm(b - after) <= measured_length(LOGISTIC, 1.0, *args) <= bound(x, 12.0, [slice(0, 1)]).length


@pytest.mark.parametrize(("factor", "caught"), [(1.0, False), (0.5, True)])
def test_a_residual_that_is_as_long_as_claimed_shows_no_more_and_half_of_the_noise_is_caught(factor, caught):
    residual, many = StepResidual(length=0.3), 200_000
    claimed = residual.epsilon(1.0, 1, 0.01)
    released, retrained = factor * np.random.default_rng(0).normal(size=(2, many)) - [[0.3], [0.0]]
    cut = -0.15 - claimed / 0.3 * factor**2
    rates = [float((released > cut).mean()), float((retrained <= cut).mean())]
    found = float(epsilon_shown(rates[1], rates[0], (many, many), 0.01, 0.99))
    assert (found > claimed) == caught
    assert epsilon_of(0.3, 0.01) <= claimed < 1.6 * epsilon_of(0.3, 0.01)


def test_a_short_residual_that_depends_on_the_perturbation_may_tell_all():
    """Why the length alone certifies nothing: the paper's formula gives 0.5 here, and a glance tells the two apart."""
    draws = np.random.default_rng(0).normal(size=1000)
    length = 0.5 / math.sqrt(2 * math.log(1.5 / 1e-5))
    rounded = np.round(draws / (2 * length)) * 2 * length
    assert np.abs(rounded - draws).max() <= length
    assert np.isin(rounded, np.arange(-60, 61) * 2 * length).mean() == 1.0
    assert np.isin(draws, np.arange(-60, 61) * 2 * length).mean() == 0.0
    assert StepResidual(length, turn=1.0).epsilon(1.0, 1, 1e-5) == math.inf


def test_epsilon_grows_with_what_was_left_and_with_the_number_of_weights():
    claims = [StepResidual(0.1, turn).epsilon(1.0, weights, 1e-5) for turn, weights in ((0, 9), (1e-3, 9), (1e-3, 900), (3e-2, 9))]
    assert all(one < other for one, other in pairwise(claims))
    assert StepResidual().epsilon(1.0, 9, 1e-5) == 0.0
