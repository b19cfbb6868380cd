"""Steps after examples got other values, against the minimiser on the corrected data and the bounds on their distance."""

import math

import numpy as np
import pytest
from scipy.special import expit

from convex_problems import gradients, hessian, minimiser
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.online_removal import corrected, removal_state, removed, weights_after
from untrain.maths.positive_factor import PositiveFactor
from untrain.maths.removal_bounds import Constants, RemovalBound, constants_of, rounding_error

LOGISTIC = LinearLoss("logistic")


def rows(draw, p, n, d):
    """Random rows in the unit ball, and labels."""
    x = draw.normal(size=(p, n, d)) * draw.uniform(0.2, 3, size=(p, 1, 1))
    x /= np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1)
    return x, np.sign(draw.normal(size=(p, n)) + draw.normal(size=(p, 1)) * x[..., 0])


@pytest.mark.parametrize("averaged", [True, False])
def test_no_bound_is_broken_on_5_000_random_problems_of_corrections_and_removals(averaged):
    """Of k of 20 examples the label, the inputs or both are others, and m others are gone; a mean's penalty shrinks with it."""
    draw = np.random.default_rng(averaged)
    p, n = 5_000, 20
    (x, y), (x2, y2) = rows(draw, p, n, 2), rows(draw, p, n, 2)
    kind = draw.integers(3, size=(p, 1))  # labels, inputs, both
    x2, y2 = np.where(kind[..., None] == 0, x, x2), np.where(kind == 0, -y, np.where(kind == 1, y, y2))
    k, m = draw.integers(1, 9, size=p), draw.integers(0, 6, size=p)
    other, stays = np.arange(n) < k[:, None], (np.arange(n) < (n - m)[:, None]).astype(float)
    after_x, after_y = np.where(other[..., None], x2, x), np.where(other, y2, y)
    penalty = np.exp(draw.uniform(np.log(0.01), 0, size=p))  # of the mean over all
    left = penalty if averaged else penalty * n / (n - m)
    w, aim = minimiser(x, y, penalty, np.ones_like(y)), minimiser(after_x, after_y, left, stays)
    share = penalty if averaged else 0 * penalty
    change = (gradients(after_x, after_y, w, share) * stays[..., None] - gradients(x, y, w, share)).sum(1)[..., None]
    whole = hessian(after_x, after_y, w, left, stays) * (n - m)[:, None, None]
    before = hessian(x, y, w, penalty, np.ones_like(y)) * n
    constants = [constants_of(LOGISTIC, q * (1 if averaged else n), 1.0, None if averaged else n) for q in penalty]
    nearest = {}
    for jackknife, matrix in ((False, whole), (True, before)):
        steps = -np.linalg.solve(matrix, change)[..., 0]
        error, length = np.linalg.norm(w + steps - aim, axis=1), np.linalg.norm(steps, axis=1)
        made = [RemovalBound(each, n, jackknife=jackknife) for each in constants]
        known = [bound.of_step(int(a), c, int(b)) for bound, a, b, c in zip(made, m, k, length, strict=True)]
        worst = [bound.at(int(a), int(b)) for bound, a, b in zip(made, m, k, strict=True)]
        assert (error <= known).all()
        assert (error <= worst).all()
        nearest[jackknife] = (error / worst).max(), (error / known).max()
    assert nearest[True][0] > 0.05
    assert min(nearest[False][1], nearest[True][1]) > 0.2  # of the steps that were taken, within a factor of five


def test_the_bound_is_its_formula_and_unknown_changes_have_none():
    c, n, m, k, t = Constants(0.5, 2.0, 0.8, 0.7, 1.5), 100, 10, 7, 1e-3
    step = (m * (2.0 + t) + k * 1.5) / (0.5 * 90)
    newton = 0.7 / (2 * 0.5) * step**2 + t / 0.5 * (100 / 90 + 1)
    assert RemovalBound(c, n, t).at(m, k) == pytest.approx(newton, rel=1e-14)
    assert RemovalBound(c, n, t, jackknife=True).at(m, k) == pytest.approx(newton + 17 * 0.8 * step / (0.5 * 100), rel=1e-14)
    assert RemovalBound(Constants(0.5, 2.0, 0.8, 0.7), n).at(m, k) == math.inf
    assert RemovalBound(Constants(0.5, 2.0, 0.8, 0.7), n).at(m) < math.inf
    assert rounding_error(c, n, m, 5, t, k) > rounding_error(c, n, m, 5, t)


