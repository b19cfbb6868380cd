"""Foreign code in a process that others use too: what it leaves changed is put back, and it is named.

What is covered: see ``process_settings.py`` (modes and settings), ``patches.py`` (functions and classes) and below (random state,
context variables, loaded modules, prints, exits). What no process can put back is not: threads and child processes that go on, file
descriptors that were closed, memory that was written behind Python's back.
"""

from __future__ import annotations

import contextvars
import random
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import numpy as np

from untrain.core.errors import BrokenPromise, RunFailed
from untrain.core.interrupts import is_from_outside, noting_interrupts
from untrain.core.patches import Names, Patch
from untrain.core.process_settings import ProcessSetting, settings


@dataclass
class _Course:
    """How many blocks are open, and whether one put something back; an object, since rebound names of ours count as patches."""

    depth: int = 0
    spoiled: bool = False


_course = _Course()


@contextmanager
def foreign(name: str, draws: bool = False, patches: bool = True) -> Iterator[None]:
    """Run somebody's code within; whatever it changes in the process is put back, and it is named.

    What it prints goes to stderr, since stdout is for results. Within another such block, replaced functions are
    looked for at the end of the outer one.

    >>> import os
    >>> with foreign("Careless()"):
    ...     os.environ["LEFT"] = "behind"
    Traceback (most recent call last):
    ...
    untrain.core.errors.BrokenPromise: Careless() left the environment (LEFT) changed, which was put back
    >>> "LEFT" in os.environ
    False

    Args:
        name: of whose code it is.
        draws: whether it may draw from the global generators of numpy and Python; their state is put back without a word.
        patches: whether replaced functions are looked for, which takes some milliseconds.

    Raises:
        BrokenPromise: it changed something that would change the results of others.
        RunFailed: it tried to end the process.
    """
    with noting_interrupts():
        before = _State(patches and _course.depth == 0)
        _course.depth += 1
        stdout, sys.stdout = sys.stdout, _Stderr()
        redirected = sys.stdout
        try:
            yield
        except BaseException as error:
            changed = before.put_back(redirected, draws)
            if isinstance(error, KeyboardInterrupt) and is_from_outside():
                raise
            if changed:  # the error may come of it, even where it is one of ours
                raise _left(name, changed, f", and failed: {_in_line(error)}") from error
            if isinstance(error, Exception):
                raise
            raise RunFailed(f"{name} tried to end the process: {_in_line(error)}") from error
        else:
            if changed := before.put_back(redirected, draws):
                raise _left(name, changed)
        finally:
            _course.depth -= 1
            sys.stdout = stdout


def _left(name: str, changed: list[str], more: str = "") -> BrokenPromise:
    _course.spoiled = True
    promise = "random state" if all("random state" in each for each in changed) else ""
    return BrokenPromise(f"{name} left {' and '.join(changed)} changed, which was put back{more}", promise)


def _in_line(error: BaseException) -> str:
    """The class of an error, and in one line what it says."""
    name, text = type(error).__name__, " ".join(str(error).split())
    return f"{name}{': ' * bool(text)}{text}" if isinstance(error, Exception) else f"{name}({text})"


def was_spoiled() -> bool:
    """Whether some code has changed what was put back since this was last asked: a fresh process is surer then."""
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


class _State:
    """The state of the process at one moment; with ``names``, which function each name stands for too."""

    def __init__(self, names: bool):
        self.names = Names() if names else None
        self.modules = dict(sys.modules)
        self.context = contextvars.copy_context()
        self.draws = _random_state()
        self.streams = sys.stderr, sys.stdin
        self.values: list[tuple[ProcessSetting, Any]] = [(each, each.read()) for each in settings()]

    def put_back(self, stdout: Any, draws: bool) -> list[str]:
        """Put back all that differs; what that is and who it concerns, in words."""
        new = _libraries(n for n in sys.modules if n not in self.modules)
        changed = self._streams(stdout)
        changed += self._modules()
        changed += self._patches(new)
        for each, value in self.values:
            now = each.read()
            if now != value:
                if not each.blamed and new:
                    continue  # filters of warnings, which libraries set for themselves
                each.write(value)
                if each.blamed and not (each.imports and new):
                    changed.append(each.what + _details(value, now))
        changed += self._context()
        changed += self._draws(draws)
        return changed

    def _streams(self, stdout: Any) -> list[str]:
        same = sys.stdout is stdout and (sys.stderr, sys.stdin) == self.streams
        sys.stderr, sys.stdin = self.streams
        return [] if same else ["standard output or error"]

    def _modules(self) -> list[str]:
        now = sys.modules
        others = [n for n, module in self.modules.items() if now.get(n) is not module and not _is_anew(module, now.get(n))]
        sys.modules.update({n: self.modules[n] for n in others})
        return [f"the module {n}" for n in others[:3]]

    def _patches(self, new: frozenset[str]) -> list[str]:
        patches: list[Patch] = [] if self.names is None else self.names.patches(new)
        for patch in patches:
            patch.undo()
        return [f"the function {patch.where}" for patch in patches[:3]]

    def _context(self) -> list[str]:
        changed = []
        for variable, value in contextvars.copy_context().items():
            if variable in self.context:
                was = self.context[variable]
            else:
                try:
                    was = contextvars.Context().run(variable.get)
                except LookupError:
                    continue  # it had no value, and a variable cannot lose one
            if value is not was and value != was:
                variable.set(was)
                changed.append(f"the context variable {variable.name}")
        return changed

    def _draws(self, allowed: bool) -> list[str]:
        now = _random_state()
        moved = [name for name, state in now.items() if not _equal(state, self.draws[name])]
        _set_random_state({name: self.draws[name] for name in moved})
        return [] if allowed else [f"the global random state of {name}" for name in moved]


def _libraries(modules: Iterable[str]) -> frozenset[str]:
    """Top-level names of those modules that are installed, or Python's own; what lies elsewhere is the foreign code itself."""
    places = [Path(place) for place in set(sysconfig.get_paths().values())]
    files = {n: getattr(sys.modules[n], "__file__", None) for n in modules}
    installed = (n for n, file in files.items() if file and any(place in Path(file).parents for place in places))
    return frozenset(n.partition(".")[0] for n in installed)


def _details(before: Any, now: Any) -> str:
    """Which names of a mapping differ, or the value."""
    if isinstance(before, dict) and all(isinstance(n, str) for n in before):
        names = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
        return f" ({', '.join(names[:3])})"
    return f" ({now})" if isinstance(now, bool | int | float | str) or type(now).__name__ == "dtype" else ""


def _random_state() -> dict[str, Any]:
    return {"numpy": np.random.get_state(), "python": random.getstate()}  # noqa: NPY002


def _set_random_state(states: dict[str, Any]) -> None:
    if "numpy" in states:
        np.random.set_state(states["numpy"])  # noqa: NPY002
    if "python" in states:
        random.setstate(states["python"])


def _equal(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return all(bool((x == y).all()) if isinstance(x, np.ndarray) else x == y for x, y in zip(a, b, strict=True))


def _is_anew(before: Any, after: Any) -> bool:
    """Whether a library has run its own file again, as those do that load their parts lazily and have a class of module for it."""
    lazy = isinstance(before, ModuleType) and type(before) is not ModuleType and type(after) is type(before)
    return lazy and getattr(before, "__file__", None) == getattr(after, "__file__", "")
