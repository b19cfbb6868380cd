"""What a class says of itself: fields, types, defaults, ranges and words, from its declaration and its docstring."""

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
    """Name, fields and source of a class found by name; imports it.

    Raises:
        MissingExtra: it needs a library that is not installed.
    """
    cls = discovery.load(place.name)
    return {"name": place.name, "role": place.role, "fields": fields(cls), "source": place.source or source(cls)}


def locate(name: str) -> ClassLocation:
    """The place of a class that only its dotted name finds, such as a plug-in under work; imports it.

    Raises:
        SpecError: there is no such module or class, or it has no spelling.
    """
    cls = discovery.load(name)
    if not dataclasses.is_dataclass(cls):
        raise SpecError(f"{name} is no method: a class that fills a role, such as Unlearner, can be shown")
    role = next((base.__name__.lower() for base in cls.__mro__ if vars(base).get("is_role")), "")
    return ClassLocation(name, role, cls.__module__, summary(cls), "")


def fields(cls: type) -> dict[str, dict[str, Any]]:
    """Field name -> type, default, range and words."""
    hints = get_type_hints(cls, include_extras=True)
    words = documented(cls)
    found = {}
    for f in dataclasses.fields(cls):
        given = None if f.default is dataclasses.MISSING else repr(f.default)
        kind, reach = _kind(hints[f.name]), _range(hints[f.name])
        found[f.name] = {"type": kind, "default": given, "range": reach, "doc": words.get(f.name, "")}
    return found


def documented(documented_object: Any) -> dict[str, str]:
    """The ``Args:`` in the docstring of a class or a function: name -> words, in order."""
    text = inspect.getdoc(documented_object) or ""
    _, _, tail = text.partition("Args:\n")
    block = re.split(r"\n(?=\S)", tail)[0]
    found: dict[str, str] = {}
    for line in block.splitlines():
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            found[start[1]] = start[2]
        elif line.strip() and found:
            last = list(found)[-1]
            found[last] += " " + line.strip()
    return found


def source(cls: type) -> str:
    """The ``Source:`` of a class's docstring."""
    _, _, tail = (inspect.getdoc(cls) or "").partition("Source:")
    return " ".join(tail.split("Departs:")[0].split())


def summary(cls: type) -> str:
    """The first paragraph of a class's docstring."""
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


def _kind(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(map(repr, get_args(hint)))
    if get_origin(hint) in (types.UnionType, Union):
        return " | ".join(_kind(h) for h in get_args(hint))
    if hasattr(hint, "__metadata__"):
        return _kind(hint.__origin__)
    if hint is type(None):
        return "None"
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(hint))


def _range(hint: Any) -> str | None:
    bounds = {name: value for held in _metadata(hint) for name, _ in _BOUNDS if (value := getattr(held, name, None)) is not None}
    if not bounds:
        return None
    low = f"[{bounds['ge']}" if "ge" in bounds else f"({bounds['gt']}" if "gt" in bounds else "(-inf"
    high = f"{bounds['le']}]" if "le" in bounds else f"{bounds['lt']})" if "lt" in bounds else "inf)"
    return f"{low}, {high}"


def _metadata(hint: Any) -> list[Any]:
    held = []
    for part in getattr(hint, "__metadata__", ()):
        held += [part, *getattr(part, "metadata", ())]
    for inner in get_args(hint) if not hasattr(hint, "__metadata__") else ():
        held += _metadata(inner)
    return held
