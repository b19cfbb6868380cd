"""Examples and operations are counted where the work is done."""

import mmap
import sys

import pytest
import torch
from torch import nn

from untrain.core import metering, peak_memory
from untrain.core.errors import RunFailed
from untrain.core.flops import count_flops
from untrain.core.metering import Counter, add_note, exceeds_limit, limit_reached, metered, plan_steps

WIDE, OUT = 8, 4
MODEL = nn.Linear(WIDE, OUT)


def forward(n):
    """A forward pass on n examples."""
    return MODEL(torch.ones(n, WIDE))


def test_forward_and_backward_examples_are_counted():
    with metered() as meter:
        counter = Counter()
        counter.step(3, lambda: forward(3).sum().backward())
        counter.step(5, lambda: forward(5), backward=False)
    assert (meter.forward, meter.backward) == (8, 3)


def test_operations_are_two_per_weight_and_example():
    with metered() as meter:
        Counter().step(3, lambda: forward(3), backward=False)
    assert meter.read().flops == 2 * WIDE * OUT * 3


def test_operations_of_later_steps_are_scaled_by_examples():
    with metered() as meter:
        counter = Counter()
        for n in (2, 5, 1):
            counter.step(n, lambda n=n: forward(n), backward=False)
    assert meter.read().flops == 2 * WIDE * OUT * 8


def test_an_outer_count_gets_what_an_inner_one_counted():
    with metered() as outer:
        with metered() as inner:
            Counter().step(3, lambda: forward(3), backward=False)
        Counter().step(2, lambda: forward(2), backward=False)
    assert (inner.forward, outer.forward) == (3, 5)


def test_work_outside_any_count_is_done_and_not_counted():
    assert Counter().step(3, lambda: "done") == "done"


def test_a_meter_tells_time_and_peak():
    with metered() as meter:
        pass
    cost = meter.read()
    assert cost.seconds > 0
    assert cost.peak > 1_000_000


def test_a_kind_that_is_known_is_not_measured_again(monkeypatch):
    def flops(n):
        with metered() as meter:
            Counter(key=("a kind", WIDE)).step(n, lambda: forward(n), backward=False)
        return meter.read().flops

    assert flops(3) == 2 * WIDE * OUT * 3
    monkeypatch.setattr(metering, "count_flops", lambda _: pytest.fail("measured twice"))
    assert flops(5) == 2 * WIDE * OUT * 5


BIG = 64_000_000


def fill():
    """Touch new pages and give them back; an array could get pages that the allocator had kept, and so need none."""
    with mmap.mmap(-1, BIG) as pages:
        for page in range(0, BIG, mmap.PAGESIZE):
            pages[page] = 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_the_peak_is_that_of_the_work_and_not_of_what_went_before():
    fill()
    with metered() as meter:
        small = meter.read().peak
    with metered() as outer:
        with metered() as inner:
            fill()
            large = inner.read().peak
        with metered():
            pass
        assert outer.read().peak >= large > small + BIG / 2


def test_where_no_peak_can_be_forgotten_the_peak_is_that_of_the_process(monkeypatch, tmp_path):
    monkeypatch.setattr(peak_memory, "STATUS", tmp_path / "status")
    monkeypatch.setattr(peak_memory, "CLEAR", tmp_path / "none" / "clear")
    with metered() as meter:
        pass
    assert meter.read().peak > 1_000_000


