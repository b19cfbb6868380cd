"""Requests as they come in: a file of ids, ids in a line, standard input, a rule, classes, owners, or the spelling of a request."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.errors import BadInput, RequestError, SpecError, suggest
from untrain.core.file_digests import file_digest
from untrain.core.metering import add_note, metered
from untrain.core.paths import user_path
from untrain.core.spec import parse
from untrain.core.work_files import scratch
from untrain.data.examples import Examples, take
from untrain.data.fingerprint import request_digest
from untrain.data.id_index import Id, IdIndex, some
from untrain.data.id_lists import ids_in_file, ids_named
from untrain.data.readers.id_files import KINDS, Reading, read_words
from untrain.data.readers.text_tables import content, tables
from untrain.data.requests._rows_by_id import rows_of
from untrain.data.requests.base import ForgetSet, Request, corrects
from untrain.data.requests.owner import Owner
from untrain.data.requests.resolve import request
from untrain.data.requests.where import Where
from untrain.data.understood import CLASS_NAME
from untrain.experiments.forgetting.held_ids import held_ids
from untrain.runtime.progress import asking

LISTED, MANY = 20, 10_000  # ids that a message lists, and words of a file that are looked for in other columns


@dataclass(frozen=True)
class GivenRequest:
    """A request as a user gives it; empty fields are not given.

    Args:
        forget: path of a file of ids, '-' for standard input, ids with commas between, or the spelling of a request; from Python
            also a request, ids in a list, an array or a column of a data frame, or a mask with one truth value per row.
        where: a rule on columns, such as "label == 3".
        classes: names or numbers of classes.
        owners: owners whose rows go.
        column: name of the column of ids in the file.
        skip_missing: whether ids that are not in the data are passed over.
    """

    forget: Any = None
    where: str = ""
    classes: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    column: str = ""
    skip_missing: bool = False


@dataclass(frozen=True, eq=False)
class DrawnRequest:
    """A request on its data.

    Args:
        forget_set: the rows to forget.
        by: the request where it is one; None where ids were listed.
        spelled: the request in words.
        listed: number of ids that were listed; None where none were.
        missing: listed ids that the data lack.
        file_sha256: digest of the file of ids; empty where there is none.
    """

    forget_set: ForgetSet
    by: Request | None
    spelled: str
    listed: int | None = None
    missing: tuple[Id, ...] = ()
    file_sha256: str = ""


def draw(asked: GivenRequest, train: Examples) -> DrawnRequest:
    """Draw the rows of a request from the data.

    Raises:
        RequestError: none is given or several are, it cannot be read, names nothing, or names what the data lack.
    """
    refuse_several(asked)
    if asked.where:
        return _by_rule(asked.where, train)
    if asked.classes:
        by = Where(rule=f"label in ({', '.join(str(_class(word, train)) for word in asked.classes)},)")
        return replace(_by_request(by, train), spelled=f"class {', '.join(asked.classes)}")
    if asked.owners:
        return replace(_by_request(Owner(owners=tuple(asked.owners)), train), spelled=f"owner {', '.join(asked.owners)}")
    return _by_list(asked, train)


def refuse_several(asked: GivenRequest) -> None:
    """Refuse a request that names nothing, or rows in several ways.

    Raises:
        RequestError: it does.
    """
    nothing = asked.forget is None or (isinstance(asked.forget, str) and asked.forget == "")
    given = {
        "--forget": not nothing, "--where": asked.where,
        "--forget-class": asked.classes, "--forget-owner": asked.owners,
    }  # fmt: skip
    named = [name for name, value in given.items() if value]
    if len(named) != 1:
        ways = ", ".join(given)
        raise RequestError(f"say what to forget by one of {ways}" + (f"; {' and '.join(named)} are given" if named else ""))


def _by_rule(rule: str, train: Examples) -> DrawnRequest:
    try:
        return _by_request(Where(rule=rule), train)
    except RequestError as error:
        if "'label' is numbers" not in str(error) or CLASS_NAME not in train.columns:
            raise
        such = train.categories[0] if train.categories else "cat"
        raise RequestError(f"{error}; names of classes are in {CLASS_NAME}, as in {CLASS_NAME} == {such!r}") from None


def _by_request(by: Request, train: Examples) -> DrawnRequest:
    if corrects(by):
        raise RequestError(f"{by!r} corrects rows and deletes none, which this command does not do: see docs/corrections.md")
    forget_set = request(train, by)
    for note in forget_set.notes:
        add_note(note)
    return DrawnRequest(forget_set, by, repr(by))


def _class(word: str, train: Examples) -> int:
    if word in train.categories:
        return train.categories.index(word)
    raise RequestError(f"there is no class {word!r}; there are {', '.join(train.categories[:10])}{suggest(word, train.categories)}")


def _by_list(asked: GivenRequest, train: Examples) -> DrawnRequest:
    forget = asked.forget
    if isinstance(forget, Request):
        return _by_request(forget, train)
    index = IdIndex(train.ids)
    how = Reading(column=asked.column, gone="report")
    if isinstance(forget, str) and forget == "-":
        with standard_input() as file:
            return _from_file(file, "standard input", index, how, asked, train)
    if isinstance(forget, str | Path):
        if _is_file(forget):
            return _from_file(user_path(forget), str(forget), index, how, asked, train)
        text = str(forget)
        if re.match(r"\s*[\w.]+\(", text):
            return _by_request(_parsed(text), train)
        if Path(text).suffix.lower() in KINDS:
            raise RequestError(f"there is no file {text!r} of ids")
        whole = index.find(text) is not None  # an id may hold commas
        words: list[Any] = [text] if whole else [word.strip() for word in text.split(",") if word.strip()]
    else:
        words = held_ids(forget, asked.column, train)
    try:
        with metered() as meter:
            ids = ids_named(words, index, "the request", Reading(heading=False, gone="report"))
    except RequestError as error:
        raise RequestError(f"{error}{_other_column(words, train)}") from None
    return _drawn(ids, words, "the request", index, asked, train, list(meter.notes), "")


@contextmanager
def standard_input() -> Iterator[Path]:
    """Standard input as a file of ids, which is gone afterwards; whoever types it has the line of the terminal meanwhile."""
    with scratch("ids") as folder:
        file = folder / "standard-input.csv"
        with asking():
            file.write_bytes(sys.stdin.buffer.read())
        yield file


def _is_file(path: str | Path) -> bool:
    try:
        return user_path(path).is_file()
    except BadInput:
        return False


def _parsed(text: str) -> Request:
    made = parse(text)
    if not isinstance(made, Request):
        raise SpecError(f"{text!r} is not a request: write such as Where(\"label == 3\") or IdFile(path='ids.csv')")
    return made


def _from_file(file: Path, name: str, index: IdIndex, how: Reading, asked: GivenRequest, train: Examples) -> DrawnRequest:
    try:
        with metered() as meter:
            words, _, _ = read_words(file, index, how)
            meter.notes.clear()
            ids = ids_in_file(file, index, how)
    except RequestError as error:
        raise RequestError(str(error).replace(str(file), name) + _other_column(_cells(file), train)) from None
    notes = [note.replace(str(file), name) for note in meter.notes]
    return _drawn(ids, words, name, index, asked, train, notes, file_digest(file))


def _drawn(
    ids: Sequence[Id],
    words: Sequence[Id],
    name: str,
    index: IdIndex,
    asked: GivenRequest,
    train: Examples,
    notes: list[str],
    sha256: str,
) -> DrawnRequest:
    missing = tuple(dict.fromkeys(word for word in words if index.find(word) is None and not index.alike(word)))
    if missing and (not asked.skip_missing or not ids):
        there = f"{name} lists {len(missing)} of {len(words)} ids that the data lack: {some(missing, LISTED, bare=index.integers)}"
        cure = "; --missing skip passes over them" if ids else f"; ids there are such as {some(list(index.present)[:3])}"
        raise RequestError(there + (_other_column(words, train) or cure))
    rows = rows_of(train, ids)
    if len(rows) == 0:
        raise RequestError(f"{name} names no row of the data: list at least one id")
    if len(rows) == len(train):
        raise RequestError(f"{name} names all {len(train)} rows: nothing would be left")
    for note in notes:
        add_note(note)
    forget_set = forget_set_of(train, rows)
    return DrawnRequest(forget_set, None, f"{len(ids)} id{'s'[: len(ids) != 1]} of {name}", len(words), missing, sha256)


def cells_of(forget: Any) -> list[str]:
    """All words of a list of ids as a user gives it: a file, ids with commas between, or a list; whichever of them are ids."""
    if not isinstance(forget, str | Path):
        return [str(each) for each in np.asarray(forget).tolist()]
    if not _is_file(forget):
        return [word.strip() for word in str(forget).split(",")]
    file = user_path(forget)
    if file.suffix.lower() in (".npy", ".npz"):
        return [str(word) for word in read_words(file, IdIndex(np.arange(0)), Reading(heading=False, gone="report"))[0]]
    rows = [row for found in tables(file, content(file, KINDS, "ids")).values() for row in found]
    return list(dict.fromkeys(cell.strip() for row in rows for cell in row))


def _cells(file: Path) -> list[str]:
    """All words of a text file, to look for them elsewhere."""
    try:
        return re.split(r"[,;\t\r\n]+", file.read_text(encoding="utf-8"))[:MANY]
    except (OSError, ValueError):
        return []


def _other_column(words: Sequence[Any], train: Examples) -> str:
    """Say which column of the data holds the listed words, where it is not the column of ids; empty where none does."""
    wanted = {str(word).strip() for word in words} - {""}
    for name, column in train.columns.items():
        if column.dtype.kind in "iuU" and len(wanted & set(column.astype(str).tolist())) > len(wanted) / 2:
            return f"; the column {name!r} of the data holds such: --id {name}"
    return ""


def forget_set_of(train: Examples, rows: np.ndarray[Any, Any]) -> ForgetSet:
    """The forget set of some rows of the data."""
    forget = take(train, np.sort(rows))
    return ForgetSet(tuple(np.sort(rows).tolist()), tuple(forget.ids.tolist()), request_digest(forget))
