"""Foreign code in a process that others use too: what it leaves changed is put back, and it is named."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from torch import nn

from untrain.core.errors import BrokenPromise, RunFailed
from untrain.core.interrupts import is_from_outside, noting_interrupts
from untrain.core.ownership import is_ours
from untrain.core.process_state import ProcessState, in_line

KNOWN = ("untrain", "torch", "builtins", "_operator", "collections")  # packages whose layers and functions replace nothing


@dataclass
class _Course:
    """A mark of whether a block put something back; an object, since rebound names of ours count as patches."""

    spoiled: bool = False


_course = _Course()


@contextmanager
def foreign(*code: object, draws: bool = False, patches: bool = True) -> Iterator[None]:
    """Run somebody's code within; whatever it changes in the process is put back, and it is named.

    What it prints goes to stderr, since stdout is for results. Replaced functions are not looked for where all of the code is of
    this package, whose own tests look for them.

    >>> import os
    >>> with foreign("Careless()"):
    ...     os.environ["LEFT"] = "behind"
    Traceback (most recent call last):
    ...
    untrain.core.errors.BrokenPromise: Careless() left the environment (LEFT) changed, which was put back
    >>> "LEFT" in os.environ
    False

    Args:
        code: specs and models that the code belongs to, the first of them for the message; or a text that names it.
        draws: whether it may draw from the global generators of numpy and Python; their state is put back without a word.
        patches: whether replaced functions are looked for in code of others, which takes some milliseconds.

    Raises:
        BrokenPromise: it changed something that would change the results of others.
        RunFailed: it tried to end the process.
    """
    name = code[0] if isinstance(code[0], str) else repr(code[0])
    with noting_interrupts():
        before = ProcessState(patches and not all(map(_is_known, code)))
        stdout, sys.stdout = sys.stdout, _Stderr()
        redirected = sys.stdout
        try:
            yield
        except BaseException as error:
            changed, stuck = before.put_back(redirected, draws)
            if isinstance(error, KeyboardInterrupt) and is_from_outside(error):
                raise
            if changed or stuck:  # the error may come of it, even where it is one of ours
                raise _left(name, changed, stuck, f", and failed: {in_line(error)}") from error
            if isinstance(error, Exception):
                raise
            raise RunFailed(f"{name} tried to end the process: {in_line(error)}") from error
        else:
            changed, stuck = before.put_back(redirected, draws)
            if changed or stuck:
                raise _left(name, changed, stuck)
        finally:
            sys.stdout = stdout


@contextmanager
def process_kept() -> Iterator[None]:
    """Put back what somebody's code within changes in the process, and blame nobody: for trials, of which one asks for just that.

    >>> import os
    >>> with process_kept():
    ...     os.environ["LEFT"] = "behind"
    >>> "LEFT" in os.environ
    False
    """
    before = ProcessState(names=True)
    try:
        yield
    finally:
        before.put_back(sys.stdout, draws=True)


def _is_known(code: object) -> bool:
    """Return whether it is a spec of ours, or a network of our layers and torch's that calls nobody else's functions."""
    if isinstance(code, nn.Module):
        return all(_top(type(part)) in KNOWN and all(map(_is_known_function, _called(part))) for part in code.modules())
    return dataclasses.is_dataclass(code) and is_ours(code)


def _called(part: nn.Module) -> Iterator[object]:
    """Functions that a layer holds, as activations and hooks."""
    for value in vars(part).values():
        yield from (one for one in (value.values() if isinstance(value, dict) else (value,)) if callable(one))


def _is_known_function(value: object) -> bool:
    return isinstance(value, nn.Module) or _top(value if hasattr(value, "__module__") else type(value)) in KNOWN


def _top(value: object) -> str:
    return str(getattr(value, "__module__", "")).partition(".")[0]


def _left(name: str, changed: list[str], stuck: list[str], more: str = "") -> BrokenPromise:
    _course.spoiled = True
    promise = "random state" if all("random state" in each for each in (*changed, *stuck)) else ""
    ends = ((changed, "which was put back"), (stuck, "which could not be put back"))
    what = "; it left ".join(f"{' and '.join(each)} changed, {end}" for each, end in ends if each)
    return BrokenPromise(f"{name} left {what}{more}", promise)


def was_spoiled() -> bool:
    """Return whether some code has changed what was put back since this was last asked: a fresh process is surer then."""
    spoiled, _course.spoiled = _course.spoiled, False
    return spoiled


class _Stderr:
    """Standard output on which foreign code writes: its words go to stderr, and it cannot be closed."""

    closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)

    def write(self, text: str) -> int:
        """Write to stderr."""
        stream: TextIO | None = sys.stderr
        return len(text) if stream is None or stream.closed else stream.write(text)

    def close(self) -> None:
        """Stay open."""
