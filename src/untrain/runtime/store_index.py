"""An index of the entries of a store, kept beside them so that a listing need not read them all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from untrain.core.errors import StoreError

Row = tuple[str, str | None, str | None, float, float | None, int]
COLUMNS = ("key", "kind", "label", "made", "seconds", "bytes")
_TABLE = "create table if not exists entries (key text primary key, kind text, label text, made real, seconds real, bytes integer)"


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
                rows: list[Row] = index.execute(f"select {', '.join(COLUMNS)} from entries").fetchall()
                gone = [(row[0],) for row in rows if row[0] not in keys]
                if gone:
                    index.executemany("delete from entries where key = ?", gone)
                    index.commit()
        except sqlite3.OperationalError:
            return []
        return [row for row in rows if row[0] in keys]

    def add(self, rows: list[Row]) -> None:
        """Add rows, or renew them; what cannot be written is added when the store is next listed."""
        if not rows:
            return
        try:
            with self._open() as index:
                index.executemany("insert or replace into entries values (?, ?, ?, ?, ?, ?)", rows)
                index.commit()
        except sqlite3.OperationalError:
            return

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as index:
                index.execute(_TABLE)
                yield index
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise StoreError(f"{self.path} is damaged: remove it; it is rebuilt from the entries") from None
