"""Bounds of descents, on problems that attain them."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from untrain.maths.bounds import epsilon_shown
from untrain.maths.descent_bounds import Descent, clipped_models, distances, noisy_descents, rounding_share
from untrain.maths.gaussian_mechanism import epsilon_of


def test_quadratics_with_both_curvatures_attain_the_rate_and_the_shift():
    """Of n examples with gradients ``curvature w + pull``, one alone pulls; without it the optimum is 0."""
    descent, n = Descent(convexity=0.2, smoothness=1.3, slope=1.0), 10
    for curvature in (0.2, 1.3):
        w = start = 1.0
        for _ in range(7):
            w -= descent.size * curvature * w
        assert abs(w) == pytest.approx(descent.rate**7 * start, rel=1e-12)
    # At w the pull is 1 less than 0.2 w, and the gradient of the example itself as long as may be.
    assert descent.shift(n - 1, 1) == pytest.approx(1 / (0.2 * 9))
    away = 0.0
    for at, found in enumerate(distances(descent, 0.0, 100, 3, 5, 4), 1):
        away = descent.rate**5 * (away + 3 / (0.2 * (100 - 3 * at)))
        assert found == pytest.approx(away, rel=1e-12)


def test_what_rounding_leaves_of_a_distance_is_within_the_bound_and_without_its_share_it_is_not():
    """Of ``(0.3 w^2 / 2 - 0.1 w)``, whose optimum is no number of float64, against exact fractions; and of 3,000 numbers summed."""
    one = Descent(convexity=0.3, smoothness=1.0, slope=0.2)
    w = 1.0
    for _ in range(500):
        w -= one.size * (0.3 * w - 0.1)
    apart = float(abs(Fraction(w) - Fraction(0.1) / Fraction(0.3)))
    assert one.away(1.0, 1, 0, 500) < apart <= replace(one, share=rounding_share(1, 1)).away(1.0, 1, 0, 500) < 1e-12
    pulls = np.random.default_rng(0).uniform(-0.1, 0.1, 3000).astype(np.float32).astype(float)
    many, w = replace(one, convexity=1e-3, smoothness=1e-3, slope=0.2), 1.0
    for _ in range(9):
        total = 0.0
        for pull in pulls:
            total += 1e-3 * w - pull
        w -= many.size * total / 3000
    apart = float(abs(Fraction(w) - sum(map(Fraction, pulls)) / 3000 / Fraction(1e-3)))
    assert many.away(1.0, 3000, 0, 9) < apart <= replace(many, share=rounding_share(3000, 1)).away(1.0, 3000, 0, 9)
    assert replace(many, share=rounding_share(3000, 1)).near(0.0) > 1e-10


def test_iterations_are_the_fewest_that_come_so_near():
    descent = Descent(convexity=0.1, smoothness=2.0, slope=1.0)
    for left in (1e-3, 1e-8):
        steps = descent.iterations(0.3, 50, 2, left)
        assert descent.away(0.3, 50, 2, steps) <= left * (1 + 1e-9) < descent.away(0.3, 50, 2, steps - 1)
    assert descent.iterations(0.0, 50, 0, 1.0) == 1


@pytest.mark.parametrize(("decay", "start"), list(product([0.0, 0.7], [0.0, 1.5])))
def test_parts_that_are_hidden_are_the_cheapest_and_never_more_than_is_there(decay, start):
    """The plan of the proof: parts grow as powers of q, add up to the whole distance and leave none below 0."""
    steps, size, clip = 6, 0.4, 0.3
    q = 1 - size * decay
    price = noisy_descents(start, steps, size, clip, decay)
    weights = q ** np.arange(steps)[::-1]
    parts = price / math.sqrt((weights**2).sum()) * weights
    assert math.sqrt((parts**2).sum()) == pytest.approx(price)
    apart = 2 * start
    for part in parts:
        apart = q * apart + 2 * size * clip - part
        assert apart > -1e-12
    assert apart == pytest.approx(0, abs=1e-12)
    other = parts * np.random.default_rng(0).uniform(0.5, 1.5, steps)
    other *= (parts @ weights) / (other @ weights)
    assert (other**2).sum() > (parts**2).sum()
    with pytest.raises(ValueError, match="turn weights round"):
        noisy_descents(1.0, 3, 1.0, 1.0, decay=1.1)


@pytest.mark.parametrize(("factor", "caught"), [(1.0, False), (0.5, True)])
def test_two_descents_that_run_apart_show_what_is_claimed_and_half_of_the_noise_is_caught(factor, caught):
    """Starts at the ends of the ball, and clipped gradients that point outwards: the loss ``-|x|`` with decay."""
    many, steps, size, clip, decay, start, delta = 200_000, 4, 0.5, 1.0, 0.2, 2.0, 0.01
    std = 6.0
    claimed = epsilon_of(noisy_descents(start, steps, size, clip, decay) / std, delta)
    assert 0.5 < claimed < 2
    draw, x = np.random.default_rng(0), np.array([[start], [-start]]) * np.ones((2, many))
    pull = np.array([[clip], [-clip]])
    for _ in range(steps):  # each descent has the gradient that leads it away, as a loss of an adversary may
        x = x - size * (-pull + decay * x) + factor * std * draw.normal(size=(2, many))
    cut = np.quantile(x, 0.5) + factor**2 * std**2 * claimed / (2 * abs(x[0].mean()))
    missed, wrong = float((x[0] <= cut).mean()), float((x[1] > cut).mean())
    found = float(epsilon_shown(wrong, missed, (many, many), delta, 0.99))
    assert (found > claimed) == caught
    assert found > 0.6 * claimed


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_delta_after_clipped_steps_is_within_what_is_claimed_and_half_of_the_noise_is_caught(steps):
    """By quadrature, of steps to one end of the ball from where the first start is likelier, and to the other from elsewhere."""
    epsilon, delta, radius, found = 0.5, 0.05, 1.0, []
    for factor in (1.0, 0.5):
        std = factor * clipped_models(epsilon, delta, steps, radius)
        grid = np.linspace(-radius - 8 * std, radius + 8 * std, 4001)
        kernels = np.exp(-((grid[:, None] - [radius, -radius]) ** 2) / 2 / std**2)
        kernels /= kernels.sum(0)
        laws = np.eye(2)  # of the two ends, by the start
        for _ in range(steps):
            ends = kernels @ laws
            tells = ends[:, 0] > math.exp(epsilon) * ends[:, 1]
            laws = np.stack([ends[tells].sum(0), ends[~tells].sum(0)])
        found.append(np.maximum(ends[:, 0] - math.exp(epsilon) * ends[:, 1], 0).sum())
    assert found[0] <= delta * (1 + 1e-3) < found[1]
    assert found[0] > (0.999 if steps == 1 else 0.1) * delta
