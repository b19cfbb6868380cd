"""Errors that damaged NumPy files raise."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib

# All that reading one may raise: NumPy and zipfile trust the sizes and types that they read.
DAMAGED = (
    OSError, ValueError, TypeError, LookupError, EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, struct.error,
    lzma.LZMAError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def why(error: Exception) -> str:
    """Describe an error in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
