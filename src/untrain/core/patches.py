"""Functions, classes and constants that foreign code may have replaced: what is watched, what changed, and how it is put back.

Of modules that are not libraries, constants are watched beside code; ``module_state.py`` says which plain values are constants.
"""

from __future__ import annotations

import builtins
import ctypes
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter, is_, methodcaller
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from untrain.core.libraries import is_library
from untrain.core.module_state import computed, is_plain, states, states_of_class

# Modules whose functions, and those of whose own classes, all others rely on, and all in ``WITHIN`` that are loaded.
WATCHED = (
    *("builtins", "copy", "hashlib", "io", "json", "math", "operator", "os", "os.path", "pathlib", "pickle", "random", "time"),
    *("numpy", "numpy.linalg", "numpy.random", "scipy.special", "scipy.stats", "sklearn.linear_model", "sklearn.svm"),
    *("torch", "torch.autograd", "torch.linalg", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils"),
    *("torch.optim", "torch.optim.lr_scheduler", "torch.random", "torch.utils.data"),
    *("safetensors", "safetensors.numpy", "safetensors.torch"),
)
WITHIN = ("untrain.", "torch.nn.modules.", "torch.optim.")  # all modules of these
DERIVED = "Storage"  # of torch, which follows the default dtype


@dataclass(frozen=True, eq=False)
class Patch:
    """A name that was replaced, removed or shadowed: its owner, and what it was; ``was`` is ``ABSENT`` where it was not there.

    One that is ``own`` was set by a function of its own module, which nobody is blamed for.
    """

    owner: Any
    name: str
    was: Any
    own: bool = False

    @property
    def what(self) -> str:
        """Function, or constant.

        >>> import math
        >>> Patch(math, "pi", math.pi).what
        'constant'
        """
        return "constant" if is_plain(self.was) else "function"

    @property
    def where(self) -> str:
        """The name with that of its owner, for a message.

        >>> import math
        >>> Patch(math, "sqrt", math.sqrt).where
        'math.sqrt'
        """
        module = getattr(self.owner, "__module__", None)
        own = getattr(self.owner, "__qualname__", None) or getattr(self.owner, "__name__", repr(self.owner))
        return f"{module}.{own}.{self.name}" if module and not isinstance(self.owner, ModuleType) else f"{own}.{self.name}"

    def undo(self) -> None:
        """Put back what was there."""
        if self.was is ABSENT:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self.was)


ABSENT = object()


@dataclass(frozen=True, eq=False)
class _Watch:
    """Modules and classes that are watched, their live mappings of names, and their functions."""

    modules: list[ModuleType]
    owners: tuple[Any, ...]
    spaces: tuple[Mapping[str, Any], ...]
    functions: tuple[FunctionType, ...]

    def read(self) -> np.ndarray[Any, Any]:
        """Names by owner, what each stands for, and each part of the functions: an array, which collecting garbage passes over."""
        values = map(methodcaller("values"), self.spaces)
        parts = (map(attrgetter(part), self.functions) for part in _PARTS)
        things = chain(chain.from_iterable(self.spaces), chain.from_iterable(values), *parts)
        return np.fromiter(things, dtype=object, count=2 * sum(map(len, self.spaces)) + len(_PARTS) * len(self.functions))


class Bindings:
    """All names of the watched modules and classes, and the code of their functions, at one moment."""

    def __init__(self) -> None:
        self.watch = _watched()
        self.sizes = list(map(len, self.watch.spaces))
        self.state = self.watch.read()

    def patches(self, newcomers: frozenset[str] = frozenset()) -> list[Patch]:
        """List changes since then, but for what libraries do to themselves.

        Args:
            newcomers: top-level names of the packages that were first imported since; what their code replaces is theirs to do.
        """
        count, now = sum(self.sizes), self.watch.read()
        sizes = list(map(len, self.watch.spaces))
        if sizes == self.sizes:
            others = _others(now, self.state)
            moved = np.unique(np.searchsorted(np.cumsum(sizes), others[others < 2 * count] % count, side="right")).tolist()
            functions = bool((others >= 2 * count).any())
        else:
            moved, functions = list(range(len(sizes))), True
        changes, starts = list[Patch](), [0, *accumulate(self.sizes)]
        for at in moved:
            owner, space, part = self.watch.owners[at], self.watch.spaces[at], slice(starts[at], starts[at + 1])
            names, values = self.state[part].tolist(), self.state[count : 2 * count][part].tolist()
            if not (_alike(list(space), names) and _alike(list(space.values()), values)):
                changes += _differences(owner, dict(zip(names, values, strict=True)), dict(space))
        codes = self.state[2 * count :].reshape(len(_PARTS), -1).tolist()
        for attribute, each in zip(_PARTS, codes, strict=True) if functions else ():
            pairs = zip(self.watch.functions, each, strict=True)
            changes += [Patch(f, attribute, was) for f, was in pairs if getattr(f, attribute) is not was]
        return [change for change in changes if not _by_a_library(change, newcomers)]


