"""Databases on which the tests of the ledger run."""

import itertools

import pytest
from services import POSTGRES, postgres

from untrain.runtime.database import Database

COUNT = itertools.count()


@pytest.fixture(scope="session")
def server():
    if not (POSTGRES / "postgres").exists():
        pytest.skip(f"no PostgreSQL server in {POSTGRES}: apt-get install postgresql")
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """The URL of an empty database; empty for a file in the folder of the service."""
    if request.param == "sqlite":
        return ""
    url, name = request.getfixturevalue("server"), f"ledger{next(COUNT)}"
    engine = Database(url, ())._engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    return url.replace("/postgres?", f"/{name}?")
