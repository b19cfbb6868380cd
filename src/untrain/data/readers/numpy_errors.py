"""NumPy files of which some bytes are others, or missing."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib

# All that reading one may come to: NumPy and zipfile take what they read at its word.
DAMAGED = (
    OSError, ValueError, TypeError, LookupError, EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, struct.error,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def why(error: Exception) -> str:
    """What is wrong, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
