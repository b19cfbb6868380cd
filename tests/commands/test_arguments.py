"""What is asked for is made of words, or refused in one line."""

import pytest

from untrain.commands.arguments import budget_of, setting_of
from untrain.core.errors import BadInput


@pytest.mark.parametrize(("given", "share"), [("10%", 0.1), (" 10 %", 0.1), (0.1, 0.1), ("0.1", 0.1), (1, 1.0), ("100%", 1.0)])
def test_a_budget_is_a_share_of_retraining_in_either_spelling(given, share):
    assert budget_of(given) == pytest.approx(share)


@pytest.mark.parametrize("given", ["0%", 0, -0.1, "150%", 10, "10", "a tenth", "", "%", float("nan"), float("inf"), True, [0.1]])
def test_a_budget_that_is_no_share_is_refused_in_one_line(given):
    with pytest.raises(BadInput, match=r"budget=.*such as '10%' or 0\.1") as caught:
        budget_of(given)
    assert "\n" not in str(caught.value)


def test_without_a_budget_methods_finish():
    assert setting_of("cpu", 1, "float32", False).budget is None
    assert setting_of("cpu", 1, "float32", False, "10%").budget == pytest.approx(0.1)
