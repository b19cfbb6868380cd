"""The state of a process at one moment, and putting back what differs from it.

What is covered: see ``process_settings.py`` (modes and settings), ``patches.py`` (functions and classes) and below (random state,
context variables, loaded modules, streams). What no process can put back is not: threads and child processes that go on, file
descriptors that were closed, memory that was written behind Python's back.
"""

from __future__ import annotations

import contextvars
import random
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from untrain.core.patches import Bindings
from untrain.core.process_settings import ProcessSetting, settings


class ProcessState:
    """The state of the process at one moment; with ``names``, which function each name stands for too."""

    def __init__(self, names: bool):
        self.names = Bindings() if names else None
        self.modules = dict(sys.modules)
        self.stuck: list[str] = []
        self.context = contextvars.copy_context()
        self.draws = _random_state()
        self.streams = sys.stderr, sys.stdin
        self.values: list[tuple[ProcessSetting, Any]] = [(each, each.read()) for each in settings()]

    def put_back(self, stdout: Any, draws: bool) -> tuple[list[str], list[str]]:
        """Put back all that differs; what was put back and who it concerns, and what could not be, in words."""
        self.stuck.clear()
        changed: list[str] = []
        new, loaded = frozenset[str](), True
        with self._going_on("loaded modules"):
            loaded = sys.modules != self.modules  # in C, and most often all there is to do
            new = _libraries(n for n in list(sys.modules) if n not in self.modules) if loaded else new
        with self._going_on("standard output or error"):
            changed += self._streams(stdout)
        with self._going_on("loaded modules"):
            changed += self._modules() if loaded else []
        with self._going_on("replaced functions"):
            changed += self._patches(new)
        for each, value in self.values:
            with self._going_on(each.what):
                changed += self._setting(each, value, new)
        for variable, now in contextvars.copy_context().items():
            with self._going_on(f"the context variable {variable.name}"):
                changed += self._variable(variable, now)
        with self._going_on("the global random state"):
            changed += self._draws(draws, imported=bool(new))
        return changed, list(dict.fromkeys(self.stuck))

    @contextmanager
    def _going_on(self, what: str) -> Iterator[None]:
        """Note what cannot be put back within, so that all else still is."""
        try:
            yield
        except Exception as error:  # foreign code takes part: comparisons, attributes of modules, metaclasses
            self.stuck.append(f"{what} ({in_line(error)})")

    def _streams(self, stdout: Any) -> list[str]:
        same = sys.stdout is stdout and (sys.stderr, sys.stdin) == self.streams
        sys.stderr, sys.stdin = self.streams
        return [] if same else ["standard output or error"]

    def _modules(self) -> list[str]:
        now = dict(sys.modules)
        others = [n for n, module in self.modules.items() if now.get(n) is not module and not _is_anew(module, now.get(n))]
        sys.modules.update({n: self.modules[n] for n in others})
        return [f"the module {n}" for n in others[:3]]

    def _patches(self, new: frozenset[str]) -> list[str]:
        if self.names is None:
            return []
        patches = self.names.patches(new and new - {n.partition(".")[0] for n in self.modules})
        for patch in patches:
            with self._going_on(f"the {patch.what} {patch.where}"):
                patch.undo()
        return [f"the {patch.what} {patch.where}" for patch in [p for p in patches if not p.own][:3]]

    def _setting(self, setting: ProcessSetting, value: Any, new: frozenset[str]) -> list[str]:
        now = setting.read()
        if not _differ(now, value) or (new and not setting.blamed):  # libraries set filters of warnings for themselves
            return []
        setting.write(value)
        names = _names(value, now)
        by_a_library = bool(names) and all(n.startswith(setting.own) for n in names)
        if not setting.blamed or (setting.imports and new) or by_a_library:
            return []
        return [setting.what + _details(names, now)]

    def _variable(self, variable: contextvars.ContextVar[Any], now: Any) -> list[str]:
        if variable in self.context:
            was = self.context[variable]
        else:
            try:
                was = contextvars.Context().run(variable.get)
            except LookupError:
                return []  # it had no value, and a variable cannot lose one
        if now is was or not _differ(now, was):
            return []
        variable.set(was)
        return [f"the context variable {variable.name}"] if _is_of_users(variable) else []

    def _draws(self, allowed: bool, imported: bool) -> list[str]:
        """The generators that moved; that of Python may, where a library was imported, since some draw from it meanwhile."""
        now = _random_state()
        moved = [name for name, state in now.items() if not _equal(state, self.draws[name])]
        _set_random_state({name: self.draws[name] for name in moved})
        blamed = [] if allowed else [name for name in moved if name != "python" or not imported]
        return [f"the global random state of {name}" for name in blamed]


def _differ(a: Any, b: Any) -> bool:
    """Return whether two values differ; those that cannot say, as arrays, do."""
    try:
        return bool(a != b)
    except Exception:
        return True


def _file(module: Any) -> str | None:
    """The file of a module, without asking a module that loads its parts on access."""
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")
    except AttributeError:  # what stands among modules and is none
        return None
    return file if isinstance(file, str) else None


def _is_installed(file: str) -> bool:
    return any(place in Path(file).parents for place in _places())


@lru_cache(maxsize=1)
def _places() -> tuple[Path, ...]:
    return tuple(Path(place) for place in set(sysconfig.get_paths().values()))


def _libraries(modules: Iterable[str]) -> frozenset[str]:
    """Top-level names of those modules that are installed, or Python's own; what lies elsewhere is the foreign code itself."""
    files = {n: _file(sys.modules.get(n)) for n in modules}
    return frozenset(n.partition(".")[0] for n, file in files.items() if file and _is_installed(file))


def _is_of_users(variable: contextvars.ContextVar[Any]) -> bool:
    """Return whether a variable is of this package or of a module that is not installed; those of libraries are theirs to set."""
    for name, module in list(sys.modules.items()):
        file = _file(module)
        ours = name.startswith("untrain.")
        if (file or name == "__main__") and (ours or not file or not _is_installed(file)):
            names = object.__getattribute__(module, "__dict__")
            if any(value is variable for value in list(names.values())):
                return True
    return False


def _names(before: Any, now: Any) -> list[str]:
    """The names of a mapping that differ."""
    if not isinstance(before, dict) or not all(isinstance(n, str) for n in before):
        return []
    return sorted(n for n in before.keys() | now.keys() if _differ(before.get(n), now.get(n)))


def _details(names: list[str], now: Any) -> str:
    """Some names that differ, or the value."""
    if names:
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
    """Return whether a library has run its own file again, as libraries with lazy parts and a module class of their own do."""
    lazy = isinstance(before, ModuleType) and type(before) is not ModuleType and type(after) is type(before)
    return lazy and getattr(before, "__file__", None) == getattr(after, "__file__", "")


def in_line(error: BaseException) -> str:
    """The class of an error, and in one line what it says."""
    name, text = type(error).__name__, " ".join(str(error).split())
    return f"{name}{': ' * bool(text)}{text}" if isinstance(error, Exception) else f"{name}({text})"
