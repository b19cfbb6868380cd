"""Steps that remove examples of logistic regressions, against the minimiser without them and the bounds on their distance."""

import math

import numpy as np
import pytest

from convex_problems import aligned_logistic, gradients, hessian, minimiser
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.removal_bounds import (
    Constants,
    RemovalBound,
    capacity,
    constants_of,
    error_of_jackknife,
    error_of_step,
    jackknife_error,
    newton_error,
)

LOGISTIC = LinearLoss("logistic")


def errors(x, y, penalty, removed):
    """Distance to the minimiser without the removed of: doing nothing, the jackknife, and the Newton step, (p,) each."""
    everything = np.ones_like(y)
    stays = everything.copy()
    stays[removed] = 0.0
    w, aim = (minimiser(x, y, penalty, each) for each in (everything, stays))
    gone = (gradients(x, y, w, penalty) * (1 - stays)[..., None]).sum(1)[..., None]
    n, left = y.shape[1], stays.sum(1)[:, None, None]
    jackknife = w + np.linalg.solve(hessian(x, y, w, penalty, everything), gone / n)[..., 0]
    newton = w + np.linalg.solve(hessian(x, y, w, penalty, stays), gone / left)[..., 0]
    return [np.linalg.norm(each - aim, axis=1) for each in (w, jackknife, newton)]


@pytest.fixture(scope="module")
def aligned():
    x, y = aligned_logistic()
    return x[None], y[None], np.array([0.05])


# Computed anew from the description in the project's specification of arXiv 2209.12269.
@pytest.mark.parametrize(
    ("removed", "none", "jackknife", "newton"),
    [
        (2, 3.42641e-3, 6.07036e-6, 2.29555e-7), (16, 2.77545e-2, 3.93338e-4, 1.49995e-5),
        (128, 2.46658e-1, 2.78636e-2, 1.08589e-3),
    ],
)  # fmt: skip
def test_on_aligned_examples_errors_are_known_and_within_their_bounds(aligned, removed, none, jackknife, newton):
    found = errors(*aligned, np.s_[:, :removed])
    assert [float(each[0]) for each in found] == pytest.approx([none, jackknife, newton], rel=2e-5)
    constants = constants_of(LOGISTIC, penalty=0.05, radius=1.0)
    assert found[1] <= jackknife_error(constants, 4000, removed)
    assert found[2] <= newton_error(constants, 4000, removed)


def test_no_bound_is_broken_on_10_000_random_problems():
    draw = np.random.default_rng(0)
    p, n, d = 10_000, 20, 2
    x = draw.normal(size=(p, n, d)) * draw.uniform(0.2, 3, size=(p, 1, 1))
    x /= np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1)
    y = np.sign(draw.normal(size=(p, n)) + draw.normal(size=(p, 1)) * x[..., 0])
    penalty = np.exp(draw.uniform(np.log(0.01), 0, size=p))
    removed = draw.integers(1, 11, size=p)
    _, jackknife, newton = errors(x, y, penalty, np.arange(n) < removed[:, None])
    constants = [constants_of(LOGISTIC, each, 1.0) for each in penalty]
    bounds = [
        np.array([bound(c, n, int(m)) for c, m in zip(constants, removed, strict=True)])
        for bound in (jackknife_error, newton_error)
    ]
    assert (jackknife <= bounds[0]).all()
    assert (newton <= bounds[1]).all()
    # That of the jackknife is within a factor of five of the worst of these; Newton's steps are much nearer than theirs.
    assert (jackknife / bounds[0]).max() > 0.2


def test_bounds_are_attained_so_no_smaller_constant_would_hold():
    """Losses of one weight: those that stay have the curvature mu, and a Hessian that grows by M; n = 1000, m = 1."""
    c = Constants(convexity=0.5, slope=2.0, curvature=0.8, change=0.7)
    n, m = 1000, 1
    pull = m * c.slope / (n - m)  # the gradient of those that stay, where all together have none
    # mu w + M w^2 / 2 = pull is where they have none.
    aim = (-c.convexity + math.sqrt(c.convexity**2 + 2 * c.change * pull)) / c.change
    newton = pull / c.convexity
    assert 0.98 < abs(newton - aim) / newton_error(c, n, m) <= 1

    straight = Constants(c.convexity, c.slope, c.curvature, change=0.0)
    everything = ((n - m) * c.convexity + m * c.curvature) / n
    jackknife = m * c.slope / n / everything
    assert 0.98 < abs(jackknife - newton) / (jackknife_error(straight, n, m)) <= 1


