"""Texts without the ids of people, for what is kept after a run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

LEFT_OUT = "left out, since it names an id"


def names_an_id(text: str, ids: Collection[str]) -> bool:
    """Return whether a text holds one of some ids as a word, or as it is where it is more than one word.

    >>> names_an_id("row 17 is gone", {"17"}), names_an_id("170 rows", {"17"}), names_an_id("'anne b' is gone", {"anne b"})
    (True, False, True)
    """
    if not ids:
        return False
    if not set(re.findall(r"\w+", text)).isdisjoint(ids) or not set(re.findall(r"[^\s'\",;:()\[\]]+", text)).isdisjoint(ids):
        return True
    return any(each in text for each in ids if not re.fullmatch(r"\w+", each))


def without_ids(texts: Iterable[str], ids: Collection[str]) -> list[str]:
    """Those texts that name no id, and how many do.

    >>> without_ids(["17 is listed again", "all is well"], {"17"})
    ['all is well', '1 note left out, since it names an id']
    """
    given = list(texts)
    kept = [text for text in given if not names_an_id(text, ids)]
    count = len(given) - len(kept)
    return kept + ([f"{count} note{'s'[: count > 1]} {LEFT_OUT}"] if count else [])


def scrubbed(value: Any, ids: Collection[str]) -> Any:
    """A document whose texts name no id; numbers and the texts of ``SPELLED`` stay, since they say how and not who."""
    if isinstance(value, str):
        return LEFT_OUT if names_an_id(value, ids) else value
    if isinstance(value, Mapping):
        return {str(key): each if key in SPELLED else scrubbed(each, ids) for key, each in value.items() if key not in PERSONAL}
    if isinstance(value, list | tuple):
        return [scrubbed(each, ids) for each in value]
    return value


SPELLED = frozenset({"method", "seed", "versions", "untrain", "sha256", "network", "digest", "made"})
PERSONAL = frozenset({"ids", "missing_ids", "gone", "twins", "rows_forgotten", "command"})  # keys under which ids may stand
