"""A list of what a store holds, kept beside the entries so that listing need not read them all."""

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
    made, size = record["ingredients"], sum(f["bytes"] for f in record["files"].values())
    return record["key"], made.get("kind"), made.get("label"), record["made"], record.get("cost", {}).get("seconds"), size


@dataclass(frozen=True)
class Ledger:
    """An index in SQLite: one that cannot be used or is lost costs time and nothing else."""

    path: Path

    def listed(self, found: set[str]) -> list[Row]:
        """The rows of the entries that were found; those of entries that are gone are struck. None when it cannot be read."""
        try:
            with self._open() as ledger:
                rows: list[Row] = ledger.execute(f"select {', '.join(COLUMNS)} from entries").fetchall()
                gone = [(row[0],) for row in rows if row[0] not in found]
                if gone:
                    ledger.executemany("delete from entries where key = ?", gone)
                    ledger.commit()
        except sqlite3.OperationalError:
            return []
        return [row for row in rows if row[0] in found]

    def keep(self, rows: list[Row]) -> None:
        """Add rows, or renew them; what cannot be written is added when the store is next listed."""
        if not rows:
            return
        try:
            with self._open() as ledger:
                ledger.executemany("insert or replace into entries values (?, ?, ?, ?, ?, ?)", rows)
                ledger.commit()
        except sqlite3.OperationalError:
            return

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as ledger:
                ledger.execute(_TABLE)
                yield ledger
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise StoreError(f"{self.path} is damaged: remove it; it is rebuilt from the entries") from None
