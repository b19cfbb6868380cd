"""Trying the promises of a method's role on small problems."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import sys
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import untrain
from untrain.core import discovery
from untrain.core.contract import Refuted, random_state_kept
from untrain.core.environment import searching
from untrain.core.errors import BrokenPromise, SpecError, UntrainError, suggest
from untrain.core.foreign import process_kept
from untrain.core.spec import Spec, parse, refusals
from untrain.core.spelling import tree_of
from untrain.models.architectures.convnet import ConvNet
from untrain.training.steps import Steps

Ask = Callable[[Any], None]
EPOCHS = 5
RUNS = "it runs on a small problem"
DEFINED = "it can be made with its defaults"
CURES = {
    RUNS: "call it on a small model of your own to see where it fails",
    DEFINED: "give each field a default, or check an object from Python: `ut.check(Name(field=value))`",
}


class PromiseResult(NamedTuple):
    """A promise in words, None or why it is broken and what to do, and whether it was tried; one left out has neither."""

    promise: str
    error: UntrainError | None
    tried: bool = True


def verdicts(method: Spec | type[Spec], only: Collection[str] = (), fast: bool = False) -> list[PromiseResult]:
    """Try every promise of a method's role; leave the global random state as it was.

    Args:
        method: an object with a spelling, or its class where every field has a default.
        only: the promises to try, in words; all of them where none is named.
        fast: whether to leave out what its role's ``contract.py`` calls slow, unless it is named.

    Returns:
        One verdict per promise. What another broken promise stopped is not tried, and names that one; a failure that meets several
        is a verdict of its own.

    Raises:
        SpecError: the class is abstract or needs fields.
    """
    promises = {name: ask for name, ask in checks_for(method) if not only or name in only}
    left_out = {name for name, ask in promises.items() if fast and not only and ask in slow_promises()}
    errors = {name: _error_of(ask, method) for name, ask in promises.items() if name not in left_out}
    causes = _causes(errors)
    first = {causes[name]: error for name, error in reversed(errors.items()) if error is not None}
    first |= {name: error for name, error in errors.items() if error is not None and causes[name] == name}
    results = []
    for name in [name for name in (RUNS, *promises) if name in promises or name in first]:
        error, cause = first.get(name), causes.get(name, name)
        if error is not None:
            cure = CURES[name] if name in CURES else _cure(promises[name])
            results.append(PromiseResult(name, BrokenPromise(f"{error}; to mend it, {cure}" if cure else str(error))))
        elif cause != name:
            results.append(PromiseResult(name, BrokenPromise(f"not tried, because of the broken promise '{cause}'"), False))
        elif name in left_out:
            results.append(PromiseResult(name, None, False))
        else:
            results.append(PromiseResult(name, None))
    return results


def require_known(only: Collection[str]) -> None:
    """Require that each of these is a promise of some role, in words.

    Raises:
        SpecError: there is no such promise.
    """
    known = {name for name, *_ in all_promises()}
    for name in only:
        if name not in known:
            raise SpecError(
                f"there is no promise {name!r}{suggest(str(name), known)}; `untrain check NAME` prints those of a method"
            )


def check_all(name: str, only: Collection[str] = (), fast: bool = False) -> list[tuple[str, list[PromiseResult]]]:
    """Try the promises of a class, of what a spelling makes, or of all final classes of a module of that name, one by one.

    A class of a module that cannot be made has that as its one broken promise, and the others are tried.

    Raises:
        SpecError: there is neither, or nothing in it that fills a role; or a class that was named needs fields.
    """
    if tree_of(name).__class__ in (ast.Call, ast.BinOp):  # a spelling with fields
        made = parse(name)
        return [(repr(made), verdicts(made, only, fast))]
    with refusals():
        if discovery.find(name) is not None or not _is_module(discovery.check_name(name)):
            cls = discovery.load(name)
        else:
            cls, module = None, discovery.import_module(name)
    if cls is not None:
        if not issubclass(cls, Spec):
            raise SpecError(f"{name} is not a method: only a class that fills a role can be checked")
        return [(cls.__name__, _refusal(cls.refusal) if cls.refusal else verdicts(cls, only, fast))]
    specs = {c for c in vars(module).values() if isinstance(c, type) and issubclass(c, Spec)}
    methods = sorted((c for c in specs if c.__module__ == name and (c.refusal or not c.is_role)), key=_line)
    if not methods:
        raise SpecError(f"module {name} defines no method: a class that fills a role, such as Unlearner")
    return [(cls.__name__, _refusal(cls.refusal) if cls.refusal else _verdicts_in_module(cls, only, fast)) for cls in methods]


def _verdicts_in_module(cls: type[Spec], only: Collection[str], fast: bool) -> list[PromiseResult]:
    try:
        return verdicts(cls, only, fast)
    except SpecError as error:
        return _refusal(f"{error}; to mend it, {CURES[DEFINED]}")


def _refusal(why: str) -> list[PromiseResult]:
    return [PromiseResult(DEFINED, BrokenPromise(why))]


def _line(cls: type) -> int:
    """The line in which a class begins, so that classes are checked in the order of their file."""
    try:
        return inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return 0


def _causes(errors: dict[str, UntrainError | None]) -> dict[str, str]:
    """For each promise that an error met, the promise that it breaks: itself, another that the error names, or that it runs."""
    causes = {}
    met = [str(error) for error in errors.values() if error is not None and not isinstance(error, Refuted)]
    for name, error in errors.items():
        if error is not None:
            words = error.promise if isinstance(error, BrokenPromise) else ""
            named = next((each for each in errors if words and each.endswith(words)), "")
            common = not isinstance(error, Refuted) and met.count(str(error)) > 1
            causes[name] = named or (RUNS if common else name)
    return causes


def _cure(ask: Ask) -> str:
    """Advice to mend a broken promise, by the docstring of the function that tries it."""
    return " ".join((inspect.getdoc(ask) or "").partition("Cure:")[2].split()).rstrip(".")


def _is_module(name: str) -> bool:
    """Return whether a name is a module's; the packages that it lies in are imported."""
    outer = name.rpartition(".")[0]
    if outer and not (_is_module(outer) and hasattr(discovery.import_module(outer), "__path__")):
        return False
    with searching():
        return name in sys.modules or importlib.util.find_spec(name) is not None


def checks_for(method: Spec | type[Spec]) -> list[tuple[str, Ask]]:
    """Name and function of each promise that a method's role makes."""
    tried = example(method)
    return [(name, ask) for name, role, ask in all_promises() if isinstance(tried, role)]


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
def all_promises() -> list[tuple[str, Any, Ask]]:
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


def slow_promises() -> set[Ask]:
    """The promises that take longest to try, as the contracts name them."""
    modules = {ask.__module__ for *_, ask in all_promises()}
    return {ask for module in modules for ask in getattr(sys.modules[module], "SLOW", ())}


def _error_of(ask: Ask, method: Spec | type[Spec]) -> UntrainError | None:
    try:
        with random_state_kept(), process_kept():  # what one promise finds changed, no other trial did
            ask(example(method))
    except UntrainError as error:
        return error
    except Exception as error:  # whatever a plug-in raises is a broken promise, not the end of the list
        return BrokenPromise(f"{type(error).__name__}: {error}")
    return None
