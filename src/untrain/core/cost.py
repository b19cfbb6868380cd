"""What a piece of work took, counted where the work is done."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch.utils.flop_counter import FlopCounterMode

from untrain.core.records import Cost

T = TypeVar("T")


@dataclass
class Meter:
    """A running count.

    Args:
        started: reading of the clock.
        forward: examples that went forward.
        backward: examples that went backward.
        flops: floating-point operations.
        peak: bytes on a GPU, as far as an inner count has begun to count them anew.
        limit: operations after which work is to stop; None for no end.
        notes: what a reader of the result must know, in the order in which it was told, each once.
    """

    started: float = field(default_factory=time.perf_counter)
    forward: int = 0
    backward: int = 0
    flops: float = 0.0
    peak: int = 0
    limit: float | None = None
    notes: dict[str, None] = field(default_factory=dict)

    def read(self) -> Cost:
        """The count so far.

        ``peak`` is on a GPU the most that torch held since the count began. On a CPU it is the most that the process ever
        held, before the count too: a later piece of work never shows less than an earlier one.
        """
        peak = max(self.peak, _held()) if _on_gpu() else _process()
        return Cost(time.perf_counter() - self.started, self.forward, self.backward, round(self.flops), peak)


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count all that is noted within; an outer count gets it too when the inner one ends."""
    outer = _meter.get()
    if outer is not None:
        outer.peak = max(outer.peak, _held())
    _forget_peak()
    meter = Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)
        if outer is not None:
            outer.peak = max(outer.peak, meter.peak, _held())
            outer.forward += meter.forward
            outer.backward += meter.backward
            outer.flops += meter.flops
            outer.notes |= meter.notes


def note(text: str) -> None:
    """Tell the reader of the result something that happened on the way; told once, however often it happens."""
    meter = _meter.get()
    if meter is not None:
        meter.notes[text] = None


class Counter:
    """Counts examples and operations of one loop whose steps are of one kind.

    Operations are measured by torch's counter on the loop's first step and scaled by examples from then on: convolution
    and matrix work is linear in the batch.
    """

    def __init__(self) -> None:
        self.each: float | None = None

    def step(self, examples: int, work: Callable[[], T], backward: bool = True) -> T:
        """Do ``work`` on ``examples`` examples and count it."""
        meter = _meter.get()
        if meter is None:
            return work()
        if self.each is None:
            with FlopCounterMode(display=False) as counter:
                done = work()
            self.each = counter.get_total_flops() / max(examples, 1)
        else:
            done = work()
        meter.forward += examples
        meter.backward += examples if backward else 0
        meter.flops += self.each * examples
        return done


def _on_gpu() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def _held() -> int:
    """The most bytes that torch held on any one GPU since the peak was forgotten."""
    return max(map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count()))) if _on_gpu() else 0


def _forget_peak() -> None:
    for device in range(torch.cuda.device_count()) if _on_gpu() else ():
        torch.cuda.reset_peak_memory_stats(device)


def _process() -> int:
    """The most bytes that this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
