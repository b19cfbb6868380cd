"""Guarantees, tried from below: what the strongest test tells apart never shows more than the epsilon that is claimed."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from untrain.data.examples import Examples, take
from untrain.maths.bounds import epsilon_shown, threshold
from untrain.maths.gaussian_accountant import GaussianAccountant
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.online_removal import weights_after
from untrain.maths.removal_bounds import Constants, RemovalBound, constants_of
from untrain.training.keepers.hessianfactor import HessianFactor, KeptFactor
from untrain.training.learners.convex import Convex
from untrain.training.problem import Problem
from untrain.unlearners.certifiednewton import CertifiedNewton

MANY = 100_000
EPSILON, DELTA = 1.0, 0.01


def shown(members, others):
    """Lower bound on epsilon at 99 %: one half of the scores chooses the threshold, the other is tested."""
    half = len(members) // 2
    cut, sign = threshold(members[:half][:4000], others[:half][:4000], DELTA)
    missed = float((sign * members[half:] <= cut).mean())
    wrong = float((sign * others[half:] > cut).mean())
    return float(epsilon_shown(wrong, missed, (len(others) - half, len(members) - half), DELTA, 0.99))


def attacked(distances, stds, seed=0):
    """Releases after unlearning and after retraining, projected on the line between the two, which the attacker knows."""
    noise = np.random.default_rng(seed).normal(size=(2, len(distances)))
    return shown(distances / stds + noise[0], noise[1])


def cubic_pairs(draw):
    """Canary pairs of one weight whose losses have the curvature mu and a Hessian that grows by M: the bounds' worst case.

    Each is retrained: those that stay have the gradient ``mu w + M w^2 / 2 - pull``, and all together have none at 0.
    """
    convexity, slope, change = (
        np.exp(draw.uniform(np.log(low), np.log(high), MANY)) for low, high in ((0.2, 2), (0.5, 2), (0.1, 1))
    )
    examples = draw.integers(500, 5_000, MANY)
    pull = slope / (examples - 1)
    retrained = 2 * pull / (convexity + np.sqrt(convexity**2 + 2 * change * pull))
    bounds = np.array([
        RemovalBound(Constants(c, s, c, h), int(n)).at(1) for c, s, h, n in zip(convexity, slope, change, examples, strict=True)
    ])  # fmt: skip
    return np.abs(pull / convexity - retrained), bounds


@pytest.fixture(scope="module")
def cubic():
    return cubic_pairs(np.random.default_rng(0))


def test_on_pairs_that_attain_the_bound_the_epsilon_that_shows_is_just_below_the_claimed_one(cubic):
    distances, bounds = cubic
    assert (distances / bounds).min() > 0.92
    assert (distances <= bounds).all()
    stds = bounds / GaussianAccountant(EPSILON, DELTA).limit
    assert 0.75 * EPSILON < attacked(distances, stds) <= EPSILON


def test_half_of_the_constant_is_caught(cubic):
    distances, bounds = cubic
    stds = 0.5 * bounds / GaussianAccountant(EPSILON, DELTA).limit
    assert attacked(distances, stds) > 1.5 * EPSILON


@pytest.mark.parametrize(("factor", "caught"), [(1.0, False), (0.5, True)])
def test_a_stream_of_releases_shows_no_more_than_its_budget(cubic, factor, caught):
    """Four releases whose squares add up to the budget; the best test adds up their projections by their distances."""
    distances, bounds = cubic
    account = GaussianAccountant(EPSILON, DELTA)
    shares = np.sqrt([0.4, 0.3, 0.2, 0.1]) * account.limit
    for share in shares:
        account = account.charged(share)
    apart = shares * (distances / bounds)[:, None] / factor
    noise = np.random.default_rng(1).normal(size=(2, MANY, 4))
    found = shown(((apart + noise[0]) * apart).sum(1), (noise[1] * apart).sum(1))
    assert (found > EPSILON) == caught
    assert found > 0.7 * EPSILON


@pytest.mark.parametrize(("factor", "caught"), [(1.0, False), (0.5, True)])
def test_a_correction_shows_what_is_claimed_where_its_bound_is_attained_and_half_of_the_constant_is_caught(factor, caught):
    """Canary pairs of one weight: an example's gradient turns round, and the Hessian falls by M on the way to the new optimum."""
    draw = np.random.default_rng(5)
    convexity, slope, change = (np.exp(draw.uniform(np.log(a), np.log(b), MANY)) for a, b in ((0.2, 2), (0.5, 2), (0.1, 1)))
    examples = draw.integers(1_000, 10_000, MANY)
    pull = 2 * slope / examples
    aim = 2 * pull / (convexity + np.sqrt(convexity**2 + 2 * change * pull))  # c w + M w^2 / 2 = pull
    bounds = np.array([
        RemovalBound(Constants(c, s, c, h, 2 * s), int(n)).at(0, corrected=1)
        for c, s, h, n in zip(convexity, slope, change, examples, strict=True)
    ])  # fmt: skip
    distances = np.abs(pull / convexity - aim)
    assert (distances <= bounds).all()
    assert (distances / bounds).min() > 0.92
    found = attacked(distances, factor * bounds / GaussianAccountant(EPSILON, DELTA).limit)
    assert (found > EPSILON) == caught
    assert found > 0.75 * EPSILON


