"""Effects of damaged files, and of files made to hurt, on their reader: at most one line that names them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from untrain.core.errors import BadInput, DataError, UntrainError

ROOM, TIMES = 256 << 20, 100  # bytes that any file may unpack to, and how many times its own size


@contextmanager
def reading(message: str, kind: type[BadInput] = DataError) -> Iterator[None]:
    """Turn whatever a library raises while it reads a file into one line: the message and the reason.

    Libraries trust the sizes, types and names that they read, and let errors of many others through: of compression, of
    syntax, of recursion, of memory. So there is no list of them. What untrain says itself passes as it is.

    >>> with reading("a.json cannot be read"):
    ...     __import__("json").loads("[" * 100_000)
    Traceback (most recent call last):
    ...
    untrain.core.errors.DataError: a.json cannot be read: it is nested too deeply

    Args:
        message: what is read, as the line begins.
        kind: the error to raise.

    Raises:
        BadInput: of that kind, for any error but those of untrain.
    """
    try:
        yield
    except UntrainError:
        raise
    except Exception as error:
        raise kind(f"{message}: {why(error)}") from None


def why(error: BaseException) -> str:
    """Describe an error in one line.

    >>> why(MemoryError()), why(OSError(2, "No such file or directory", "a.npy")), why(KeyError())
    ('it does not fit into memory', 'No such file or directory', 'KeyError')
    """
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__


def check_room(size: int, packed: int, cure: str) -> None:
    """Refuse content that is far larger than the file that it is packed in, before it is unpacked.

    >>> check_room(2_600_000_000, 300_000, "save it unpacked")
    Traceback (most recent call last):
    ...
    ValueError: it unpacks from 300,000 bytes to 2,600,000,000 or more, over 100 times as many: save it unpacked

    Args:
        size: bytes that it declares to have, or has had so far.
        packed: bytes of the file.
        cure: what to do where the content is meant.

    Raises:
        ValueError: it has more than 256 MiB and than 100 times the bytes of the file.
    """
    if size > max(ROOM, TIMES * packed):
        raise ValueError(f"it unpacks from {packed:,} bytes to {size:,} or more, over {TIMES} times as many: {cure}")
