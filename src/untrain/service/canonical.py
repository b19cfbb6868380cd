"""One spelling of a JSON document, and digests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput, DataError
from untrain.core.file_digests import file_digest


def canonical(value: Any) -> str:
    """The one spelling of a JSON document: keys sorted, no spaces, ASCII, no NaN.

    >>> canonical({"b": 1.5, "a": ["é", None]})
    '{"a":["\\\\u00e9",null],"b":1.5}'

    Raises:
        BadInput: it is not JSON.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(f"this cannot be written as JSON: {error}") from None


def parse_canonical(text: str | bytes, name: str) -> Any:
    """The document that a canonical text spells; a text that is spelled otherwise is refused, so that no byte of it is free.

    Raises:
        DataError: it is not JSON, or not in its one spelling.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not isinstance(raw, bytes):  # a damaged table may hold anything
        raise DataError(f"{name} is not a document of untrain: it is not a text")
    try:
        value = json.loads(raw.decode("ascii"), parse_constant=_refuse)
        same = canonical(value).encode() == raw.removesuffix(b"\n")
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is not a document of untrain: {' '.join(str(error).split())[:100]}") from None
    if not same:
        raise DataError(f"{name} was changed: it is not spelled as untrain writes documents (sorted keys, no spaces, no key twice)")
    return value


def _refuse(word: str) -> None:
    raise ValueError(f"it holds {word}")


def sha256(value: Any) -> str:
    """The SHA-256 of the canonical spelling of a document.

    >>> sha256({})[:12]  # of "{}"
    '44136fa355b3'
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def digest_at(path: Path) -> str:
    """The SHA-256 of a file or a folder.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return file_digest(path)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from None