def _others(now: np.ndarray[Any, Any], before: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Places where two arrays have different things, by their addresses: 20 times as fast as to look at each thing."""
    return np.flatnonzero(_addresses(now) != _addresses(before))


def _addresses(things: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(ctypes.string_at(things.ctypes.data, things.nbytes), dtype=np.intp)


def _alike(now: list[Any], before: list[Any]) -> bool:
    """Return whether two lists are of the same things; equal numbers may be of two types."""
    return len(now) == len(before) and all(map(is_, now, before))


_PARTS = ("__code__", "__defaults__", "__kwdefaults__")
_cache: list[_Watch] = []


def _watched() -> _Watch:
    """The watched values; listed anew when modules were imported."""
    everything = list(sys.modules.values())
    if not _cache or not _alike(everything, _cache[0].modules):
        modules = {n: m for n, m in list(sys.modules.items()) if isinstance(m, ModuleType)}
        own = {top for top in {n.partition(".")[0] for n in modules} if not is_library(top)}
        loaded = {n: m for n, m in modules.items() if n in WATCHED or n.startswith(WITHIN) or _is_own_module(n, m, own)}
        owners: dict[int, Any] = {id(module): module for module in loaded.values()}
        for name, module in loaded.items():
            top = name.partition(".")[0]
            for value in list(vars(module).values()):
                if isinstance(value, type) and _is_own(value, name, top):
                    owners[id(value)] = value
        functions = {id(f): f for owner in owners.values() for f in vars(owner).values() if isinstance(f, FunctionType)}
        spaces = tuple(vars(owner) for owner in owners.values())
        _cache[:] = [_Watch(everything, tuple(owners.values()), spaces, tuple(functions.values()))]
    return _cache[0]


def _is_own_module(name: str, module: ModuleType, own: set[str]) -> bool:
    """Return whether a module is not a library: of ours, or of the user's."""
    return name.partition(".")[0] in own and (name == "__main__" or vars(module).get("__file__") is not None)


def _is_own(cls: type, module: str, top: str) -> bool:
    """Return whether a class is of the module, or of a library whose public name it bears there, and may be written to at all."""
    if cls.__flags__ & (1 << 8):  # immutable, as classes of C are
        return False
    return cls.__module__.partition(".")[0] == top if is_library(top) else cls.__module__ == module


def _differences(owner: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Patch]:
    watched = {n: was for n, was in before.items() if _counts(was) and (owner is not sys.modules.get("torch") or n != DERIVED)}
    gone_or_other = [Patch(owner, n, was) for n, was in watched.items() if after.get(n, ABSENT) is not was]
    gone_or_other = [*_of_its_own(owner, gone_or_other), *_constants(owner, before, after)]
    inherited = vars(builtins) if isinstance(owner, ModuleType) else _inherited(owner)
    shadows = [Patch(owner, n, ABSENT) for n in after.keys() - before.keys() if n in inherited and _counts(after[n])]
    return gone_or_other + shadows


def _of_its_own(owner: Any, changes: list[Patch]) -> list[Patch]:
    """Changes that are not state of the user's own modules; a script that runs defines its functions as it goes."""
    if not changes or not isinstance(owner, ModuleType) or owner.__name__.startswith("untrain.") or is_library(owner.__name__):
        return changes
    return [] if owner.__name__ == "__main__" else [change for change in changes if change.name not in computed(vars(owner))]


def _constants(owner: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Patch]:
    """Constants that are others now, of a module that is not a library or of its class."""
    if is_library(owner.__name__ if isinstance(owner, ModuleType) else owner.__module__):
        return []
    plain = {n: was for n, was in before.items() if not n.startswith("__") and is_plain(was)}
    changed = [n for n, was in plain.items() if not _same(was, after.get(n, ABSENT))]
    if not changed:
        return []
    if not isinstance(owner, ModuleType):
        counters = states_of_class(owner)
        return [Patch(owner, n, plain[n]) for n in changed if n not in counters]
    free, own = states(vars(owner)), computed(vars(owner))
    return [Patch(owner, n, plain[n], n in own) for n in changed if n not in free]


def _same(was: Any, now: Any) -> bool:
    """Return whether a plain value is the same; NaN is, and 1 is not True."""
    return now is was or (type(now) is type(was) and repr(now) == repr(was))


def _inherited(cls: type) -> set[str]:
    return {name for base in cls.__mro__[1:] for name in vars(base) if not name.startswith("__pydantic")} - {"__doc__"}


def _counts(value: Any) -> bool:
    """Return whether a value is code: a function, a class, a method, a property, a module; caches and counters may change."""
    return callable(value) or isinstance(value, staticmethod | classmethod | property | ModuleType)


def _by_a_library(change: Patch, newcomers: frozenset[str]) -> bool:
    """Return whether torch's optimizers or compiler wrapped a function for themselves, or an imported library replaced it."""
    now = vars(change.owner).get(change.name, ABSENT) if not isinstance(change.owner, FunctionType) else ABSENT
    function = getattr(now, "__func__", now)
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    file, torch = Path(code.co_filename), _file_of("torch")
    if file == torch / "optim" / "optimizer.py":  # the first optimizer of a class gives its step a name for the profiler
        return change.name == "step" and code.co_name == "wrapper"
    if file == torch / "_compile.py":  # the compiler is kept off a function, which otherwise stays
        return getattr(function, "__wrapped__", None) is change.was
    if torch / "_dynamo" in file.parents:  # it counts modules that are made; what it compiled is another function
        return not hasattr(function, "_torchdynamo_orig_callable") or hasattr(function, "_torchdynamo_disable")
    return any(_file_of(name) in file.parents for name in newcomers)


def _file_of(package: str) -> Path:
    file = getattr(sys.modules.get(package), "__file__", None)
    return Path(file).parent if file and Path(file).name == "__init__.py" else Path("/nowhere")
