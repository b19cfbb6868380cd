"""Paths as users spell them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from untrain.core.errors import BadInput


def user_path(path: str | Path) -> Path:
    """Return the path that a user spelled; a leading ``~`` is the home folder, whether or not a shell has seen the path.

    Every path that a user gives goes through here, so that all places read it alike.

    >>> user_path("runs/today")
    PosixPath('runs/today')
    >>> user_path("~") == user_path("~/") == Path.home()
    True

    Raises:
        BadInput: no file can have such a name, or there is no home folder.
    """
    where = Path(os.path.expanduser(path))
    if where.parts[:1] == ("~",):
        raise BadInput(f"there is no home folder for {str(path)!r}: name the whole path, or set HOME")
    try:
        os.lstat(where)
    except ValueError as error:  # null bytes; characters that no encoding knows
        reason = "a lone surrogate, which no encoding knows" if isinstance(error, UnicodeError) else "a null byte"
        raise BadInput(f"no file can be named {_short(path)}: the name holds {reason}") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInput(f"no file can be named {_short(path)}: the name is too long") from None
    return where


def _short(path: str | Path) -> str:
    text = str(path)
    return repr(text if len(text) <= 60 else f"{text[:40]} ... {text[-15:]}")
