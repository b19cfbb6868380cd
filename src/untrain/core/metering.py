"""The cost of a piece of work, counted where the work is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from untrain.core.errors import RunFailed
from untrain.core.flops import count_flops
from untrain.core.peak_memory import peak_bytes, reset_peak
from untrain.core.row_costs import RowCosts
from untrain.core.step_limit import Loop, count_step

T = TypeVar("T")


@dataclass
class Meter:
    """A running count.

    Args:
        started: reading of the clock.
        forward: examples that went forward.
        backward: examples that went backward.
        flops: floating-point operations.
        counted: whether these are all.
        peak: bytes, as far as an inner count has begun to count them anew.
        limit: operations after which work stops; None for no limit.
        notes: messages for the reader of the result, in order, each once.
        budget: name of the limit in a note.
        outer: the count around this one, to which this one is added when it ends.
        loop: the gradient loop that runs, as ``exceeds_limit`` sees it.
    """

    started: float = field(default_factory=time.perf_counter)
    forward: int = 0
    backward: int = 0
    flops: float = 0.0
    counted: bool = True
    peak: int = 0
    limit: float | None = None
    notes: dict[str, None] = field(default_factory=dict)
    budget: str = "the budget"
    outer: Meter | None = None
    loop: Loop = field(default_factory=Loop)

    def read(self) -> Cost:
        """The count so far.

        ``peak`` is on a GPU the most that torch allocated since the count began. On a CPU it is the most that the whole
        process used since then, earlier allocations included; where the system cannot reset the peak (elsewhere than
        on Linux), it is the peak of the process so far, so that later work never shows less than earlier.
        """
        peak = max(self.peak, peak_bytes())
        return Cost(
            time.perf_counter() - self.started, self.forward, self.backward, round(self.flops) if self.counted else None, peak
        )


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered(limit: float | None = None, budget: str = "the budget") -> Iterator[Meter]:
    """Count examples, operations and memory within the block; an outer count gets them too when the inner one ends.

    >>> import torch
    >>> layer, x = torch.nn.Linear(3, 2, bias=False), torch.ones(4, 3)
    >>> with metered() as meter:
    ...     _ = Counter().step(4, lambda: layer(x), backward=False)
    >>> meter.forward, meter.flops  # 4 examples of 2 x 3 multiplications and additions
    (4, 48.0)

    Args:
        limit: operations at which gradient loops stop, by ``exceeds_limit``.
        budget: name of the limit in the note about it.
    """
    outer = _meter.get()
    if outer is not None:
        outer.peak = max(outer.peak, peak_bytes())
    reset_peak()
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
            outer.peak = max(outer.peak, meter.peak, peak_bytes())
            outer.forward += meter.forward
            outer.backward += meter.backward
            outer.flops += meter.flops
            outer.counted &= meter.counted
            outer.notes |= meter.notes


@contextmanager
def off_the_clock() -> Iterator[None]:
    """Leave the seconds of the block out of the running count and of those around it."""
    began = time.perf_counter()
    yield
    spent, meter = time.perf_counter() - began, _meter.get()
    while meter is not None:
        meter.started, meter = meter.started + spent, meter.outer


def add_note(text: str) -> None:
    """Add a note for the reader of the result to the running count; each text once, however often it happens."""
    meter = _meter.get()
    if meter is not None:
        meter.notes[text] = None


def leave_uncounted(reason: str) -> None:
    """Say that operations of the running count, and of those around it, are not known, and add the reason as a note.

    >>> with metered() as meter:
    ...     leave_uncounted("another library did the work")
    >>> print(meter.read().flops, *meter.notes)
    None another library did the work
    """
    meter = _meter.get()
    if meter is not None:
        meter.counted = False
    add_note(reason)


def _limited() -> Iterator[tuple[Meter, float, float]]:
    """The running counts with a limit, the innermost first: each with its limit and the operations so far."""
    spent, meter = 0.0, _meter.get()
    while meter is not None:
        spent += meter.flops
        if meter.limit is not None:
            yield meter, meter.limit, spent
        meter = meter.outer


def has_limit() -> bool:
    """Return whether the running count, or one around it, has a limit.

    >>> with metered(limit=100):
    ...     has_limit()
    True
    """
    return any(True for _ in _limited())


def plan_steps(steps: int | None) -> None:
    """Announce a gradient loop of so many steps to the counts that have a limit; None where it goes on with one that was."""
    for meter, _, spent in _limited():
        count_step(meter.loop, spent)
        meter.loop.mark = None
        if steps is not None:
            meter.loop.planned += steps
            meter.loop.largest = 0.0


def limit_reached() -> bool:
    """Return whether the limit of the running count, or of one around it, has stopped a gradient loop."""
    return any(meter.loop.stopped for meter, _, _ in _limited())


def exceeds_limit() -> bool:
    """Return whether the next step of a gradient loop would exceed the limit of the running count or of one around it.

    Call it before each step. It assumes that the next step is as large as the largest so far of the same loop; the first
    one may go ahead when anything is left, since its cost is unknown.

    Raises:
        RunFailed: nothing was left for a first step.
    """
    stop = False
    for meter, limit, spent in _limited():
        loop = meter.loop
        count_step(loop, spent)
        loop.mark = spent
        if spent + loop.largest > limit or spent >= limit:
            loop.mark = None
            if not loop.done:
                raise RunFailed(f"{meter.budget} was spent before the first step: give more, or another method")
            stop = loop.stopped = True
    return stop


class Counter:
    """Counts examples and operations of one loop of similar steps.

    Operations are measured on the first step of each shape of input and scaled by examples from then on: convolution and
    matrix work is linear in the batch, and attention is not in the length of a row. Rows of tokens are measured at a few widths,
    from which those at others follow.

    Args:
        key: all that the operations on one example depend on, from ``cost_key``; a key that this process has measured
            before is not measured again. None measures, which takes up to a third of a step's own time on tiny networks.
    """

    def __init__(self, key: Hashable | None = None) -> None:
        self.key = key
        self.each: dict[Hashable, float] = {}
        self.rows = RowCosts() if key is None else _rows.setdefault(key, RowCosts())

    def step(
        self, examples: int, work: Callable[[], T], backward: bool = True, shape: Hashable = None,
        alone: Callable[[], object] | None = None,
    ) -> T:  # fmt: skip
        """Do ``work`` on ``examples`` examples and count it.

        Args:
            examples: how many there are.
            work: what is done.
            backward: whether they go backward too.
            shape: that of the inputs, from ``cost_shape``; None where all steps have the same.
            alone: the same work on a single example, which is measured where torch cannot tell the operations of ``work``;
                it is not called for the first shape, which ``work`` itself begins with one example of.
        """
        meter = _meter.get()
        if meter is None:
            return work()
        each = self._known(shape)
        if each is not None:
            result = work()
        elif alone is not None and self.each:
            _, total = count_flops(alone)
            each, result = self._learn(shape, float(total)), work()
        else:
            result, total = count_flops(work)
            each = self._learn(shape, total / max(examples, 1))
        meter.forward, meter.backward = meter.forward + examples, meter.backward + (examples if backward else 0)
        meter.flops += each * examples
        return result

    def _known(self, shape: Hashable) -> float | None:
        each = self.each.get(shape, None if self.key is None else _known.get((self.key, shape)))
        if each is None and (each := self.rows.expected(shape)) is not None:
            self.each[shape] = each
        return each

    def _learn(self, shape: Hashable, each: float) -> float:
        self.each[shape] = each
        self.rows.learn(shape, each)
        if self.key is not None:
            _known[self.key, shape] = each
        return each


_known: dict[tuple[Hashable, Hashable], float] = {}
_rows: dict[Hashable, RowCosts] = {}


def count_once(work: Callable[[], T], examples: Callable[[], int]) -> T:
    """Do ``work``, count all of its operations, and add the examples that it took forward and backward, asked for afterwards."""
    meter = _meter.get()
    if meter is None:
        return work()
    result, total = count_flops(work)
    meter.flops += total
    meter.forward, meter.backward = meter.forward + examples(), meter.backward + examples()
    return result


@dataclass(frozen=True)
class Cost:
    """Cost of a piece of work.

    Args:
        seconds: wall-clock time.
        forward: examples that went forward through a model, those of a backward pass included.
        backward: examples that went backward.
        flops: floating-point operations as torch's own counter counts them; None where another library did the work.
        peak: peak bytes since the work began: of the whole process on a CPU, of torch's allocator on a GPU.
    """

    seconds: float = 0.0
    forward: int = 0
    backward: int = 0
    flops: int | None = 0
    peak: int = 0
