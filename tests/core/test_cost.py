"""Examples and operations are counted where the work is done."""

import pytest
import torch
from torch import nn

from untrain.core import cost
from untrain.core.cost import Counter, metered

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


@pytest.fixture
def gpu(monkeypatch):
    """A made-up GPU's allocator: what it holds now and the most it held, in bytes."""
    memory = {"now": 0, "most": 0}

    def hold(size):
        memory["now"] = size
        memory["most"] = max(memory["most"], size)

    monkeypatch.setattr(cost, "_on_gpu", lambda: True)
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