@pytest.fixture
def gpu(monkeypatch):
    """A made-up GPU's allocator: what it holds now and the most it held, in bytes."""
    memory = {"now": 0, "most": 0}

    def hold(size):
        memory["now"] = size
        memory["most"] = max(memory["most"], size)

    monkeypatch.setattr(peak_memory, "_on_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _device: memory["most"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _device: memory.update(most=memory["now"]))
    return hold


def test_on_a_gpu_the_peak_is_that_of_the_work_and_not_of_what_went_before(gpu):
    gpu(1000)
    gpu(10)
    with metered() as meter:
        gpu(200)
        gpu(20)
        assert meter.read().peak == 200


def test_on_a_gpu_an_inner_count_does_not_hide_the_peak_of_the_outer_one(gpu):
    with metered() as outer:
        gpu(500)
        gpu(10)
        with metered() as inner:
            gpu(50)
            assert inner.read().peak == 50
        gpu(5)
        assert outer.read().peak == 500


def test_on_a_gpu_the_outer_peak_includes_that_of_the_inner_one(gpu):
    with metered() as outer:
        with metered():
            gpu(50)
            gpu(5)
        with metered():
            gpu(6)
        assert outer.read().peak == 50


STEP = 2 * WIDE * OUT * 2  # operations of a forward pass on two examples


def walk(steps, counter=None):
    """A loop of ``steps`` steps as the gradient loop takes them; how many it took."""
    counter = counter or Counter()
    for at in range(steps):
        if exceeds_limit():
            return at
        counter.step(2, lambda: forward(2), backward=False)
    return steps


def test_without_a_limit_a_loop_never_stops():
    assert walk(5) == 5
    with metered():
        assert walk(5) == 5


def test_a_loop_stops_before_the_step_that_would_pass_the_limit():
    for limit, expected in ((3 * STEP, 3), (3.5 * STEP, 3), (4 * STEP - 1, 3), (4 * STEP, 4), (99 * STEP, 10)):
        with metered(limit) as meter:
            assert walk(10) == expected
        assert meter.flops == expected * STEP <= limit


def test_the_first_step_may_pass_the_limit_by_less_than_itself():
    with metered(STEP / 2) as meter:
        assert walk(10) == 1
    assert meter.flops == STEP


def test_the_limit_of_an_outer_count_stops_an_inner_one():
    with metered(4 * STEP) as outer:
        with metered() as first:
            assert walk(3) == 3
        with metered():
            assert walk(3) == 1
    assert outer.flops == 4 * STEP
    assert list(first.notes) == []
    assert list(outer.notes) == ["stopped at the budget, after 4 steps"]


def test_asking_twice_before_a_step_counts_it_once():
    with metered(3 * STEP, "the budget of 10 %") as meter:
        plan_steps(7)
        counter = Counter()
        for _ in range(7):
            if exceeds_limit() or exceeds_limit():
                break
            counter.step(2, lambda: forward(2), backward=False)
        assert exceeds_limit()
    assert list(meter.notes) == ["stopped at the budget of 10 %, after 3 of 7 steps"]


def test_work_before_a_loop_counts_against_the_limit_but_is_no_step():
    with metered(9 * STEP) as meter:
        Counter().step(10, lambda: forward(10), backward=False)
        plan_steps(8)
        assert walk(8) == 4
    assert list(meter.notes) == ["stopped at the budget, after 4 of 8 steps"]


def test_each_step_of_several_loops_counts_once():
    with metered(5 * STEP) as meter:
        for steps in (1, 3, 4):
            assert not limit_reached()
            plan_steps(steps)
            walk(steps)
            Counter().step(0, lambda: forward(2), backward=False)  # asks for nothing
        assert limit_reached()
    assert list(meter.notes) == ["stopped at the budget, after 5 of 8 steps"]


def test_a_limit_that_is_spent_before_the_first_step_is_an_error():
    with metered(STEP, "the budget of 1 %"):
        Counter().step(2, lambda: forward(2), backward=False)
        with pytest.raises(RunFailed, match="the budget of 1 % was spent before the first step"):
            walk(3)


def test_a_note_is_told_once_and_reaches_the_outer_count():
    add_note("to nobody")
    with metered() as outer:
        with metered():
            add_note("halved")
            add_note("halved")
        add_note("later")
    assert list(outer.notes) == ["halved", "later"]


def test_each_shape_is_measured_once_and_none_by_another(monkeypatch):
    def flops(counter, n, width):
        with metered() as meter:
            counter.step(n, lambda: torch.ones(n, width) @ torch.ones(width, width), backward=False, shape=width)
        return meter.flops

    counter, measured = Counter(), []
    monkeypatch.setattr(metering, "count_flops", lambda work: measured.append(1) or count_flops(work))
    for n, width in ((3, 2), (2, 7), (5, 7), (1, 2)):
        assert flops(counter, n, width) == 2 * n * width * width
    assert len(measured) == 2


def test_what_torch_cannot_count_is_measured_on_one_example():
    counter, begun = Counter(), []

    def step(n, width):
        def alone():
            begun.append(width)
            return torch.ones(1, width) @ torch.ones(width, 1)

        with metered() as meter:
            counter.step(n, lambda: alone() if n == 1 else None, backward=False, shape=width, alone=alone)
        return meter.flops

    assert [step(1, 2), step(4, 2), step(3, 5), step(2, 5)] == [4, 16, 30, 20]
    assert begun == [2, 5]


def test_a_shape_that_a_process_knows_is_known_by_key():
    def flops(key, n, width):
        with metered() as meter:
            Counter(key).step(n, lambda: torch.ones(n, width) @ torch.ones(width, 1), backward=False, shape=width)
        return meter.flops

    assert [flops("shapes", 1, 3), flops("shapes", 2, 30), flops("shapes", 4, 3)] == [6, 120, 24]