def test_bounds_are_no_larger_than_the_published_ones_up_to_half_of_the_examples():
    c = Constants(convexity=0.3, slope=1.7, curvature=0.9, change=0.4)
    for m in (1, 10, 50):
        published = 2 * c.change * c.slope**2 * m**2 / (c.convexity**3 * 100**2)
        assert newton_error(c, 100, m) <= published
        assert jackknife_error(c, 100, m) <= published + 2 * c.curvature * c.slope * m**2 / (c.convexity**2 * 100**2)
    assert newton_error(c, 100, 50) == pytest.approx(published)


def test_no_bound_of_sums_is_broken_and_what_is_measured_lies_between():
    """The penalty stays whatever is left; the steps that were taken give a bound of each problem by itself."""
    draw = np.random.default_rng(1)
    p, n, d = 2_000, 20, 2
    x = draw.normal(size=(p, n, d)) * draw.uniform(0.2, 3, size=(p, 1, 1))
    x /= np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1)
    y = np.sign(draw.normal(size=(p, n)) + draw.normal(size=(p, 1)) * x[..., 0])
    total = np.exp(draw.uniform(np.log(0.2), np.log(20), size=p))
    removed = draw.integers(1, 11, size=p)
    stays = (np.arange(n) >= removed[:, None]).astype(float)
    everything = np.ones_like(y)
    # A sum is n times a mean whose penalty is the n-th part.
    w, aim = minimiser(x, y, total / n, everything), minimiser(x, y, total / (n - removed), stays)
    gone = ((gradients(x, y, w, 0 * total)) * (1 - stays)[..., None]).sum(1)[..., None]
    whole = hessian(x, y, w, total / n, everything) * n
    rest = hessian(x, y, w, total / (n - removed), stays) * (n - removed)[:, None, None]
    steps = [np.linalg.solve(h, gone)[..., 0] for h in (rest, whole)]
    for step, jackknife, of_step in zip(steps, (False, True), (error_of_step, error_of_jackknife), strict=True):
        error, length = np.linalg.norm(w + step - aim, axis=1), np.linalg.norm(step, axis=1)
        for at in range(p):
            constants, m = constants_of(LOGISTIC, total[at], 1.0, added=n), int(removed[at])
            bound = RemovalBound(constants, n, jackknife=jackknife)
            assert error[at] <= bound.of_step(m, length[at]) <= bound.at(m)
            assert bound.of_step(m, length[at]) == of_step(constants, n, m, length[at])


def test_what_is_left_of_the_gradient_before_is_part_of_the_bound_and_attained():
    """Quadratics with the curvature mu: the weights before are t / mu off, and a step by what goes makes n / (n - m) of it.

    Those of a model that is trained anew are as far off on the other side.
    """
    c, n, m, left = Constants(convexity=0.5, slope=math.inf, curvature=0.5, change=0.0), 50, 10, 0.1
    before = left / c.convexity  # the optimum is 0, and so is that of any part
    after = before + m * c.convexity * before / (c.convexity * (n - m))
    anew = -left / c.convexity
    assert newton_error(c, n, m, left) == pytest.approx(after - anew, rel=1e-15)
    assert newton_error(c, n, 0, left) == pytest.approx(before - anew, rel=1e-15)


def test_the_published_constants_of_a_softmax_hold_and_are_near():
    """Third derivatives of log-sum-exp along unit directions: none above sqrt(1/2), and some above a half of it."""
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.full(3, 0.5), size=40_000)
    u, v = (draw.normal(size=(40_000, 3)) for _ in range(2))
    u, v = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (u, v))
    u, v = (a - (p * a).sum(1, keepdims=True) for a in (u, v))
    third = np.abs((p * u**2 * v).sum(1))
    change = LinearLoss("multinomial").bounds.change
    assert change / 4 < third.max() <= change


def test_a_quadratic_has_no_newton_error_and_an_unbounded_change_no_bound():
    assert newton_error(Constants(0.1, 1.0, 1.0, 0.0), 10, 5) == 0.0
    assert newton_error(Constants(0.1, 1.0, 1.0, math.inf), 10, 5) == math.inf
    assert jackknife_error(Constants(0.1, 1.0, math.inf, 0.0), 10, 5) == math.inf
    assert jackknife_error(Constants(0.1, 1.0, math.inf, math.inf), 10, 0) == 0.0


def test_capacity_is_the_last_number_that_is_covered():
    c = constants_of(LOGISTIC, 0.1, 1.0)

    def error(m):
        return jackknife_error(c, 1000, m)

    most = capacity(error, allowed=0.05, examples=1000)
    assert 0 < most < 999
    assert error(most) <= 0.05 < error(most + 1)
    assert capacity(error, allowed=1e9, examples=1000) == 999
    assert capacity(error, allowed=0.0, examples=1000) == 0


@pytest.mark.parametrize("removed", [-1, 10, 11])
def test_a_removal_of_all_examples_is_refused(removed):
    with pytest.raises(ValueError, match="at least one has to stay"):
        newton_error(constants_of(LOGISTIC, 0.1, 1.0), 10, removed)