def retrained(x, y, penalty, stays):
    """Logistic regressions of one or two weights by Newton's method, all at once, (p, d)."""
    w = np.zeros((len(x), x.shape[-1]))
    for _ in range(60):
        margin = y * np.einsum("pnd,pd->pn", x, w)
        share = stays / stays.sum(1, keepdims=True)
        slope = np.einsum("pn,pnd->pd", -y * expit(-margin) * share, x) + penalty[:, None] * w
        curved = np.einsum("pn,pnd,pne->pde", expit(margin) * expit(-margin) * share, x, x)
        w = w - np.linalg.solve(curved + penalty[:, None, None] * np.eye(x.shape[-1]), slope[..., None])[..., 0]
        if np.abs(slope).max() < 1e-13:
            return w
    raise AssertionError("not at the optimum")


def test_of_100_000_retrained_logistic_regressions_nothing_shows_more_than_is_claimed():
    """Random problems of 16 examples, of which the first goes, most of them a canary: far out, with the wrong label."""
    draw = np.random.default_rng(2)
    n = 16
    x = draw.normal(size=(MANY, n, 1)) * draw.uniform(0.01, 1, (MANY, 1, 1))
    x = np.clip(x, -1, 1)
    y = np.where(draw.random((MANY, n)) < 0.9, np.sign(x[..., 0]), -np.sign(x[..., 0]))
    x[:, 0], y[:, 0] = 1.0, -1.0
    penalty = np.exp(draw.uniform(np.log(0.05), np.log(1), MANY))
    stays = np.ones((MANY, n))
    stays[:, 0] = 0.0
    before, aim = retrained(x, y, penalty, np.ones((MANY, n))), retrained(x, y, penalty, stays)
    margin = y * np.einsum("pnd,pd->pn", x, before)
    gone = (-y[:, 0] * expit(-margin[:, 0]) * x[:, 0, 0]) + penalty * before[:, 0]
    curved = expit(margin) * expit(-margin) * x[..., 0] ** 2
    steps = {False: gone / (curved[:, 1:].sum(1) + (n - 1) * penalty), True: gone / (curved.sum(1) + n * penalty)}
    worst = {}
    for jackknife, step in steps.items():
        bounds = np.array(
            [RemovalBound(constants_of(LinearLoss("logistic"), q, 1.0), n, jackknife=jackknife).at(1) for q in penalty]
        )
        distances = np.abs(before[:, 0] + step - aim[:, 0])
        worst[jackknife] = (distances / bounds).max()
        assert worst[jackknife] <= 1
        assert attacked(distances, bounds / GaussianAccountant(EPSILON, DELTA).limit) <= EPSILON
    # A logistic loss has its largest slope, curvature and change at other places, so these are as near as they come.
    assert worst[True] > 0.25
    assert worst[False] > 0.03


@pytest.fixture(scope="module")
def at_tolerance():
    """Inputs of hardly any length, so that the optimum is 0, and a model off it by a gradient as long as the tolerance."""
    learner = Convex(l2=0.5, bias="none", tuned=False, tolerance=0.1, keepers=(HessianFactor(),))
    data = Examples.labelled(torch.full((40, 1), 1e-12, dtype=torch.float64), torch.arange(40) % 2, np.arange(40), 2)
    model = learner.blank(1, 2)
    model.fill(np.array([[0.1 / 0.5 * (1 - 1e-9)]]), np.zeros(1))
    kept = {"HessianFactor": HessianFactor().keep(model, data, learner)}
    problem = Problem(learner.task, take(data, np.arange(10)), recipe=learner, kept=kept)
    method = CertifiedNewton(epsilon=EPSILON, delta=DELTA, removals=10, radius=1e-12)
    return method.run(model, problem), learner, model, problem, method


@pytest.mark.parametrize(("factor", "caught"), [(1.0, False), (0.5, True)])
def test_what_the_method_itself_claims_is_just_what_shows_where_its_bound_is_attained(at_tolerance, factor, caught):
    outcome, *_ = at_tolerance
    certificate = outcome.certificate
    assert certificate.guarantee.epsilon == pytest.approx(EPSILON)
    # One that is trained anew may be as far off on the other side.
    distance = abs(float(weights_after(KeptFactor.of(outcome.kept["HessianFactor"]).state)[0]) - -0.1 / 0.5)
    assert distance / certificate.bound == pytest.approx(1.0, abs=1e-8)
    found = attacked(np.full(MANY, distance), np.full(MANY, certificate.std * factor))
    assert (found > certificate.guarantee.epsilon) == caught
    assert found > 0.75 * EPSILON


def test_releases_of_the_method_have_the_law_that_its_certificate_says(at_tolerance):
    outcome, _, model, problem, method = at_tolerance
    centre = float(weights_after(KeptFactor.of(outcome.kept["HessianFactor"]).state)[0])
    drawn = [method(model, replace(problem, seed=seed)).line.weight.item() for seed in range(400)]
    assert abs(np.mean(drawn) - centre) < 4 * outcome.certificate.std / math.sqrt(400)
    assert np.std(drawn) / outcome.certificate.std == pytest.approx(1.0, abs=0.15)
