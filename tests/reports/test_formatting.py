"""Numbers and sentences."""

import numpy as np
import pytest

from untrain.reports import formatting


def gap(value, low, high):
    return {"value": value, "low": low, "high": high, "ceiling": -0.013, "reason": None}


def row(method, layers=None, error=None):
    return {"method": method, "layers": layers or [], "error": error, "scores": {"forget_gap": gap(-0.004, -0.016, 0.008)}}


def test_numbers_have_a_true_minus_and_no_negative_zero():
    assert formatting.digits(-0.4) == "−0.4"
    assert formatting.digits(-0.04) == "0.0"


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (0.0, "0\u00a0%"), (0.0001, "< 0.1\u00a0%"), (0.034, "3.4\u00a0%"), (0.337, "34\u00a0%"), (1.04, "104\u00a0%")],
)
def test_shares_have_sensible_digits(value, told):
    assert formatting.share(value) == told


def test_fractions_are_percent_and_gaps_points():
    assert formatting.quantity(0.974, "fraction") == "97.4\u00a0%"
    assert formatting.quantity(-0.004, "fraction", gap=True) == "−0.4"
    assert formatting.quantity(0.51234, "probability") == "0.512"
    assert formatting.interval(gap(0, -0.016, 0.008), "fraction", gap=True) == "−1.6 to 0.8"


def test_labels_leave_out_empty_brackets_and_short_ones_all():
    assert formatting.label("ResetFinetune() @ RandomMask()") == "ResetFinetune @ RandomMask"
    assert formatting.short("DEL(steps=Steps(lr=0.1), keep=0.3) @ A()") == "DEL @ A"


def test_a_p_value_is_never_0():
    assert formatting.probability(0.0004) == "<\u00a00.001"
    assert formatting.probability(0.0426, "p") == "p\u00a0=\u00a00.043"
    assert formatting.probability(0.0426) == "0.043"


def test_a_target_of_several_tokens_is_no_label():
    assert formatting.label_text(np.array([-100, 3, 4])) == ""
