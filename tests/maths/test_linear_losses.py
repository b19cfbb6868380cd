"""Losses of linear scores: derivatives against differences, bounds against what is reached."""

import math

import numpy as np
import pytest

from untrain.maths.linear_losses import LinearLoss, check_signs, curved, multinomial

SCALAR = [
    LinearLoss("logistic"), LinearLoss("squared", scale=0.7), LinearLoss("squared_hinge"), LinearLoss("huber", 0.7, 1.3),
]  # fmt: skip


def signs(n):
    return np.where(np.arange(n) % 2, 1.0, -1.0)


@pytest.mark.parametrize("loss", SCALAR, ids=lambda loss: loss.name)
def test_slopes_and_curvatures_are_derivatives(loss):
    # 0.05 apart, and never at a kink
    scores, h = np.linspace(-3.013, 3.02, 122)[:, None], 1e-5
    at = [loss.derivatives(scores + shift, signs(122)) for shift in (-h, 0.0, h)]
    np.testing.assert_allclose((at[2].value - at[0].value) / (2 * h), at[1].slope[:, 0], atol=1e-8)
    np.testing.assert_allclose((at[2].slope - at[0].slope)[:, 0] / (2 * h), at[1].curvature, atol=1e-8)


def test_the_multinomial_slope_and_curvature_are_derivatives():
    draw = np.random.default_rng(0)
    scores, labels, h = draw.normal(size=(6, 4)), draw.integers(0, 4, 6), 1e-5
    for at in range(4):
        step = h * np.eye(4)[at]
        above, below = multinomial(scores + step, labels), multinomial(scores - step, labels)
        here = multinomial(scores, labels)
        np.testing.assert_allclose((above.value - below.value) / (2 * h), here.slope[:, at], atol=1e-9)
        along = curved(here.curvature, np.broadcast_to(np.eye(4)[at], (6, 4)))
        np.testing.assert_allclose((above.slope - below.slope) / (2 * h), along, atol=1e-9)


def test_two_classes_are_the_logistic_loss_of_the_difference():
    scores = np.random.default_rng(1).normal(size=(9, 2)) * 20
    labels = np.arange(9) % 2
    one = LinearLoss("logistic").derivatives(scores[:, 1:] - scores[:, :1], 2.0 * labels - 1)
    np.testing.assert_allclose(multinomial(scores, labels).value, one.value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", SCALAR, ids=lambda loss: loss.name)
def test_bounds_hold_and_are_reached(loss):
    scores = np.linspace(-40, 40, 800_001)
    made, bounds = loss.derivatives(scores[:, None], np.ones(len(scores))), loss.bounds
    assert made.curvature.max() == pytest.approx(bounds.curvature, rel=1e-6)
    if math.isfinite(bounds.slope):
        assert np.abs(made.slope).max() == pytest.approx(bounds.slope, rel=1e-6)
    if math.isfinite(bounds.change):
        assert np.abs(np.diff(made.curvature) / np.diff(scores)).max() == pytest.approx(bounds.change, rel=1e-6, abs=1e-9)


def test_bounds_of_several_scores_hold_and_are_reached():
    p = np.array([0.5, 0.5, 0.0])
    largest = np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))[-1]
    assert largest == pytest.approx(LinearLoss("multinomial").bounds.curvature)
    slope = multinomial(np.array([[40.0, 0.0]]), np.array([1])).slope
    assert np.linalg.norm(slope) == pytest.approx(LinearLoss("multinomial").bounds.slope)


def test_large_scores_overflow_nowhere():
    scores = np.array([[-1e4], [1e4]])
    with np.errstate(all="raise", under="ignore"):
        for loss in SCALAR:
            for ys in (np.ones(2), -np.ones(2)):
                assert np.isfinite(loss.derivatives(scores, ys).value).all()
        assert multinomial(np.array([[1e4, -1e4]]), np.array([1])).value.tolist() == [2e4]


@pytest.mark.parametrize("wrong", [0.0, 2.0, math.nan])
def test_labels_other_than_signs_are_refused(wrong):
    with pytest.raises(ValueError, match=r"-1 and \+1"):
        check_signs(np.array([1.0, wrong, -1.0]))
