"""Values that a process takes from its environment: the working folder and variables. Containers may lack all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from untrain.core.errors import BadInput


def working_folder() -> Path:
    """The folder where the process works.

    Raises:
        BadInput: it was removed.
    """
    try:
        return Path.cwd()
    except OSError:
        raise BadInput("the working folder is gone: it was removed or moved; go to one that is there") from None


def absolute(path: str | Path) -> Path:
    """The path from the root, links as they are.

    >>> absolute("/data/../digits.npz").as_posix()
    '/data/../digits.npz'

    Raises:
        BadInput: it is relative, and the working folder was removed.
    """
    return Path(path) if Path(path).is_absolute() else working_folder() / path


def variables() -> dict[str, str]:
    """The variables of the environment by name."""
    return dict(os.environ)


def set_variables(before: Mapping[str, str]) -> None:
    """Give the environment these variables and no others; only variables that differ are read from the system."""
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Give a variable another value within.

    >>> with variable("UNTRAIN_EXAMPLE", "1"):
    ...     "UNTRAIN_EXAMPLE" in variables()
    True
    >>> "UNTRAIN_EXAMPLE" in variables()
    False
    """
    before = variables()
    os.environ[name] = value
    try:
        yield
    finally:
        set_variables(before)


@contextmanager
def searching(folder: str | Path | None = None) -> Iterator[str | None]:
    """Look for modules in a folder too within, after all other places; yields it, or None where there is none.

    Args:
        folder: where to look; None for the working folder.
    """
    try:
        name = str(working_folder() if folder is None else folder)
    except BadInput:
        yield None
        return
    if name in sys.path:
        yield name
        return
    sys.path.append(name)
    try:
        yield name
    finally:
        if name in sys.path:
            sys.path.remove(name)


def leave_working_folder_out() -> None:
    """Take the folder off the path of modules that ``python -m`` puts there: what happens to lie in it is not to be run."""
    if sys.path and sys.path[0] in ("", os.path.abspath(os.curdir) if _has_folder() else ""):
        del sys.path[0]


def _has_folder() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True
