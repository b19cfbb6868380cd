"""An index of the entries of a store, kept beside them so that a listing need not read them all."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from untrain.runtime.record import is_number

Row = tuple[str, str | None, str | None, float, float | None, int]
COLUMNS = ("key", "kind", "label", "made", "seconds", "bytes")
_STORED = (*COLUMNS, "sha256")  # of the row itself, since SQLite finds no changed byte
_TABLE = (
    "create table if not exists entries "
    "(key text primary key, kind text, label text, made real, seconds real, bytes integer, sha256 text)"
)


def row_of(record: Mapping[str, Any]) -> Row:
    """The row of an entry's record."""
    ingredients, size = record["ingredients"], sum(f["bytes"] for f in record["files"].values())
    return (
        record["key"],
        ingredients.get("kind"),
        ingredients.get("label"),
        record["made"],
        record.get("cost", {}).get("seconds"),
        size,
    )


@dataclass(frozen=True)
class StoreIndex:
    """An index in SQLite: one that cannot be used or is lost costs time and nothing else."""

    path: Path

    def read(self, keys: set[str]) -> list[Row]:
        """The rows of some keys; those of others, whose entries are gone, are removed. None where it cannot be read."""
        try:
            with self._open() as index:
                rows = index.execute(f"select {', '.join(_STORED)} from entries").fetchall()
                gone = [(row[0],) for row in rows if row[0] not in keys]
                if gone:
                    index.executemany("delete from entries where key = ?", gone)
                    index.commit()
        except sqlite3.OperationalError:
            return []
        except sqlite3.DatabaseError:  # a page of it is damaged
            self._forget()
            return []
        return [row[:-1] for row in rows if row[0] in keys and _is_row(row[:-1]) and row[-1] == _digest(row[:-1])]

    def add(self, rows: list[Row]) -> None:
        """Add rows, or renew them; what cannot be written is added when the store is next listed."""
        if not rows:
            return
        with suppress(sqlite3.Error, UnicodeError), self._open() as index:
            index.executemany("insert or replace into entries values (?, ?, ?, ?, ?, ?, ?)", [(*row, _digest(row)) for row in rows])
            index.commit()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The index; one that is damaged, or is another table, is begun anew. What is not a plain file is left alone."""
        try:
            is_link = self.path.is_symlink()
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error
        if is_link:
            raise sqlite3.OperationalError("it is a link")
        with closing(sqlite3.connect(self.path, timeout=30)) as index:
            if _fits(index):
                yield index
                return
        self._forget()
        with closing(sqlite3.connect(self.path, timeout=30)) as index:
            index.execute(_TABLE)
            yield index

    def _forget(self) -> None:
        with suppress(OSError):
            self.path.unlink()


def _fits(index: sqlite3.Connection) -> bool:
    """Return whether this is the index, made where there is none."""
    try:
        index.execute(_TABLE)
        return tuple(column[1] for column in index.execute("pragma table_info(entries)")) == _STORED
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return False


def _digest(row: tuple[Any, ...]) -> str:
    key, kind, label, made, seconds, size = row
    # SQLite gives a whole number of a column of floats back as a float.
    values = (key, kind, label, float(made), None if seconds is None else float(seconds), size)
    return hashlib.sha256(repr(values).encode(errors="backslashreplace")).hexdigest()


def _is_row(row: tuple[Any, ...]) -> bool:
    """Return whether columns hold what they should; SQLite takes anything, and what is odd is read from the record instead."""
    key, kind, label, made, seconds, size = row
    texts = isinstance(key, str) and all(text is None or isinstance(text, str) for text in (kind, label))
    return texts and is_number(made) and (seconds is None or is_number(seconds)) and type(size) is int and size >= 0
