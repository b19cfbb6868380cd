"""Texts without the ids of people, for what is kept after a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

LEFT_OUT = "left out, since it names an id"
CUT = (40, 60)  # letters to which messages cut an id
WORDS, LETTERS = 24, 200  # of an id that is looked for between the ends of words; longer ones are looked for as they are
LONG = 20_000  # letters of a text, beyond which it is not searched and counts as one that names an id
_PIECES = re.compile(r"\w+|.", re.DOTALL)


@dataclass(frozen=True)
class NamedIds:
    """Ids of people: some as they are, and those that a ledger knows by their hashes.

    Args:
        ids: as they are; those that are numbers among them are looked for as whole words.
        known: whether one of some texts is an id of which only a hash is left.
    """

    ids: Collection[str] = ()
    known: Callable[[Sequence[str]], bool] = field(default=lambda texts: False)

    @cached_property
    def long(self) -> tuple[str, ...]:
        """The spelled ids that no span of a text is long enough for."""
        return tuple(each for each in self.spelled if len(each) > LETTERS or len(_PIECES.findall(each)) > WORDS)

    @cached_property
    def spelled(self) -> frozenset[str]:
        """The ids as messages spell them: whole, cut, or with their controls spelled out."""
        cut = {each[:most] for each in self.ids for most in CUT if len(each) > most}
        return frozenset({*self.ids, *(repr(each)[1:-1] for each in self.ids), *cut} - {""})


def names_an_id(text: str, names: NamedIds | Collection[str]) -> bool:
    """Return whether a text holds an id, between the ends of words.

    >>> names_an_id("row 17 is gone", {"17"}), names_an_id("170 rows", {"17"}), names_an_id("'anne b' is gone", {"anne b"})
    (True, False, True)
    """
    if len(text) > LONG:
        return True
    found, spans = names if isinstance(names, NamedIds) else NamedIds(names), list(_spans(text))
    return not found.spelled.isdisjoint(spans) or any(each in text for each in found.long) or found.known(spans)


def _spans(text: str) -> Iterator[str]:
    """All parts of a text that begin and end with words or signs."""
    pieces = _PIECES.findall(text)
    seen: set[str] = set()
    for at in range(len(pieces)):
        span = ""
        for piece in pieces[at : at + WORDS]:
            span += piece
            if len(span) > LETTERS:
                break
            if span not in seen:
                seen.add(span)
                yield span


def without_ids(texts: Iterable[str], names: NamedIds | Collection[str]) -> list[str]:
    """Those texts that name no id, and how many do.

    >>> without_ids(["17 is listed again", "all is well"], {"17"})
    ['all is well', '1 note left out, since it names an id']
    """
    given = list(texts)
    kept = [text for text in given if not names_an_id(text, names)]
    count = len(given) - len(kept)
    return kept + ([f"{count} note{'s'[: count > 1]} {LEFT_OUT}"] if count else [])


def scrubbed(value: Any, names: NamedIds) -> Any:
    """A document in which each text that names an id is left out; numbers and names of fields stay.

    >>> scrubbed({"text": "p3 is recognised", "value": 3}, NamedIds({"p3"}))
    {'text': 'left out, since it names an id', 'value': 3}
    """
    if isinstance(value, str):
        return LEFT_OUT if names_an_id(value, names) else value
    if isinstance(value, Mapping):
        return {key: scrubbed(each, names) for key, each in value.items()}
    return [scrubbed(each, names) for each in value] if isinstance(value, list | tuple) else value


def plain_number(text: str) -> bool:
    """Return whether an id is a whole number, which says nothing by itself: half of all messages hold one."""
    return text.isascii() and text.isdigit()


def kept(document: Mapping[str, Any], names: NamedIds | Collection[str]) -> dict[str, Any]:
    """Those parts of a document of ``untrain.forget`` that say how, and not who: what a ledger keeps.

    Digests of the request are left out too, since who can guess the ids could check the guess against them.
    """
    found_names = names if isinstance(names, NamedIds) else NamedIds(names)
    found = {key: document[key] for key in HOW if key in document}
    for key, parts in SOME.items():
        if isinstance(document.get(key), Mapping):
            found[key] = {name: document[key][name] for name in parts if name in document[key]}
    found = dict(scrubbed(found, worded(found_names)))
    for key in NOTES:
        if isinstance(document.get(key), list | tuple):
            found[key] = without_ids(map(str, document[key]), found_names)
    why = document.get("why")
    if isinstance(why, str):
        found["why"] = LEFT_OUT if names_an_id(why, found_names) else why
    tries = document.get("tries")
    found |= {"tries": [_try(each, found_names) for each in tries if isinstance(each, Mapping)]} if isinstance(tries, list) else {}
    return found


def worded(names: NamedIds) -> NamedIds:
    """Leave numbers out, for texts in which a number is hardly an id: it is a seed, a count or a part of a spelling."""
    ids = {each for each in names.ids if not plain_number(each)}
    return NamedIds(ids, lambda texts: names.known([text for text in texts if not plain_number(text)]))


def _try(document: Mapping[str, Any], names: NamedIds) -> dict[str, Any]:
    failed = str(document.get("failed") or "")
    found = {key: document[key] for key in ("method", "share", "skipped") if key in document}
    return found | ({"failed": LEFT_OUT if names_an_id(failed, names) else failed} if failed else {})


HOW = ("method", "seed", "budget", "versions", "cost", "share", "guard", "before", "after", "measured_on", "alarms",
       "accepted_damage", "certificate")  # fmt: skip
SOME = {
    "plan": ("rows", "of", "ids", "parameters", "retraining"), "data": ("rows", "digest"), "valid": ("sha256",),
    "model": ("kind",), "aim": ("area", "error", "agreement", "by", "share", "sentence"), "again": ("ids", "rows"),
    "audit": ("conclusion", "tests", "outcome", "protocol", "oracles", "originals", "trained_by", "assumed", "scores", "warnings",
              "run", "seconds"),
}  # fmt: skip
NOTES = ("notes", "method_notes", "does_not_cover")
