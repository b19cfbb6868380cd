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

    A name such as ``~old.csv`` stays one where such a file is there and no such user.

    Raises:
        BadInput: no file can have such a name, or there is no such home folder.
    """
    where = Path(os.path.expanduser(path))
    there = False
    try:
        os.lstat(where)
        there = True
    except ValueError as error:  # null bytes; characters that no encoding knows
        reason = "a lone surrogate, which no encoding knows" if isinstance(error, UnicodeError) else "a null byte"
        raise BadInput(f"no file can be named {_short(path)}: the name holds {reason}") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInput(f"no file can be named {_short(path)}: the name is too long") from None
    if str(where).startswith("~") and not there:
        name = where.parts[0]
        who = "this user has none: set HOME, or" if name == "~" else "there is no such user:"
        raise BadInput(f"{path}: the home folder of {name} is not known; {who} write the path out")
    return where


def _short(path: str | Path) -> str:
    text = str(path)
    return repr(text if len(text) <= 60 else f"{text[:40]} ... {text[-15:]}")
