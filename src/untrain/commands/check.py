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
        For each promise 'method', 'promise', 'error', which is None where it is kept and else says what to do, and 'tried',
        which is false where another broken promise stopped it.

    Raises:
        SpecError: there is no such method, or it needs fields.
    """
    from untrain.commands.promises import check_all, verdicts

    if isinstance(method, str):
        checked = check_all(method)
    else:
        checked = [(method.__name__ if isinstance(method, type) else repr(method), verdicts(method))]
    return [
        {"method": name, "promise": result.promise, "error": str(result.error) if result.error else None, "tried": result.tried}
        for name, results in checked
        for result in results
    ]
