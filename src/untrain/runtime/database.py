"""Tables in SQLite or PostgreSQL behind the same few statements; the only place that writes SQL, all of it with parameters."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from untrain.core.errors import BadInput, MissingExtra, StoreError

WAIT = 60  # seconds for which a writer waits for its turn
TURN = 7_239_001  # the lock of PostgreSQL that makes writers take turns; any number that no other program uses
_KINDS = {str: sql.Text, int: sql.BigInteger, float: sql.Double}
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

Row = dict[str, Any]


@dataclass(frozen=True)
class TableLayout:
    """A table: its name, the types of its columns (text, whole numbers, fractions), and the columns of its key."""

    name: str
    columns: Mapping[str, type]
    key: tuple[str, ...]


class Transaction:
    """Statements that take effect together or not at all."""

    def __init__(self, connection: sql.Connection, tables: Mapping[str, sql.Table]):
        self._connection = connection
        self._tables = tables

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Add rows to a table."""
        if rows:
            self._connection.execute(sql.insert(self._tables[table]), list(rows))

    def change(self, table: str, where: Row, values: Row) -> int:
        """Set columns of the rows that have certain values; how many there were, so that 0 says that another was first."""
        statement = sql.update(self._tables[table]).where(*self._conditions(table, where)).values(**values)
        return self._connection.execute(statement).rowcount

    def rows(
        self, table: str, where: Row | None = None, order: Sequence[str] = (), limit: int | None = None, last: bool = False
    ) -> list[Row]:  # fmt: skip
        """Rows that have certain values (a list means any of these), sorted by some columns, the last ones first if wanted."""
        source = self._tables[table]
        columns = [source.c[name].desc() if last else source.c[name] for name in order]
        statement = sql.select(source).where(*self._conditions(table, where or {})).order_by(*columns).limit(limit)
        return [dict(row) for row in self._connection.execute(statement).mappings()]

    def now(self) -> float:
        """Seconds since 1970 by the clock that all who use the database share."""
        if self._connection.dialect.name == "sqlite":
            return time.time()
        return float(self._connection.execute(sql.select(sql.extract("epoch", sql.func.clock_timestamp()))).scalar_one())

    def _conditions(self, table: str, where: Row) -> list[Any]:
        columns = self._tables[table].c
        return [
            columns[name].in_(value) if isinstance(value, list | tuple | set) else columns[name] == value
            for name, value in where.items()
        ]


class Database:
    """A database by its URL, with tables that are made where they are missing.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql://USER@HOST/NAME``.
        layouts: its tables.
    """

    def __init__(self, url: str, layouts: Sequence[TableLayout]):
        self._engine, self.name = _engine(url)
        known = sql.MetaData()
        self._tables = {
            each.name: sql.Table(
                each.name, known, *(sql.Column(n, _KINDS[kind], primary_key=n in each.key) for n, kind in each.columns.items())
            )
            for each in layouts
        }
        with self._transaction(write=True) as connection:
            known.create_all(connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that sees one state of all tables."""
        with self._transaction(write=False) as connection:
            yield Transaction(connection, self._tables)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction whose changes all take effect when the block succeeds; one writer at a time, the others wait."""
        with self._transaction(write=True) as connection:
            yield Transaction(connection, self._tables)

    @contextmanager
    def _transaction(self, write: bool) -> Iterator[sql.Connection]:
        try:
            with self._engine.connect() as connection:
                if connection.dialect.name == "sqlite":
                    # Readers too see one state; a writer takes its turn at once, since one that has read cannot wait for another.
                    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
                elif write:
                    connection.execute(sql.select(sql.func.pg_advisory_xact_lock(TURN)))
                else:
                    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                yield connection
                connection.commit()
        except SQLAlchemyError as error:
            raise StoreError(f"the database {self.name} cannot be used: {_reason(error)}") from None
        except UnicodeDecodeError:  # of the driver, where a damaged file's names are no text and so is its message about them
            raise StoreError(f"the database {self.name} cannot be used: its names are not valid UTF-8") from None


def _engine(url: str) -> tuple[sql.Engine, str]:
    """The engine of a URL, and its name without a password."""
    try:
        parsed = sql.make_url(url)
    except (ArgumentError, ValueError):
        raise BadInput("the URL of the database cannot be read: write sqlite:///PATH or postgresql://USER@HOST/NAME") from None
    kind = parsed.drivername.partition("+")[0]
    if kind not in _DRIVERS:
        raise BadInput(
            f"{kind!r} is not a database that can be used here: it must be sqlite:///PATH or postgresql://USER@HOST/NAME"
        )
    name = parsed.render_as_string(hide_password=True)
    waits = {"timeout": WAIT} if kind == "sqlite" else {"connect_timeout": WAIT, "client_encoding": "utf8"}
    try:
        # Without a pool, no connection is shared with a process that was forked; without parameters, no error shows a value.
        engine = sql.create_engine(
            parsed.set(drivername=_DRIVERS[kind]), poolclass=NullPool, hide_parameters=True, connect_args=waits
        )
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{name} needs {error.name}: pip install 'untrain[postgres]'") from None
    if kind == "sqlite":
        sql.event.listen(engine, "connect", _begin_by_hand)
    return engine, name


def _begin_by_hand(connection: Any, _record: Any) -> None:
    """Keep Python's driver of SQLite from beginning transactions when it sees fit, and let a commit reach the disk."""
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")


def _reason(error: SQLAlchemyError) -> str:
    """The first line of what the driver says; it holds neither values nor passwords."""
    text = str(getattr(error, "orig", None) or error)
    return (text.strip().splitlines() or [type(error).__name__])[0][:300]


def sqlite_url(file: Path) -> str:
    """The URL of a file.

    >>> sqlite_url(Path("/data/ledger.sqlite"))
    'sqlite:////data/ledger.sqlite'
    """
    return sql.URL.create("sqlite", database=str(file)).render_as_string()
