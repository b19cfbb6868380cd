"""Whatever a cell of the ledger holds: commands end with an error of ours or go on, and the check finds what the log covers."""

import shutil
import sqlite3
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services import add_up, no_word, service_in
from untrain.core.errors import StoreError, UntrainError
from untrain.core.work_files import work_name
from untrain.runtime.database import Database, sqlite_url
from untrain.service import leases
from untrain.service.canonical import digest_at
from untrain.service.certificate import certificate
from untrain.service.folder import Service
from untrain.service.ledger import TABLES, Ledger
from untrain.service.overview import one, overview
from untrain.service.publish import publisher
from untrain.service.worker import run_once

# What only says how work is going, or why it failed: the log has it too, and no certificate repeats it.
LOOSE = {("requests", "deaths"), ("requests", "error"), ("batches", "worker"), ("batches", "beat"), ("start", "one"),
         ("start", "checkpoint"), ("head", "one")}  # fmt: skip
CELLS = [(table.name, column) for table in TABLES for column in table.columns]
VALUES = (
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary(max_size=9) | st.text(max_size=9)
    | st.sampled_from(["[]", "{}", '{"batch":[]}', "approved", "running", "done", "1", "started", "received", "opened"])
)  # fmt: skip


def fuzz_a_cell(done, file, cell, row, value):
    shutil.copy(done.folder / "ledger.sqlite", file)
    table, column = cell
    with closing(sqlite3.connect(file)) as connection, connection:
        rows = connection.execute(f'select rowid, "{column}" from {table}').fetchall()
        number, before = rows[row % len(rows)]
        try:
            connection.execute(f'update {table} set "{column}" = ? where rowid = ?', (value, number))
        except (sqlite3.IntegrityError, sqlite3.DataError, UnicodeEncodeError):
            return
        [(after,)] = connection.execute(f'select "{column}" from {table} where rowid = ?', (number,))
    try:
        ledger = Ledger(Database(sqlite_url(file), TABLES), done.ledger.salt)
        wrong = ledger.check()
    except UntrainError:
        return
    assert bool(wrong) == (after != before or type(after) is not type(before)) or cell in LOOSE
    service = Service(done.folder, done.settings, ledger)
    for ask in (
        lambda: ledger.open(), lambda: overview(service), lambda: one(service, "R00001"), lambda: certificate(service, "R00001"),
        lambda: ledger.gone(), lambda: wrong or leases.claim(ledger, work_name("worker")),
    ):  # fmt: skip
        with suppress(UntrainError):
            ask()


def test_no_run_begins_from_another_checkpoint_than_the_log_says(tmp_path):
    service = service_in(tmp_path)
    service.approve(service.add(["u1"])["id"], "ann")
    other = tmp_path / "other.txt"
    other.write_text("another model")
    with service.ledger.database.writing() as tables:
        tables.change("start", {"one": 1}, {"checkpoint": str(other), "sha256": digest_at(other)})
    with pytest.raises(StoreError, match="the checkpoint to begin from is another than the log says"):
        run_once(service, add_up, publisher(service, no_word))


@settings(max_examples=20)
@given(st.sampled_from(CELLS), st.integers(0, 20), VALUES)
def test_no_cell_makes_a_ledger_stumble(done, tmp_path_factory, cell, row, value):
    fuzz_a_cell(done, tmp_path_factory.getbasetemp() / "fuzzed.sqlite", cell, row, value)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(st.sampled_from(CELLS), st.integers(0, 20), VALUES)
def test_no_cell_of_many_makes_a_ledger_stumble(done, tmp_path_factory, cell, row, value):
    fuzz_a_cell(done, tmp_path_factory.getbasetemp() / "fuzzed.sqlite", cell, row, value)


def test_names_of_tables_that_are_no_text_are_one_line(tmp_path):
    file = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("create table one (a)")
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_master set name = cast(x'72829a' as text), sql = 'create nothing'")
    with pytest.raises(StoreError, match="cannot be used: its names are not valid UTF-8"):
        Ledger(Database(sqlite_url(file), TABLES), "salt")
