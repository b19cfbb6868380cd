"""Checking a method against the promises of its role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from untrain.commands.arguments import Document

if TYPE_CHECKING:
    from untrain.core.spec import Spec


def check(method: str | type[Spec] | Spec) -> list[Document]:
    """Check a method against the promises of its role.

    A dotted name is imported, which runs the code of its module.

    Args:
        method: name of a class, such as DEL, or dotted name of a module or class of your own; in Python also a class or an object.

    Returns:
        For each promise 'method', 'promise', and 'error', which is None where it is kept.

    Raises:
        SpecError: there is no such method, or it needs fields.
    """
    from untrain.commands.promises import named, verdicts

    methods = named(method) if isinstance(method, str) else [method]
    return [
        {
            "method": each.__name__ if isinstance(each, type) else repr(each),
            "promise": verdict.promise,
            "error": str(verdict.error) if verdict.error else None,
        }
        for each in methods
        for verdict in verdicts(each)
    ]
