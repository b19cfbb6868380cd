"""Fields, types, defaults, ranges and words of a class or a function, from its declaration and its docstring."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from untrain.core import discovery
from untrain.core.discovery import ClassLocation
from untrain.core.errors import SpecError

_BOUNDS = (("ge", "["), ("gt", "("), ("le", "]"), ("lt", ")"))


def describe(place: ClassLocation) -> dict[str, Any]:
    """Describe a class by name, fields and source; imports it.

    Raises:
        MissingExtra: it needs a library that is not installed.
    """
    cls = discovery.load(place.name)
    return {"name": place.name, "role": place.role, "fields": fields(cls), "source": place.source or source(cls)}


def locate(name: str) -> ClassLocation:
    """Locate a class that only its dotted name finds, such as a plug-in under development; imports it.

    Raises:
        SpecError: the module or the class does not exist, or it has no spelling.
    """
    cls = discovery.load(name)
    if not dataclasses.is_dataclass(cls):
        raise SpecError(f"{name} is not a method: only a class that fills a role, such as Unlearner, can be shown")
    role = next((base.__name__.lower() for base in cls.__mro__ if vars(base).get("is_role")), "")
    return ClassLocation(name, role, cls.__module__, summary(cls), "")


def fields(cls: type) -> dict[str, dict[str, Any]]:
    """Return each field's type, default, range and words, by name."""
    hints = get_type_hints(cls, include_extras=True)
    words = documented(cls)
    table = {}
    for f in dataclasses.fields(cls):
        default = None if f.default is dataclasses.MISSING else _spelled(f.default)
        kind, reach = _type(hints[f.name]), _range(hints[f.name])
        table[f.name] = {"type": kind, "default": default, "range": reach, "doc": words.get(f.name, "")}
    return table


def _spelled(value: Any) -> str:
    """A default as it is spelled; a function by its name."""
    return f"{value.__module__}.{value.__qualname__}" if inspect.isfunction(value) else repr(value)


def documented(thing: Any) -> dict[str, str]:
    """The ``Args:`` in the docstring of a class or a function: name -> words, in order."""
    text = inspect.getdoc(thing) or ""
    _, _, tail = text.partition("Args:\n")
    block = re.split(r"\n(?=\S)", tail)[0]
    words: dict[str, str] = {}
    for line in block.splitlines():
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            words[start[1]] = start[2]
        elif line.strip() and words:
            words[list(words)[-1]] += " " + line.strip()
    return words


def source(cls: type) -> str:
    """Return the ``Source:`` of a class's docstring."""
    _, _, tail = (inspect.getdoc(cls) or "").partition("Source:")
    return " ".join(tail.split("Departs:")[0].split())


def summary(cls: type) -> str:
    """Return the first paragraph of a class's docstring."""
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(map(repr, get_args(hint)))
    if get_origin(hint) in (types.UnionType, Union):
        return " | ".join(_type(h) for h in get_args(hint))
    if hasattr(hint, "__metadata__"):
        return _type(hint.__origin__)
    if hint is type(None):
        return "None"
    if get_origin(hint) is tuple:
        return f"tuple[{', '.join('...' if each is ... else _type(each) for each in get_args(hint))}]"
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(hint))


def _range(hint: Any) -> str | None:
    bounds = {name: value for part in _metadata(hint) for name, _ in _BOUNDS if (value := getattr(part, name, None)) is not None}
    if not bounds:
        return None
    low = f"[{bounds['ge']}" if "ge" in bounds else f"({bounds['gt']}" if "gt" in bounds else "(-inf"
    high = f"{bounds['le']}]" if "le" in bounds else f"{bounds['lt']})" if "lt" in bounds else "inf)"
    return f"{low}, {high}"


def _metadata(hint: Any) -> list[Any]:
    parts = []
    for part in getattr(hint, "__metadata__", ()):
        parts += [part, *getattr(part, "metadata", ())]
    for inner in get_args(hint) if not hasattr(hint, "__metadata__") else ():
        parts += _metadata(inner)
    return parts
