"""The data that each method sees besides the model, read from source: a listing imports no method."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from untrain.core import discovery
from untrain.core.access import Access, access
from untrain.core.discovery import ClassLocation

METHODS = ("unlearner", "localizer")


def access_of(place: ClassLocation) -> Access | None:
    """Access of a method with its defaults: of a recipe, all that the parts of its expression see; None where the source hides it.

    >>> access_of(discovery.index()["Finetune"]), access_of(discovery.index()["GradAscent"])
    ('retain set', 'retain-free')
    """
    needs = _needs(place.name)
    return None if needs is None else access(needs)


@cache
def _needs(name: str) -> frozenset[str] | None:
    """Needs in the body of a class, or where it has none those of the methods that its ``expand`` names, or of its role."""
    place = discovery.find(name)
    node = None if place is None else _class(place.module, place.name)
    if place is None or node is None:
        return None
    own = _assigned(node)
    if own is not None:
        return own
    if place.role == "recipe":
        parts = [part for part in _named(node) if part != name]
        found = [_needs(part) for part in parts]
        return None if not found or None in found else frozenset().union(*(f for f in found if f is not None))
    role = _class(f"untrain.{place.role}s.base", place.role.capitalize())
    return None if role is None else _assigned(role)


def _class(module: str, name: str) -> ast.ClassDef | None:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)


def _assigned(node: ast.ClassDef) -> frozenset[str] | None:
    """The strings that a class assigns to ``needs``."""
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.target.id == "needs" and line.value:
            return frozenset(c.value for c in ast.walk(line.value) if isinstance(c, ast.Constant) and isinstance(c.value, str))
    return None


def _named(node: ast.ClassDef) -> list[str]:
    """Methods that are named in the verb ``expand``."""
    bodies = [line for line in node.body if isinstance(line, ast.FunctionDef) and line.name == "expand"]
    names = {part.id for body in bodies for part in ast.walk(body) if isinstance(part, ast.Name)}
    return sorted(name for name in names if (place := discovery.find(name)) is not None and place.role in METHODS)
