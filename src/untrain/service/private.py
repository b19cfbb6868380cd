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


def kept(document: Mapping[str, Any], ids: Collection[str]) -> dict[str, Any]:
    """Those parts of a document of ``untrain.forget`` that say how, and not who: what a ledger keeps.

    Digests of the request are left out too, since who can guess the ids could check the guess against them.
    """
    found = {key: document[key] for key in HOW if key in document}
    for key, parts in SOME.items():
        if isinstance(document.get(key), Mapping):
            found[key] = {name: document[key][name] for name in parts if name in document[key]}
    for key in NOTES:
        if isinstance(document.get(key), list | tuple):
            found[key] = without_ids(map(str, document[key]), ids)
    why = document.get("why")
    if isinstance(why, str):
        found["why"] = LEFT_OUT if names_an_id(why, ids) else why
    tries = document.get("tries")
    found |= {"tries": [_try(each, ids) for each in tries if isinstance(each, Mapping)]} if isinstance(tries, list) else {}
    return found


def _try(document: Mapping[str, Any], ids: Collection[str]) -> dict[str, Any]:
    failed = str(document.get("failed") or "")
    found = {key: document[key] for key in ("method", "share", "skipped") if key in document}
    return found | ({"failed": LEFT_OUT if names_an_id(failed, ids) else failed} if failed else {})


HOW = ("method", "seed", "budget", "versions", "cost", "share", "guard", "before", "after", "measured_on", "alarms",
       "accepted_damage", "certificate")  # fmt: skip
SOME = {
    "plan": ("rows", "of", "ids", "parameters", "retraining"), "data": ("rows", "digest"), "valid": ("sha256",),
    "model": ("kind",),
    "audit": ("conclusion", "tests", "outcome", "protocol", "oracles", "originals", "trained_by", "assumed", "scores", "warnings",
              "run", "seconds"),
}  # fmt: skip
NOTES = ("notes", "method_notes", "does_not_cover")
