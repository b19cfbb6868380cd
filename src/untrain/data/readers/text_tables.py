"""Tables and lists in text files, as people export them: any usual separator, with or without a heading."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from untrain.core.errors import RequestError
from untrain.core.escapes import csv_cell
from untrain.core.metering import add_note

NUMPY = b"\x93NUMPY"
SEPARATORS = (",", ";", "\t", "|")
LINES = ""  # stands for the separator where each line is one cell
HEADING = re.compile(r"(\w[\w .-]*[ _.-])?(ids?|index|indices|key|uid|uuid|guid)|(?-i:[a-z]\w*(Id|ID|Ids|IDs|Key|UID))", re.I)
SURE = re.compile(r"(\w+[ _.-])?ids?|index|indices|key|uid|uuid|guid|(?-i:[a-z]\w*(Id|ID|Ids|IDs))", re.I)
SEPARATOR_LINE = re.compile(r"\Asep=.(\r\n|\r|\n)", re.I)
CONTROL, SURROGATE = re.compile(rb"[\x00-\x08\x0e-\x1f]"), re.compile("[\ud800-\udfff]")
Rows = list[list[str]]


def content(file: Path, kinds: Sequence[str], what: str) -> bytes:
    """Content of a file of one of these kinds, by how its name ends.

    Raises:
        RequestError: it is of another kind, or cannot be read.
    """
    if file.suffix.lower() not in kinds:
        raise RequestError(f"{what} are read from {', '.join(kinds[:-1])} or {kinds[-1]}, and {str(file)!r} is none of them")
    try:
        return file.read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read {what} from {str(file)!r}: {error.strerror or error}") from None


def is_heading_word(word: str, surely: bool = False) -> bool:
    """Return whether a word is one by which people head a column of ids; ``surely`` leaves out what may well be an id too.

    >>> [word for word in ("id", "image_id", "User ID", "userId", "David", "Madrid", "anne") if is_heading_word(word)]
    ['id', 'image_id', 'User ID', 'userId']
    >>> is_heading_word("car_key"), is_heading_word("car_key", surely=True)
    (True, False)
    """
    return (SURE if surely else HEADING).fullmatch(word.strip()) is not None


def text_of(file: Path, raw: bytes, what: str = "one id per line") -> str:
    """The text of a file, in UTF-8, with its mark in UTF-16, or as spreadsheets write it on Windows, which a note says.

    Their first line may only name the separator, as ``sep=;``, and is left out.

    Raises:
        RequestError: it is none of these.
    """
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        # Half a pair, as file names may hold, is let through: `untrain memorize` writes it so.
        text = raw.decode("utf-16" if wide else "utf-8", "strict" if wide else "surrogatepass").removeprefix("\ufeff")
    except UnicodeDecodeError:
        text = "\0" if wide or CONTROL.search(raw) else raw.decode("cp1252", "surrogateescape")
        if SURROGATE.search(text):
            text = "\0"
        elif text != "\0":
            add_note(f"{file} is not UTF-8 and is read as Windows-1252, as spreadsheets write it")
    if "\0" in text:
        kind = "a NumPy array" if raw.startswith(NUMPY) else "not UTF-8 text"
        raise RequestError(f"{file} is {kind}, whatever its name says: give a {file.suffix} file with {what}")
    return SEPARATOR_LINE.sub("", text)


def tables(file: Path, raw: bytes, what: str = "one id per line") -> dict[str, Rows]:
    """Rows of cells by what may separate them, empty rows left out: whole lines first in a .txt file and last in others.

    A line ends at a line's end alone: U+2028 and its like, at which str.splitlines() breaks, are part of a cell, and so is
    what a quoted cell holds. Cells are as they stand there: ``csv_cell`` takes away the apostrophe before a formula.

    Raises:
        RequestError: it is not text, or no separator makes a table of it.
    """
    text, found, complaint = text_of(file, raw, what), {}, ""
    lines = [[line.strip("\r\n")] for line in io.StringIO(text, newline=None) if line.strip()]
    is_list = file.suffix.lower() == ".txt"
    if is_list:
        found[LINES] = lines
    for separator in SEPARATORS:
        if separator != "," and separator not in text:
            continue
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
        except csv.Error as error:
            complaint = complaint or str(error)
        else:
            found[separator] = [row for row in rows if any(cell.strip() for cell in row)]
    if not found:
        raise RequestError(f"{file} is not a {file.suffix} file: {complaint}")
    return found if is_list else {**found, LINES: lines}


def table(file: Path, raw: bytes, what: str) -> Rows:
    """Rows of stripped cells by the separator that gives all rows as many, the most there are; by commas where none does.

    Raises:
        RequestError: it is not text, or no table.
    """
    by_separator = tables(file, raw, what)
    lines = by_separator.pop(LINES)
    even = [rows for rows in by_separator.values() if len({len(row) for row in rows}) == 1]
    rows = max(even, key=lambda rows: len(rows[0])) if even else by_separator.get(",", lines)
    return [[csv_cell(cell).strip() for cell in row] for row in rows]
