"""Lists of ids in files: .csv, .txt and .npy."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from untrain.core.errors import RequestError
from untrain.data.readers.numpy_errors import DAMAGED, why

NUMPY = b"\x93NUMPY"
HEADING = re.compile(r"(\w+[ _.-])?(id|ids|index|indices|key)|[a-z]+(Id|ID)", re.ASCII | re.IGNORECASE)


def read(file: Path, integers: bool) -> list[str]:
    """The ids as text, in the order of the file, a heading left out.

    Raises:
        RequestError: the file is missing, empty, or not what its name says.
    """
    readers = {".csv": _cells, ".txt": _lines, ".npy": _array}
    raw = content(file, list(readers), "ids")
    if not raw.strip():
        raise RequestError(f"{file} is empty: list at least one id")
    ids = readers[file.suffix.lower()](file, raw)
    if not ids:
        raise RequestError(f"{file} lists no id: list at least one")
    if file.suffix.lower() != ".npy" and _is_heading(ids[0], integers):
        ids = ids[1:]
        if not ids:
            raise RequestError(f"{file} has a heading and no id below it: list at least one")
    return ids


def content(file: Path, kinds: list[str], what: str) -> bytes:
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


def numbers(file: Path, listed: list[str], positive: bool) -> list[int]:
    """The ids as whole numbers.

    Raises:
        RequestError: one is not a number, or is negative where none of the data is.
    """
    ids = []
    for text in listed:
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            raise RequestError(f"{file} lists {text[:40]!r}, and the ids of these data are whole numbers such as 17")
        ids.append(int(text))
        if positive and ids[-1] < 0:
            raise RequestError(f"{file} lists {text}, and no id of these data is below 0; ids do not count from the end")
    return ids


def _is_heading(first: str, integers: bool) -> bool:
    # Above integers any plain word is a heading; above text only a word for ids: a mistyped id must not pass for one.
    return bool(re.fullmatch(r"[A-Za-z_ ]+", first)) if integers else bool(HEADING.fullmatch(first))


def text_of(file: Path, raw: bytes, what: str = "one id per line") -> str:
    """The text of a file.

    Raises:
        RequestError: it is not UTF-8 text.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        kind = "a NumPy array" if raw.startswith(NUMPY) else "not UTF-8 text"
        raise RequestError(f"{file} is {kind}, whatever its name says: give a {file.suffix} file with {what}")
    return text


def _lines(file: Path, raw: bytes) -> list[str]:
    # A line ends at a line's end alone: str.splitlines() also breaks at U+2028 and its like, which a text id may hold.
    return [line.strip() for line in io.StringIO(text_of(file, raw), newline=None) if line.strip()]


def _cells(file: Path, raw: bytes) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(text_of(file, raw), newline=""), strict=True))
    except csv.Error as error:
        raise RequestError(f"{file} is not a .csv file: {error}") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    for number, row in enumerate(rows, 1):
        if len(row) != 1:
            raise RequestError(f"{file} has {len(row)} columns in row {number}: one column, the id, is needed")
    return [row[0].strip() for row in rows]


def _array(file: Path, raw: bytes) -> list[str]:
    if not raw.startswith(NUMPY):
        raise RequestError(f"{file} is not a NumPy array, whatever its name says: write it with numpy.save")
    try:
        array = np.load(file, allow_pickle=False)
    except DAMAGED as error:
        raise RequestError(f"{file} cannot be read as a plain array: {why(error)}") from None
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise RequestError(f"{file} holds {array.dtype} of shape {array.shape}: whole numbers or text of shape (k,) are needed")
    return [str(i) for i in array.tolist()]
