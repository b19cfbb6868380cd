"""Specs that a record spells: made without importing anything because the record says so."""

from __future__ import annotations

import ast
import sys
from typing import Any

from untrain.core.errors import BadInput, StoreError
from untrain.core.spec import parse


def parse_stored(spelling: str, role: Any) -> Any:
    """Make what a record spells, which fills a role, of names that are installed and of classes that were imported before.

    A store may come from somebody else, and to import a module is to run its code. So a dotted name is looked up among what the
    program, or the user with ``untrain report --plugin``, imported already.

    Raises:
        StoreError: it names a class that was not imported, is not a spelling, or spells something else.
    """
    strange = unknown_names(spelling)
    if strange:
        module = strange[0].rpartition(".")[0]
        raise StoreError(
            f"the store names {strange[0]!r}, and nothing is imported because a store says so: if you trust {module}, import it "
            f"first, or say `untrain report --plugin {module}`"
        )
    try:
        spec = parse(spelling)
    except BadInput as error:
        raise StoreError(f"the store holds a spelling that this untrain cannot read: {error}") from None
    if not isinstance(spec, role):
        raise StoreError(f"the store holds {spelling[:60]!r} where one makes a {role.__name__}")
    return spec


def unknown_names(spelling: str) -> list[str]:
    """Dotted names in a spelling whose class was not imported.

    >>> unknown_names("Relearn() @ somewhere.Else(a=b.C())")
    ['somewhere.Else', 'b.C']

    Raises:
        StoreError: it is not a spelling.
    """
    try:
        tree = ast.parse(spelling.strip(), mode="eval")
        inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and id(node) not in inner]
    except (SyntaxError, ValueError, AttributeError, RecursionError, MemoryError):
        raise StoreError(f"the store holds {str(spelling)[:60]!r}, which spells nothing") from None
    return [name for name in names if not _is_imported(name)]


def _is_imported(name: str) -> bool:
    """Return whether a class is there already; asking its module for it might import more."""
    module, _, attribute = name.rpartition(".")
    known = sys.modules.get(module)
    return known is not None and isinstance(vars(known).get(attribute), type)
