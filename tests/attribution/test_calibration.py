"""Multipliers: planted ones are found, and intervals hold them as often as they say."""

import numpy as np
import pytest

from untrain.attribution.calibration import fit_multiplier
from untrain.core.errors import DataError


def held_out(seed, factor=0.6, models=40, base=10, noise=1.0):
    """Values of 30 examples, what models lack, and outputs that change by a factor of what the values say."""
    rng = np.random.default_rng(seed)
    values, removed = rng.normal(size=(30, 8, 3)), rng.random((models, 30)) < 0.2
    start = rng.normal(size=(8, 3))
    outputs = start - factor * np.tensordot(removed, values, 1) + noise * rng.normal(size=(models, 8, 3))
    return values, removed, outputs, start + noise * rng.normal(size=(base, 8, 3))


def test_without_noise_the_factor_is_exact():
    values, removed, outputs, base = held_out(0, noise=0.0)
    for start in (base, base[:1]):
        fitted = fit_multiplier(values, removed, outputs, start)
        assert (fitted.value, fitted.low, fitted.high, fitted.explained) == pytest.approx((0.6, 0.6, 0.6, 1.0), abs=1e-9)


@pytest.mark.parametrize("based", [True, False], ids=["against full models", "half-subset models"])
def test_intervals_hold_the_truth_as_often_as_they_say(based):
    hits = 0
    for seed in range(200):
        values, removed, outputs, base = held_out(seed, noise=3.0)
        fitted = fit_multiplier(values, removed, outputs, base if based else None)
        hits += fitted.low <= 0.6 <= fitted.high
        assert fitted.low <= fitted.value <= fitted.high
    assert 180 <= hits <= 199


def test_few_models_of_the_base_make_the_interval_wide():
    wide, narrow = (fit_multiplier(*held_out(0, base=b, noise=3.0)) for b in (2, 100))
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_values_of_the_wrong_sign_have_a_negative_factor():
    values, removed, outputs, base = held_out(0)
    assert fit_multiplier(-values, removed, outputs, base).high < 0


def test_values_that_say_nothing_explain_nothing():
    values, removed, outputs, base = held_out(0, models=200)
    fitted = fit_multiplier(np.random.default_rng(5).normal(size=values.shape), removed, outputs, base)
    assert abs(fitted.explained) < 0.05
    assert abs(fitted.value) < 0.1


@pytest.mark.parametrize(("change", "said"), [
    (lambda v, r, o, b: (v[:5], r, o, b), r"\(rows, examples, classes\), bool \(models, rows\)"),
    (lambda v, r, o, b: (v, r.astype(int), o, b), "bool"),
    (lambda v, r, o, b: (v, r[:7], o[:7], b), "8 held-out models or more; there are 7"),
    (lambda v, r, o, b: (v, r, o, b[:, :2]), r"base has shape .*: \(models, 8, 3\) is needed"),
    (lambda v, r, o, b: (v, r, o, b[:0]), "base has shape"),
    (lambda v, r, o, b: (0 * v, r, o, b), "predict no change"),
    (lambda v, r, o, b: (v, r, o * np.nan, b), "NaN or infinite"),
])  # fmt: skip
def test_bad_input_is_refused_in_one_line(change, said):
    with pytest.raises(DataError, match=said):
        fit_multiplier(*change(*held_out(0)))
