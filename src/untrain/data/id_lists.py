"""From a list of ids, wherever it stands, to ids of the data; whatever was skipped, guessed or converted is counted in a note."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from untrain.core.errors import RequestError
from untrain.core.metering import add_note
from untrain.data.id_index import Id, IdIndex, as_number, difference, some
from untrain.data.readers.id_files import Reading, read_words

USUAL = Reading()
HELD = Reading(heading=False)
EXACT = 2**53  # whole numbers beyond it have no floating-point number of their own


def ids_in_file(path: str | Path, index: IdIndex, how: Reading = USUAL, data: str = "the training data") -> list[Id]:
    """Ids of the data that a file lists, each once, in the order of the file.

    Args:
        path: the file.
        index: ids of the data.
        how: decides where the list can be read in several ways.
        data: name of the data in messages.

    Raises:
        RequestError: the file cannot be read, can be read in several ways, or names what cannot be an id of the data.
    """
    words, remarks, how = read_words(path, index, how)
    return ids_named(words, index, str(path), how, data, remarks)


def ids_named(
    words: Sequence[Id], index: IdIndex, where: str, how: Reading = HELD, data: str = "the training data",
    remarks: Sequence[str] = (),
) -> list[Id]:  # fmt: skip
    """Ids of the data that some words name, each once.

    >>> import numpy as np
    >>> from untrain.core.metering import metered
    >>> with metered() as meter:
    ...     ids_named(["007", "3", "3", "12"], IdIndex(np.arange(10)), "ids.csv")
    [7, 3]
    >>> for note in meter.notes:
    ...     print(note)
    ids.csv: 1 of 4 ids is not in the training data: 12; 1 is listed again; 1 is written differently there, such as '007' for 7

    Args:
        words: as they were given.
        index: ids of the data.
        where: name of the list in messages.
        how: decides about ids that the data lack, and those that look like one of them.
        data: name of the data in messages.
        remarks: on how the list was read, for the note.

    Raises:
        RequestError: a word cannot be an id of the data, or may be one that is written in another way.
    """
    words, more = _parted([_checked(word, where) for word in words], index, where, how, data)
    return list(dict.fromkeys(each for each in match(words, index, where, how, data, [*remarks, *more]) if each is not None))


def _parted(words: Sequence[Id], index: IdIndex, where: str, how: Reading, data: str) -> tuple[list[Id], list[str]]:
    """The words of a list, those that hold ids of the data beside other text as these ids if requested; remarks.

    Raises:
        RequestError: a word does, and nobody said what it is.
    """
    if how.alike == "other" or (how.alike == "ask" and how.gone == "refuse"):
        return list(words), []  # what is no id of the data is gone, or refused
    inside = ((word, index.inside(word)) for word in words if isinstance(word, str))
    parted: dict[Id, list[Id]] = {word: ids for word, ids in inside if ids}
    if not parted:
        return list(words), []
    first, ids = next(iter(parted.items()))
    if how.alike == "ask":
        raise RequestError(
            f"{where} lists {str(first)[:60]!r}, which {data} lack, and which holds {some(ids, 3, bare=index.integers)}, as ids "
            f"there are: list one id per line, or say in IdFile(path=...) alike='same' for the ids in it, alike='other' for one of "
            f"its own{_heading(first, words, how)}"
        )
    remark = f"{len(parted)} hold ids beside other text, as {str(first)[:60]!r} does, and are read as these: {some(ids, 3)}"
    return [each for word in words for each in parted.get(word, [word])], [remark]


def match(
    words: Sequence[Id], index: IdIndex, where: str, how: Reading = HELD, data: str = "the training data",
    remarks: Sequence[str] = (),
) -> list[Id | None]:  # fmt: skip
    """The id of the data that each word names, None where none does; arguments and errors are those of ``ids_named``."""
    words = [_checked(word, where) for word in words]
    if index.integers:
        _check_numbers(words, index, where)
    found = [index.find(word) for word in words]
    missing = [word for word, each in zip(words, found, strict=True) if each is None]
    same = {word: _same(word, index, where, how, data, _heading(word, words, how)) for word in missing}
    gone = [word for word in missing if same[word] is None]
    _check_gone(gone, words, index, where, how, data)
    named = [each if each is not None else same[word] for word, each in zip(words, found, strict=True)]
    repeated = sum(count - 1 for count in Counter(each for each in named if each is not None).values())
    written = [f"{w!r} for {i!r}" for w, i in zip(words, named, strict=True) if i is not None and str(w).strip() != str(i).strip()]
    parts = [*remarks]
    if gone:
        parts.append(f"{len(gone)} of {len(words)} ids {_is(len(gone))} not in {data}: {some(gone, bare=index.integers)}")
    if repeated:
        parts.append(f"{repeated} {_is(repeated)} listed again")
    if written:
        parts.append(f"{len(written)} {_is(len(written))} written differently there, such as {written[0]}")
    if parts:
        add_note(f"{where}: {'; '.join(parts)}")
    return named


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _checked(word: object, where: str) -> Id:
    """A word of a list, a fraction without digits behind its point as the whole number that it is.

    Raises:
        RequestError: it is neither a whole number nor text, or has lost digits.
    """
    if isinstance(word, str) or (isinstance(word, int) and not isinstance(word, bool)):
        return word
    if isinstance(word, float) and word.is_integer() and abs(word) < EXACT:
        return int(word)
    if isinstance(word, bool):
        raise RequestError(f"{where} lists {word}, a truth value: ids are whole numbers or text; of a mask give ids[mask]")
    rounded = isinstance(word, float) and math.isfinite(word) and abs(word) >= EXACT
    more = ", a fraction of 64 bits, which rounds such numbers" if rounded else ""
    raise RequestError(f"{where} lists {word}{more}: ids are whole numbers or text")


def _check_numbers(words: Sequence[Id], index: IdIndex, where: str) -> None:
    positive = all(int(i) >= 0 for i in index.present)
    for word in words:
        number = as_number(word) if isinstance(word, str) else word
        if number is None:
            rounded = re.fullmatch(r"\s*\d([.,]\d+)?e\+?\d+\s*", str(word), re.IGNORECASE)
            more = "; a spreadsheet has rounded it: export the ids as text" if rounded else ""
            shown = str(word).strip()[:40]
            raise RequestError(f"{where} lists {shown!r}, and the ids of these data are whole numbers such as 17{more}")
        if positive and int(number) < 0:
            below = "and no id of these data is below 0; ids do not count from the end"
            raise RequestError(f"{where} lists {str(word).strip()}, {below}")


def _heading(word: Id, words: Sequence[Id], how: Reading) -> str:
    """The option for a word that may be a heading."""
    return ", or heading=True if it is a heading" if word == words[0] and how.heading is None else ""


def _same(word: Id, index: IdIndex, where: str, how: Reading, data: str, heading: str) -> Id | None:
    """The id of the data that a word stands for though it is written in another way; None if for none.

    Raises:
        RequestError: it may or may not stand for one.
    """
    alike = [] if how.alike == "other" else index.alike(word)
    if not alike or (how.alike == "same" and len(alike) == 1):
        return alike[0] if alike else None
    pairs = difference(str(word), str(alike[0]))
    options = "alike='same' or alike='other'" if len(alike) == 1 else "alike='other'"
    raise RequestError(
        f"{where} lists {word!r}, which {data} lack, and they have {some(alike, 3)}, which looks alike and is written "
        f"differently: {pairs}; write it as the data do, or say {options}{heading} in IdFile(path=...)"
    )


def _check_gone(gone: Sequence[Id], words: Sequence[Id], index: IdIndex, where: str, how: Reading, data: str) -> None:
    if not gone or how.gone == "report":
        return
    near = next(((word, index.near(word)) for word in gone if index.near(word) is not None), None)
    if how.gone == "ask" and near is None and len(gone) < len(words):
        return
    more = "" if near is None else f"; did you mean {near[1]!r} for {near[0]!r}?"
    if len(gone) < len(words) and how.gone == "ask":
        more += "; say gone='report' in IdFile(path=...) if they are gone already"
    lacked = f"{where} lists {len(gone)} of {len(words)} ids that {data} lack: {some(gone, bare=index.integers)}"
    raise RequestError(f"{lacked}; ids there are such as {some(list(index.present)[:3], cut=3)}{more}")
