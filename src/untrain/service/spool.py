"""Lists of ids that wait for their run: private files, which go when the last request that needs them is done."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from untrain.core.errors import RequestError
from untrain.core.escapes import csv_cell, csv_row
from untrain.core.work_files import HOUR, clear, is_abandoned, is_older
from untrain.service.canonical import sha256
from untrain.service.subjects import Salt, make_private

HEADING = "id"


def as_list(ids: Iterable[object]) -> bytes:
    r"""A list of ids as a CSV file with one column; no id becomes a formula in a spreadsheet.

    >>> as_list(["a", "=b"])
    b"id\na\n'=b\n"
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[HEADING], *([*csv_row([str(each)])] for each in ids)])
    return out.getvalue().encode("utf-8", "surrogatepass")


def read_list(raw: bytes) -> list[str]:
    r"""The ids of a list that ``as_list`` wrote.

    >>> read_list(as_list(["=a", "'b", "c\nd"]))
    ['=a', "'b", 'c\nd']
    """
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8", "surrogatepass"), newline="")))
    return [csv_cell(row[0]) if row else "" for row in rows[1:]]


def put(folder: Path, ids: Sequence[object], salt: Salt) -> Path:
    """Save a list under the digest of its hashed ids, which says nothing to who lacks the salt."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{sha256(salt.all_hashed(ids))}.csv"
    make_private(file, as_list(dict.fromkeys(map(str, ids))))
    return file


def take(folder: Path, digest: str, salt: Salt, request: str) -> list[str]:
    """The ids of a request.

    Raises:
        RequestError: they are gone, or are others.
    """
    file = folder / f"{digest}.csv"
    try:
        ids = read_list(file.read_bytes())
    except (OSError, ValueError, csv.Error):
        raise RequestError(
            f"the ids of {request} are not in {folder}: withdraw it and add it again (they are kept there until its run)"
        ) from None
    if sha256(salt.all_hashed(ids)) != digest:
        raise RequestError(f"{file} was changed since {request} was added: withdraw it and add it again")
    return ids


def tidy(folder: Path, needed: set[str], age: float = HOUR) -> list[str]:
    """Remove lists that no open request needs, but for those that are just being added; the names of those removed.

    What a killed worker was at goes too, since it holds ids.
    """
    removed = []
    with suppress(OSError):
        for each in folder.iterdir():
            with suppress(OSError):
                if each.stem not in needed and (is_abandoned(each, age) if each.is_dir() else is_older(each, age)):
                    clear(each)
                    removed.append(each.name)
    return removed


def drop(folder: Path, digests: Iterable[str], needed: set[str]) -> None:
    """Remove lists whose requests are done, unless an open request names the same ids."""
    for digest in set(digests) - needed:
        with suppress(FileNotFoundError):
            (folder / f"{digest}.csv").unlink()
