"""Trying the promises of a method's role on small problems."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import untrain
from untrain.core import discovery
from untrain.core.contract import random_state_kept
from untrain.core.environment import searching
from untrain.core.errors import BrokenPromise, SpecError, UntrainError
from untrain.core.spec import Spec
from untrain.models.architectures.convnet import ConvNet
from untrain.training.steps import Steps

Ask = Callable[[Any], None]
EPOCHS = 5


class PromiseResult(NamedTuple):
    """A promise in words, and None or why it is broken."""

    promise: str
    error: UntrainError | None


def verdicts(method: Spec | type[Spec]) -> list[PromiseResult]:
    """Try every promise of a method's role; leave the global random state as it was.

    Args:
        method: an object with a spelling, or its class where every field has a default.

    Returns:
        One verdict per promise.

    Raises:
        SpecError: the class is abstract or needs fields.
    """
    return [_verdict(name, ask, method) for name, ask in checks_for(method)]


def named(name: str) -> list[type[Spec]]:
    """Find the class of a name, or all final classes that a module of that name defines.

    Raises:
        SpecError: there is neither, or nothing in it that fills a role.
    """
    if discovery.find(name) is None and _is_module(discovery.check_name(name)):
        specs = [c for c in vars(discovery.import_module(name)).values() if isinstance(c, type) and issubclass(c, Spec)]
        methods = [c for c in specs if c.__module__ == name and not c.is_role]
        if not methods:
            raise SpecError(f"module {name} defines no method: a class that fills a role, such as Unlearner")
        return methods
    cls = discovery.load(name)
    if not issubclass(cls, Spec):
        raise SpecError(f"{name} is not a method: only a class that fills a role can be checked")
    return [cls]


def _is_module(name: str) -> bool:
    """Whether a name is a module's; the packages that it lies in are imported."""
    outer = name.rpartition(".")[0]
    if outer and not (_is_module(outer) and hasattr(discovery.import_module(outer), "__path__")):
        return False
    with searching():
        return name in sys.modules or importlib.util.find_spec(name) is not None


def checks_for(method: Spec | type[Spec]) -> list[tuple[str, Ask]]:
    """Name and function of each promise that a method's role makes."""
    tried = example(method)
    return [(name, ask) for name, role, ask in _promises() if isinstance(tried, role)]


def example(method: Spec | type[Spec]) -> Spec:
    """Make an object to try: the one given, or the class with its defaults and, where it needs one, a small model; few epochs."""
    if isinstance(method, Spec):
        return _brief(method)
    if not (isinstance(method, type) and issubclass(method, Spec)) or method.is_role:
        raise SpecError(
            f"{getattr(method, '__name__', method)} is not a method: only a final class that fills a role can be checked"
        )
    needed = [f.name for f in dataclasses.fields(method) if f.default is f.default_factory is dataclasses.MISSING]  # type: ignore[arg-type]
    return _brief(method(model=ConvNet(width=4)) if needed == ["model"] else method())  # type: ignore[call-arg]


def _brief(method: Spec) -> Spec:
    """The same with at most ``EPOCHS`` epochs: promises hold at any length."""
    steps = getattr(method, "steps", None)
    if not isinstance(steps, Steps) or not isinstance(steps.epochs, int) or steps.epochs <= EPOCHS:
        return method
    return dataclasses.replace(method, steps=dataclasses.replace(steps, epochs=EPOCHS))  # type: ignore[type-var]


@lru_cache(maxsize=1)
def _promises() -> list[tuple[str, Any, Ask]]:
    """Name, role and function of every promise in each role's ``contract.py``, in the order of the files."""
    promises = []
    root = Path(untrain.__file__).parent
    for file in sorted(root.rglob("contract.py")):
        module = importlib.import_module(".".join(("untrain", *file.relative_to(root).with_suffix("").parts)))
        for name, ask in inspect.getmembers_static(module, inspect.isfunction):
            if (
                ask.__module__ == module.__name__
                and not name.startswith("_")
                and list(inspect.signature(ask).parameters) == ["made"]
            ):
                promises.append((ask.__code__.co_firstlineno, name.replace("_", " "), get_type_hints(ask)["made"], ask))
    modules = sorted({ask.__module__ for *_, ask in promises})
    promises.sort(key=lambda each: (modules.index(each[3].__module__), each[0]))
    return [(name, role, ask) for _, name, role, ask in promises]


def _verdict(name: str, ask: Ask, method: Spec | type[Spec]) -> PromiseResult:
    try:
        with random_state_kept():
            ask(example(method))
    except UntrainError as error:
        return PromiseResult(name, error)
    except Exception as error:  # whatever a plug-in raises is a broken promise, not the end of the list
        return PromiseResult(name, BrokenPromise(f"{type(error).__name__}: {error}"))
    return PromiseResult(name, None)
