"""What is within the noise of a measurement: closed forms, and how often a model that is as good raises an alarm."""

import math

import numpy as np
import pytest

from untrain.maths.damage import allowed_fall, allowed_rise, share_error


def test_the_error_of_a_share_is_never_zero():
    assert share_error(10, 10) == pytest.approx(math.sqrt(11 / 12 * 1 / 12 / 10))
    assert share_error(0, 10) == pytest.approx(share_error(10, 10))
    assert share_error(500, 1000) == pytest.approx(0.5 / math.sqrt(1000), rel=1e-3)


def test_many_rows_allow_a_point_and_few_rows_three_errors():
    assert allowed_fall(95_000, 100_000) == 0.01
    assert allowed_fall(80, 100) == pytest.approx(3 * share_error(80, 100))


def test_a_model_as_good_alarms_in_few_cases_and_one_that_lost_ten_points_nearly_always():
    draw, n = np.random.default_rng(0), 500
    hits = draw.binomial(n, 0.85, size=(2, 4000))
    falls = (hits[0] - hits[1]) / n  # independent errors: the worst case
    alarmed = np.mean([fall > allowed_fall(int(before), n) for fall, before in zip(falls, hits[0], strict=True)])
    assert alarmed <= 0.025
    worse = draw.binomial(n, 0.75, size=4000)
    assert np.mean([(a - b) / n > allowed_fall(int(a), n) for a, b in zip(hits[0], worse, strict=True)]) > 0.95


def test_a_loss_may_rise_by_a_tenth_or_by_a_quarter_of_what_was_learned():
    assert allowed_rise(0.0, 2.0) == 0.5
    assert allowed_rise(0.5, 0.6) == allowed_rise(0.5, 0.4) == allowed_rise(0.5, math.nan) == 0.1
