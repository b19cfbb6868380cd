"""Ids as lists write them, and the ids of some data that they name."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from untrain.core.escapes import csv_cell

Array = np.ndarray[Any, Any]
Id = int | str
NUMBER = re.compile(r"\s*([+-]?)0*(\d{1,20})\s*", re.ASCII)
MANY = 20_000  # ids beyond which no word is compared with each of them
WORD = re.compile(r"\w+(?:[.@]\w+)*|\W")  # words of a text, and what stands between them
# What parts words that could be one id: not a dash or a slash, of which ids are made, and which people also write between ids.
PART = re.compile("""[^\\s,;|#(){}<>\\[\\]"“”„‟«»、，；]+|.""", re.DOTALL)
QUOTES = re.compile("[\"'`´‘’‚‛“”„‟«»‹›＇＂]")
UUID = re.compile(r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?")


class IdIndex:
    """The ids of some data, to find those that a list names.

    >>> index = IdIndex(np.array(["007", "7", "ann"]))
    >>> index.find("7"), index.find(" ann "), index.find("bob"), index.alike("ANN")
    ('7', 'ann', None, ['ann'])
    >>> IdIndex(np.array([7, 12])).find("007")
    7

    Args:
        ids: of the data, whole numbers or text, (n,); several rows may have one id.
    """

    def __init__(self, ids: Array) -> None:
        self.integers = ids.dtype.kind in "iu"
        self.present: dict[Id, None] = dict.fromkeys(ids.tolist())

    def __len__(self) -> int:
        return len(self.present)

    def find(self, word: Id) -> Id | None:
        """The id that a word names: the same text or else, without spaces around it, the same number or text; None if none is."""
        if isinstance(word, str) and self.integers:
            number = as_number(word)
            return number if number in self.present else None
        named = word if self.integers else str(word)
        if named in self.present:
            return named
        bare = named.strip() if isinstance(named, str) else named
        return bare if bare in self.present else None

    def cell(self, text: str) -> str:
        """The word that a cell of a table holds: its text if that is an id, else what it was before ``csv_row`` wrote it.

        >>> index = IdIndex(np.array(["=a", "'=b", "=b"]))
        >>> index.cell("'=a"), index.cell("'=b"), index.cell("''=b")
        ('=a', "'=b", "'=b")
        """
        return text if self.find(text) is not None else csv_cell(text)

    def is_formed(self, word: Id) -> bool:
        """Return whether a word with digits has the form of an id: the same but for which digits they are, and how many."""
        return re.search(r"\d", str(word)) is not None and _form(word) in self._forms

    def alike(self, word: Id) -> list[Id]:
        """Ids that look like a word but have other capitals, zeros, spaces, quotes, dashes, Unicode forms, or folders before them.

        >>> index = IdIndex(np.array(["img/1.png", "user_2"]))
        >>> index.alike("user–2"), index.alike("1.png"), index.alike("user_3")
        (['user_2'], ['img/1.png'], [])
        """
        if self.integers:
            return []
        shown = look(str(word))
        return self._by_look.get(shown) or self._by_tail.get(shown, [])

    def inside(self, word: Id) -> list[Id]:
        """Ids that stand in a word which is none, between others or beside other text, each once.

        >>> index = IdIndex(np.array(["ann", "p-1", "Doe, J"]))
        >>> index.inside("'ann', p-1 # by mail"), index.inside("Doe, J (gone)"), index.inside("joann"), index.inside("p-2")
        (['ann', 'p-1'], ['Doe, J'], [], [])
        """
        text = str(word)
        if self.find(word) is not None or self.alike(word) or (self.integers and as_number(text) is not None):
            return []
        # What is formed as the ids are may be one that is gone: then a dash or a slash in it parts nothing.
        parts = (PART if self.is_formed(word) else WORD).findall(text)
        named: dict[Id, None] = {}
        at = 0
        while at < len(parts):
            runs = (parts[at : at + length] for length in range(self._longest, 0, -1))
            run = next((run for run in runs if self._named("".join(run))), parts[at : at + 1])
            named |= dict.fromkeys(self._named("".join(run)))
            at += len(run)
        return list(named)

    def _named(self, part: str) -> list[Id]:
        if self.integers:
            number = as_number(part)
            return [number] if number in self.present else []
        return self._by_look.get(look(part), []) if re.search(r"\w", part) else []

    @cached_property
    def _longest(self) -> int:
        """The largest number of words in an id, with what stands between them."""
        return max(len(WORD.findall(str(each))) for each in self.present) if self.present else 1

    def near(self, word: Id) -> str | None:
        """An id that a plain word may have been meant for; among ids with digits any two are near, so none is."""
        text = str(word)
        if self.integers or re.search(r"\d", text) or len(self._plain) > MANY:
            return None
        close = difflib.get_close_matches(text, self._plain, n=1, cutoff=0.75)
        return close[0] if close else None

    @cached_property
    def _by_look(self) -> dict[Hashable, list[Id]]:
        looks: dict[Hashable, list[Id]] = {}
        for each in self.present:
            looks.setdefault(look(str(each)), []).append(each)
        return looks

    @cached_property
    def _by_tail(self) -> dict[Hashable, list[Id]]:
        """Ids that are paths, by what remains of them without the first folders."""
        tails: dict[Hashable, list[Id]] = {}
        for shown, ids in self._by_look.items():
            for tail in _tails(str(shown)):
                tails.setdefault(tail, []).extend(ids)
        return tails

    @cached_property
    def _forms(self) -> set[str]:
        return {_form(each) for each in self.present}

    @cached_property
    def _plain(self) -> list[str]:
        return [str(each) for each in self.present if not re.search(r"\d", str(each))]


def _tails(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[at:]) for at in range(1, len(parts)) if parts[at]]


def _form(word: Id) -> str:
    return re.sub(r"\d+", "0", str(word).strip())


def as_number(word: str) -> int | None:
    """The whole number of up to 20 digits that a word is, zeros and spaces around it left out; None if it is none.

    >>> as_number(" 0018446744073709551615"), as_number("-3"), as_number("3.0")
    (18446744073709551615, -3, None)
    """
    found = NUMBER.fullmatch(word)
    return int(found[1] + found[2]) if found else None


def look(text: str) -> str:
    """The form that texts share if a reader takes them for the same.

    >>> look("Zoe\\u0308 ") == look("ZO\\u00cb"), look("007") == look("7"), look("a1") == look("a01")
    (True, True, False)
    >>> look("‘a–1’") == look("a_1"), look("O’Neil") == look("O'Neil"), look("b\\\\1.png") == look("./b/1.png")
    (True, True, True)
    """
    shown = "".join(text.casefold().split())
    if not shown.isascii() or not shown.isprintable():
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        shown = "".join(each for each in folded if not each.isspace() and unicodedata.category(each) not in ("Cc", "Cf"))
    found = UUID.fullmatch(shown)
    if found:
        return "-".join(found.groups())
    plain = QUOTES.sub("'", shown)
    plain = plain.replace("_", "-")
    if not plain.isascii():
        plain = "".join("-" if unicodedata.category(each) == "Pd" or each == "−" else each for each in plain)
    plain = plain.strip("'").replace("\\", "/").removeprefix("./") or shown
    return plain.lstrip("0") or "0" if plain.isdigit() else plain


def difference(word: str, other: str) -> str:
    """Say how two texts differ that look alike, each shown so that the difference can be seen.

    >>> difference("Zoe\\u0308", "Zo\\u00eb")
    "'Zoe\\\\u0308' (Unicode NFD) and 'Zo\\\\xeb' (Unicode NFC)"
    >>> difference("ANN", "ann")
    "'ANN' and 'ann' (capitals)"
    """
    pair = f"{word!a} and {other!a}"
    if unicodedata.normalize("NFC", word) == unicodedata.normalize("NFC", other):
        forms = [next((f for f in ("NFC", "NFD") if unicodedata.is_normalized(f, each)), "mixed") for each in (word, other)]
        return f"{word!a} (Unicode {forms[0]}) and {other!a} (Unicode {forms[1]})"
    if word.casefold() == other.casefold():
        return f"{pair} (capitals)"
    if word.replace("\\", "/").endswith(f"/{other}") or other.endswith("/" + word.replace("\\", "/")):
        return f"{pair} (folders)"
    if "".join(word.split()) == "".join(other.split()):
        return f"{pair} (spaces)"
    if word.lstrip("0") == other.lstrip("0"):
        return f"{pair} (leading zeros)"
    return pair


def some(values: Sequence[Any], cut: int = 5, bare: bool = False) -> str:
    """The first few of some ids as they were given, for a message; those of numbered data bare, without quotes."""
    shown = [str(v).strip()[:60] if bare else repr(v) for v in values[:cut]]
    return ", ".join(shown) + (", ..." if len(values) > cut else "")
