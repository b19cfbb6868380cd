"""Databases on which the tests of the ledger run."""

import itertools

import pytest

from services import POSTGRES, add_up, no_word, postgres, service_in
from untrain.runtime.database import Database
from untrain.service.publish import publisher
from untrain.service.worker import run_once

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


@pytest.fixture(scope="session")
def done(tmp_path_factory):
    """A service in which one run forgot two requests; treat it as read-only."""
    service = service_in(tmp_path_factory.mktemp("done"))
    for ids in (["u1", "u2"], ["u3"]):
        service.approve(service.add(ids, reference="T-17")["id"], "ann")
    run_once(service, add_up, publisher(service, no_word))
    assert service.ledger.check() == []
    return service
