"""Step size and length."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import SpecError
from untrain.training.steps import Constant, Cosine, Steps, epochs_of, step_size


@pytest.mark.parametrize(("epoch", "lr"), [(0, 0.015), (1, 0.01495933), (15, 0.007575), (29, 1.906749e-4)])
def test_the_cosine_of_del_over_thirty_epochs(epoch, lr):
    assert step_size(Steps(lr=0.015, schedule=Cosine(floor=0.01)), epoch, 30) == pytest.approx(lr, rel=1e-6)


@given(st.integers(1, 50), st.floats(1e-6, 1))
def test_a_constant_schedule_is_constant(epochs, lr):
    steps = Steps(lr=lr, schedule=Constant())
    assert {step_size(steps, e, epochs) for e in range(epochs)} == {lr}


@given(st.integers(1, 50), st.floats(0, 1))
def test_the_cosine_starts_at_the_step_size_and_only_falls(epochs, floor):
    sizes = [step_size(Steps(lr=0.1, schedule=Cosine(floor=floor)), e, epochs) for e in range(epochs)]
    assert sizes[0] == pytest.approx(0.1)
    assert all(a >= b - 1e-12 for a, b in pairwise(sizes))
    assert sizes[-1] >= 0.1 * floor - 1e-12


@pytest.mark.parametrize(("epochs", "count"), [("100%", 30), ("30%", 9), ("1%", 1), ("0%", 0), ("50%", 15), (7, 7), (0, 0)])
def test_a_share_is_of_the_learners_epochs_and_at_least_one(epochs, count):
    assert epochs_of(Steps(epochs=epochs), Steps(epochs=30)) == count


def test_a_share_without_a_learner_says_what_would_do():
    with pytest.raises(SpecError, match=r"Problem\(recipe=Train"):
        epochs_of(Steps(epochs="30%"), None)


@pytest.mark.parametrize("wrong", ["30", "-3%", "a%", "%", -1, 1.5, True])
def test_an_odd_length_is_refused(wrong):
    with pytest.raises(SpecError, match="epochs="):
        Steps(epochs=wrong)


@pytest.mark.parametrize("wrong", [0, -0.1, float("inf"), "0.1", True])
def test_a_step_size_is_a_positive_number(wrong):
    with pytest.raises(SpecError, match="lr="):
        Steps(lr=wrong)


@pytest.mark.parametrize("wrong", [0, -1, 2.0, "8"])
def test_a_batch_is_a_positive_whole_number(wrong):
    with pytest.raises(SpecError, match="batch="):
        Steps(batch=wrong)
