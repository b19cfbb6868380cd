"""Records of entries on disk: JSON that carries a digest of itself, under a key that is a digest of its ingredients."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from untrain.core.spec import digest

RECORD = "record.json"
KEY = re.compile(r"[0-9a-f]{64}")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}\.(npy|safetensors)")
_MARK, _END = b', "sha256": "', b'"}'
_EVER = 1e10  # seconds, some three centuries: what clocks and calendars can show
_TAIL = len(_MARK) + 64 + len(_END)


def key_of(ingredients: Mapping[str, Any]) -> str:
    """The key of an entry: a digest of its ingredients, but for the label, which is for people."""
    return digest({name: value for name, value in ingredients.items() if name != "label"})


def seal(record: Mapping[str, Any]) -> bytes:
    """A record as it is written: its last member is the digest of what it would be without."""
    body = json.dumps(record, allow_nan=False).encode()
    return body[: -len(b"}")] + _MARK + hashlib.sha256(body).hexdigest().encode() + _END


def unseal(raw: bytes, key: str) -> dict[str, Any]:
    """The record that was written under a key.

    Raises:
        ValueError: it is not what was written, is the record of something else, or is none.
    """
    body, tail = raw[:-_TAIL] + b"}", raw[-_TAIL:]
    if tail != _MARK + hashlib.sha256(body).hexdigest().encode() + _END:
        raise ValueError("its record is not what was written")
    try:
        record = json.loads(raw, parse_constant=_refuse)
        wrong = _complaint(record, key)
    except RecursionError:
        raise ValueError("its record is nested too deep") from None
    if wrong:
        raise ValueError(wrong)
    return dict(record)


def _refuse(word: str) -> None:
    raise ValueError(f"its record holds {word}")


def _complaint(record: Any, key: str) -> str:
    """Return why something is not a record of a key; nothing where it is one."""
    if not isinstance(record, dict) or not {"key", "made", "ingredients", "files"} <= record.keys():
        return "its record is not a record"
    ingredients, files, cost = record["ingredients"], record["files"], record.get("cost")
    if not isinstance(ingredients, dict) or record["key"] != key or key_of(ingredients) != key:
        return "its record is of something else"
    if not isinstance(files, dict) or not all(FILE.fullmatch(name) and _is_file(about) for name, about in files.items()):
        return "its record names files that no entry has"
    words = (ingredients.get("kind"), ingredients.get("label"), record.get("error"))
    if not all(word is None or isinstance(word, str) for word in words):
        return "its record holds a kind, a label or an error that is not text"
    seconds = cost.get("seconds") if isinstance(cost, dict) else cost
    if not is_number(record["made"]) or not (seconds is None or is_number(seconds)):
        return "its record holds a time that is not a number"
    return ""


def _is_file(about: Any) -> bool:
    if not isinstance(about, dict):
        return False
    size, sha = about.get("bytes"), about.get("sha256")
    return type(size) is int and 0 <= size < 2**63 and isinstance(sha, str) and KEY.fullmatch(sha) is not None


def is_number(value: Any) -> bool:
    """Return whether a value is a number of seconds that clocks and calendars can show."""
    return type(value) in (int, float) and -_EVER < value < _EVER