def test_the_change_of_a_gradient_comes_as_near_to_its_constant_as_one_likes():
    """Rows on opposite sides of a long weight's hyperplane, both just where the model is sure and wrong; flips reach a half."""
    w, tilt = np.array([1e6, 0.0]), 1e-4
    a, b = np.array([-tilt, 1.0]), np.array([-tilt, -1.0])  # label times inputs
    slopes = [-each * expit(-each @ w) for each in (a, b)]
    swap = constants_of(LOGISTIC, 0.1, 1.0).swap
    assert 0.9999 * swap < np.linalg.norm(slopes[0] - slopes[1]) <= swap * (1 + 1e-8)
    flip = -a * expit(-a @ w) - a * expit(a @ w)
    assert np.linalg.norm(flip) == pytest.approx(swap / 2, rel=1e-6)


def test_an_up_date_is_the_factor_of_the_sum_and_a_down_date_takes_it_back():
    draw = np.random.default_rng(0)
    x, c = draw.normal(size=(40, 6)) * 10.0 ** np.arange(-3, 3), draw.normal(size=(6, 9)) * 10.0 ** np.arange(-3, 3)[:, None]
    matrix, b = x.T @ x, draw.normal(size=6)
    factor = PositiveFactor.of(matrix)
    np.testing.assert_allclose(factor.with_more(c).solve(b), np.linalg.solve(matrix + c @ c.T, b), rtol=1e-9)
    np.testing.assert_allclose(factor.with_more(c).without(c).solve(b), factor.solve(b), rtol=1e-9)
    assert np.array_equal(factor.with_more(c[:, :0]).lower, factor.lower)


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("loss", ["logistic", "multinomial"])
def test_a_kept_state_takes_corrections_and_removals_in_any_order(loss, mean):
    """Its weights are those of a Newton step on the data after all of them."""
    draw = np.random.default_rng(2)
    x, x2, k = draw.normal(size=(60, 4)), draw.normal(size=(60, 4)), 3 if loss == "multinomial" else 1
    y, y2 = (draw.integers(3, size=60) if k == 3 else draw.choice([-1.0, 1.0], 60) for _ in range(2))

    def objective(inputs, targets, penalty=0.0, averaged=False):
        return ConvexObjective(DesignMatrix.of(inputs, False), targets, LinearLoss(loss), k, penalty, mean=averaged)

    w = draw.normal(size=4 * k) * 0.1
    whole = objective(x, y, 0.3, mean)
    state = removal_state(whole, w)
    a, b = corrected(state, objective(x[:5], y[:5]), objective(x2[:5], y2[:5])), removed(state, objective(x[9:12], y[9:12]))
    a = removed(a, objective(x[9:12], y[9:12]))
    b = corrected(b, objective(x[:5], y[:5]), objective(x2[:5], y2[:5]))
    after = objective(np.r_[x2[:5], x[5:9], x[12:]], np.r_[y2[:5], y[5:9], y[12:]], 0.3, mean)
    # A state takes its weights for an optimum, so the gradient before is not part of its step.
    slope = after.at(w).slope / after.share - whole.at(w).slope / whole.share
    aim = w - np.linalg.solve(after.hessian(w) / after.share, slope)
    for each in (a, b):
        assert weights_after(each) == pytest.approx(aim, abs=1e-12)
        assert (each.removed, each.corrected) == (3, 5)
    with pytest.raises(ValueError, match="1 examples replace 2"):
        corrected(state, objective(x[:2], y[:2]), objective(x2[:1], y2[:1]))
