"""Step size and length."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import SpecError
from untrain.training.steps import SGD, AdamW, Constant, Cosine, Moment, Schedule, Steps, Triangular, epochs_of, step_size


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


def sizes(steps, epochs, length):
    """The step size of every step of a run."""
    return [step_size(steps, epoch, epochs, at, length) for epoch in range(epochs) for at in range(length)]


@given(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1), st.sampled_from([Cosine(), Cosine(floor=0.3), Constant()]))
def test_schedules_per_epoch_do_not_change_within_one(epochs, length, lr, schedule):
    steps = Steps(lr=lr or 0.1, schedule=schedule)
    by_epoch = [step_size(steps, epoch, epochs) for epoch in range(epochs)]
    assert sizes(steps, epochs, length) == [size for size in by_epoch for _ in range(length)]


# Recorded before step sizes could change by the step: they stay the same to the last bit.
def test_the_cosine_is_what_it_was_to_the_last_bit():
    steps = Steps(lr=0.015, schedule=Cosine(floor=0.01))
    assert [step_size(steps, epoch, 7).hex() for epoch in range(7)] == [
        "0x1.eb851eb851eb8p-7", "0x1.d36cecc62af68p-7", "0x1.8fea06ba7aa5bp-7", "0x1.2e5b83a19272ep-7",
        "0x1.8427cb45a98a6p-8", "0x1.82158a27b249cp-9", "0x1.d027c7e3c4196p-11",
    ]  # fmt: skip


def test_the_triangle_over_ten_steps():
    steps = Steps(lr=0.8, schedule=Triangular(peak=0.2))
    expected = [0.2, 0.6, 0.75, 0.65, 0.55, 0.45, 0.35, 0.25, 0.15, 0.05]
    assert sizes(steps, 5, 2) == pytest.approx(expected)
    assert sizes(steps, 1, 10) == sizes(steps, 10, 1) == sizes(steps, 5, 2), "it counts steps, however they make epochs"


@given(st.integers(1, 60), st.floats(0, 1))
def test_the_triangle_rises_to_the_step_size_and_falls_and_is_never_zero(n, peak):
    found = sizes(Steps(lr=1.0, schedule=Triangular(peak=peak)), 1, n)
    top = found.index(max(found))
    assert all(a <= b for a, b in pairwise(found[: top + 1]))
    assert all(a >= b for a, b in pairwise(found[top:]))
    assert 0 < min(found) <= max(found) <= 1


@pytest.mark.parametrize("peak", [0.0, 0.2, 0.5, 1.0])
def test_the_mean_of_a_triangle_is_half_its_height(peak):
    assert sum(sizes(Steps(lr=1.0, schedule=Triangular(peak=peak)), 4, 5)) / 20 == pytest.approx(0.5)


def test_a_warm_up_is_a_line_up_to_the_scheduled_size_and_nothing_afterwards():
    steps = Steps(lr=0.1, schedule=Constant(), warmup=0.5)
    assert sizes(steps, 2, 4) == pytest.approx([0.0125, 0.0375, 0.0625, 0.0875, 0.1, 0.1, 0.1, 0.1])
    cosine = Steps(lr=0.1, schedule=Cosine(floor=0), warmup=0.25)
    assert sizes(cosine, 4, 5)[5:] == sizes(Steps(lr=0.1, schedule=Cosine(floor=0)), 4, 5)[5:]


def test_what_changes_by_the_step_has_to_know_the_steps_of_an_epoch():
    for steps in (Steps(schedule=Triangular()), Steps(warmup=0.1)):
        with pytest.raises(SpecError, match="need to know the steps of an epoch"):
            step_size(steps, 0, 2, 0, 0)
    assert step_size(Steps(lr=0.1, schedule=Constant()), 0, 2, 0, 0) == 0.1


def test_a_new_schedule_is_one_class():
    class Halved(Schedule):
        """Half the step size from the second half on.

        Source: none.
        """

        def size(self, lr: float, moment: Moment) -> float:
            """All of it, then half."""
            return lr if moment.done < 0.5 else lr / 2

    assert sizes(Steps(lr=0.4, schedule=Halved()), 2, 2) == [0.4, 0.4, 0.2, 0.2]


@pytest.mark.parametrize(("optimizer", "momentum"), [(SGD(), 0.9), (SGD(momentum=0.0), 0.0), (AdamW(), 0.9)])
def test_an_optimizer_keeps_at_most_the_slots_that_it_says(optimizer, momentum):
    weight = torch.nn.Parameter(torch.zeros(3))
    weight.grad = torch.ones(3)
    made = optimizer.make([{"params": [weight]}], 0.1)
    made.step()
    kept = [t for t in made.state[weight].values() if isinstance(t, torch.Tensor) and t.shape == weight.shape]
    assert len(kept) == (optimizer.slots if momentum else 0)


@pytest.mark.parametrize("fields", [{"warmup": 1.5}, {"clip": 0.0}, {"clip": -1.0}, {"smoothing": -0.1}, {"schedule": SGD()}])
def test_odd_fields_are_refused(fields):
    with pytest.raises(SpecError, match=f"{next(iter(fields))}="):
        Steps(**fields)
