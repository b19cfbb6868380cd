"""Checking a method against the promises of its role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from untrain.commands.arguments import Document, several
from untrain.core.errors import SpecError

if TYPE_CHECKING:
    from untrain.core.spec import Spec


def check(method: str | type[Spec] | Spec, only: str | Sequence[str] = (), fast: bool = False) -> list[Document]:
    """Check a method against the promises of its role.

    A dotted name is imported, which runs the code of its module.

    Examples:
        untrain check DEL
        untrain check my_package.my_method --fast
        untrain check DEL --only "it moves some parameter"

    Args:
        method: name of a class, such as DEL, or dotted name of a module or class of your own; in Python also a class or an object.
        only: promise to check, by its title, such as 'it moves some parameter'; by default all of them.
        fast: leave out the promises that take longest to try; the last line names them.

    Returns:
        For each promise 'method', 'promise', 'error', which is None where it is kept and else says what to do, and 'tried',
        which is false where another broken promise stopped it, or ``fast`` left it out, without an error then.

    Raises:
        SpecError: there is no such method or promise, the method makes none of the promises, or it needs fields.
    """
    from untrain.commands.promises import check_all, require_known, verdicts

    require_known(wanted := several(only))
    if isinstance(method, str):
        checked = check_all(method, wanted, fast)
    else:
        checked = [(method.__name__ if isinstance(method, type) else repr(method), verdicts(method, wanted, fast))]
    if not any(results for _, results in checked):
        raise SpecError(f"{checked[0][0]} does not promise that {wanted[0]}; without only, all that it promises is tried")
    return [
        {"method": name, "promise": result.promise, "error": str(result.error) if result.error else None, "tried": result.tried}
        for name, results in checked
        for result in results
    ]
