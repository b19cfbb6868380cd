"""Multipliers: planted ones are found, and intervals hold them as often as they say."""

import numpy as np
import pytest

from untrain.attribution.calibration import Multiplier, Multipliers, fit_multiplier, fit_multipliers
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


OWN, OTHERS = 0.8, 0.2


def planted(seed, share=0.2, noise=1.0):
    """As ``held_out``, with all examples asked about: what is left out changes its own outputs by another factor than others'."""
    rng = np.random.default_rng(seed)
    values, removed = rng.normal(size=(30, 30, 3)), rng.random((40, 30)) < share
    start = rng.normal(size=(30, 3))
    factors = np.where(removed[:, :, None], OWN, OTHERS)
    outputs = start - factors * np.tensordot(removed, values, 1) + noise * rng.normal(size=(40, 30, 3))
    return values, removed, outputs, np.arange(30), start + noise * rng.normal(size=(10, 30, 3))


@pytest.mark.parametrize("based", [True, False], ids=["against full models", "against models that had the example"])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_own_effects_and_those_on_others_have_each_their_factor(based, share):
    *places, base = planted(0, share, noise=0.0)
    fitted = fit_multipliers(*places, base if based else None)
    for one, truth in ((fitted.own, OWN), (fitted.others, OTHERS)):
        assert (one.value, one.low, one.high, one.explained) == pytest.approx((truth, truth, truth, 1.0), abs=1e-9)
    pooled = fit_multiplier(*places[:3], base if based else None).value
    assert OTHERS < pooled < OWN


@pytest.mark.parametrize("based", [True, False], ids=["against full models", "against models that had the example"])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_intervals_of_both_factors_hold_the_truth_as_often_as_they_say(based, share):
    hits = np.zeros(2)
    for seed in range(100):
        *places, base = planted(seed, share, noise=3.0)
        fitted = fit_multipliers(*places, base if based else None)
        hits += [m.low <= truth <= m.high for m, truth in ((fitted.own, OWN), (fitted.others, OTHERS))]
    assert 88 <= hits.min() <= hits.max() <= 100


def test_noise_of_effects_on_others_does_not_shrink_those_on_themselves():
    rng = np.random.default_rng(0)
    truth = np.zeros((200, 200, 2))
    truth[np.arange(200), np.arange(200)] = rng.normal(size=(200, 2)) + 2
    removed = rng.random((64, 200)) < 0.05
    outputs = -np.tensordot(removed, truth, 1) + 0.1 * rng.normal(size=(64, 200, 2))
    values = truth + 0.3 * rng.normal(size=truth.shape)  # what few models make of it
    fitted, pooled = fit_multipliers(values, removed, outputs, np.arange(200)), fit_multiplier(values, removed, outputs)
    assert fitted.own.value > 0.8
    assert abs(fitted.others.value) < 0.05
    assert pooled.value < 0.5


def test_what_may_be_0_corrects_nothing():
    known, unknown, turned = (Multiplier(*ends, 0.1, 20) for ends in ((0.5, 0.1, 0.9), (0.5, -0.1, 0.9), (-0.5, -0.9, -0.1)))
    assert [m.factor for m in (known, unknown, turned)] == [0.5, 0.0, 0.0]
    both = Multipliers(known, unknown)
    assert both.factors(np.array([True, False])).tolist() == [0.5, 0.0]
    assert "on outputs of others, 0.50 (-0.10 to 0.90). Nothing is subtracted there; take more models" in both.doubt
    assert "their own outputs" not in both.doubt
    assert Multipliers(known, known).doubt == ""
    assert "\n" not in Multipliers(turned, unknown).doubt


@pytest.mark.parametrize(("change", "said"), [
    (lambda v, r, o, a: (v, r, o, a[:5]), r"asked holds something other than a row: 30 whole numbers from 0 to 29"),
    (lambda v, r, o, a: (v, r, o, a + 1), "something other than a row"),
    (lambda v, r, o, a: (v, r & False, o, a), "of examples that a held-out model lacks, and of others, are needed"),
    (lambda v, r, o, a: (v[:, :3], r | (np.arange(30) < 3), o[:, :3], a[:3]), "a held-out model lacks, and of others, are needed"),
])  # fmt: skip
def test_outputs_of_both_kinds_are_needed(change, said):
    *places, _ = planted(0)
    with pytest.raises(DataError, match=said):
        fit_multipliers(*change(*places))


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
