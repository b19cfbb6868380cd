"""What a piece of work took, counted where the work is done."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch

from untrain.core.errors import RunFailed
from untrain.core.flops import count_flops

T = TypeVar("T")
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass
class Loop:
    """Steps of gradient loops within a limit.

    Args:
        done: steps that were taken.
        planned: steps that the loops begun so far would take.
        largest: operations of the largest step of the running loop.
        mark: operations when it was last asked whether another step is within the limit; None before.
        stopped: whether the answer was no.
    """

    done: int = 0
    planned: int = 0
    largest: float = 0.0
    mark: float | None = None
    stopped: bool = False


@dataclass
class Meter:
    """A running count.

    Args:
        started: reading of the clock.
        forward: examples that went forward.
        backward: examples that went backward.
        flops: floating-point operations.
        peak: bytes, as far as an inner count has begun to count them anew.
        limit: operations after which work is to stop; None for no end.
        notes: what a reader of the result must know, in the order in which it was told, each once.
        budget: what the limit is called in a note.
        outer: the count around this one, which gets what is counted here when this one ends.
        loop: the gradient loop that runs, as ``exceeds_limit`` sees it.
    """

    started: float = field(default_factory=time.perf_counter)
    forward: int = 0
    backward: int = 0
    flops: float = 0.0
    peak: int = 0
    limit: float | None = None
    notes: dict[str, None] = field(default_factory=dict)
    budget: str = "the budget"
    outer: Meter | None = None
    loop: Loop = field(default_factory=Loop)

    def read(self) -> Cost:
        """The count so far.

        ``peak`` is on a GPU the most that torch held since the count began. On a CPU it is the most that the whole process
        held since then, with what it held already; where the system cannot forget an earlier peak (elsewhere than on
        Linux), it is the most that the process ever held, so that later work never shows less than earlier.
        """
        peak = max(self.peak, _held())
        return Cost(time.perf_counter() - self.started, self.forward, self.backward, round(self.flops), peak)


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered(limit: float | None = None, budget: str = "the budget") -> Iterator[Meter]:
    """Count all that is noted within; an outer count gets it too when the inner one ends.

    Args:
        limit: operations at which gradient loops are to stop, as ``exceeds_limit`` tells them.
        budget: what the limit is called in the note that tells of it.
    """
    outer = _meter.get()
    if outer is not None:
        outer.peak = max(outer.peak, _held())
    _forget_peak()
    meter = Meter(limit=limit, budget=budget, outer=outer)
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)
        if meter.loop.stopped:
            of = f" of {meter.loop.planned}" if meter.loop.planned else ""
            meter.notes[f"stopped at {budget}, after {meter.loop.done}{of} steps"] = None
        if outer is not None:
            outer.peak = max(outer.peak, meter.peak, _held())
            outer.forward += meter.forward
            outer.backward += meter.backward
            outer.flops += meter.flops
            outer.notes |= meter.notes


def add_note(text: str) -> None:
    """Tell the reader of the result something that happened on the way; told once, however often it happens."""
    meter = _meter.get()
    if meter is not None:
        meter.notes[text] = None


def _limited() -> Iterator[tuple[Meter, float, float]]:
    """The counts that run and have a limit, from within: each with its limit and the operations so far."""
    spent, meter = 0.0, _meter.get()
    while meter is not None:
        spent += meter.flops
        if meter.limit is not None:
            yield meter, meter.limit, spent
        meter = meter.outer


def has_limit() -> bool:
    """Whether the running count, or one around it, has a limit."""
    return any(True for _ in _limited())


def plan_steps(steps: int) -> None:
    """Tell the counts that have a limit that a gradient loop of so many steps begins."""
    for meter, _, spent in _limited():
        meter.loop.planned += steps
        meter.loop.mark, meter.loop.largest = spent, 0.0


def exceeds_limit() -> bool:
    """Whether the next step of a gradient loop would pass the limit of the running count or of one around it.

    Asked before each step. The next step is taken to be as large as the largest so far of the same loop; the first is
    taken when anything is left, since nobody knows what it costs.

    Raises:
        RunFailed: nothing was left for a first step.
    """
    stop = False
    for meter, limit, spent in _limited():
        loop = meter.loop
        if loop.mark is not None and spent > loop.mark:
            loop.done, loop.largest = loop.done + 1, max(loop.largest, spent - loop.mark)
        loop.mark = spent
        if spent + loop.largest > limit or spent >= limit:
            if not loop.done:
                raise RunFailed(f"{meter.budget} was spent before the first step: give more, or another method")
            stop = loop.stopped = True
    return stop


class Counter:
    """Counts examples and operations of one loop whose steps are of one kind.

    Operations are measured on the loop's first step and scaled by examples from then on: convolution and matrix work is
    linear in the batch.

    Args:
        kind: what the operations on one example depend on, as ``kind_of`` gives it; a kind that this process has measured
            before is not measured again. None measures, which takes up to a third of a step's own time on tiny networks.
    """

    def __init__(self, kind: Hashable | None = None) -> None:
        self.kind = kind
        self.each = _known.get(kind)

    def step(self, examples: int, work: Callable[[], T], backward: bool = True) -> T:
        """Do ``work`` on ``examples`` examples and count it."""
        meter = _meter.get()
        if meter is None:
            return work()
        if self.each is None:
            done, total = count_flops(work)
            self.each = total / max(examples, 1)
            if self.kind is not None:
                _known[self.kind] = self.each
        else:
            done = work()
        meter.forward += examples
        meter.backward += examples if backward else 0
        meter.flops += self.each * examples
        return done


_known: dict[Hashable, float] = {}


def _on_gpu() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def _held() -> int:
    """The most bytes that torch held on any one GPU, or else the process in memory, since the peak was forgotten."""
    if _on_gpu():
        return max(map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count())))
    try:
        told = STATUS.read_text()
        return int(told.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _forget_peak() -> None:
    if _on_gpu():
        for device in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        CLEAR.write_text("5")  # 5 sets VmHWM to what is held now: proc(5)


@dataclass(frozen=True)
class Cost:
    """What a piece of work took.

    Args:
        seconds: wall-clock time.
        forward: examples that went forward through a model, those of a backward pass included.
        backward: examples that went backward.
        flops: floating-point operations as torch's own counter counts them.
        peak: peak bytes since the work began: of the whole process on a CPU, of torch's allocator on a GPU.
    """

    seconds: float = 0.0
    forward: int = 0
    backward: int = 0
    flops: int = 0
    peak: int = 0
