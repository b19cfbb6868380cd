"""States, the chained log, salted ids, and whatever is changed behind the ledger's back."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from services import add_up, no_word, service_in
from untrain.core.errors import BadInput, RequestError, StoreError
from untrain.core.work_files import work_name
from untrain.runtime.database import Database, sqlite_url
from untrain.service import checking, given_ids, leases
from untrain.service.folder import open_service
from untrain.service.ledger import TABLES, Ledger
from untrain.service.publish import publisher
from untrain.service.states import DONE, NEXT, OPEN
from untrain.service.subjects import Salt, salt_in
from untrain.service.worker import run_once


def test_states_lead_on_and_end():
    assert {to for steps in NEXT.values() for to in steps} | {"received"} == set(NEXT) == {*OPEN, *DONE, "withdrawn"}
    assert NEXT["withdrawn"] == ()
    assert "withdrawn" not in NEXT["running"] + NEXT["forgotten"] + NEXT["audited"]  # what is under way or done is not taken back


def test_a_request_goes_its_way_and_no_other(tmp_path, database):
    service = service_in(tmp_path, database)
    name = service.add(["u1", "u2", "u1"], deadline="2030-01-02", by="desk", reference="T-1")["id"]
    ledger = service.ledger
    assert {key: ledger.request(name)[key] for key in ("state", "ids", "deadline")} == {
        "state": "received", "ids": 2, "deadline": "2030-01-02",
    }  # fmt: skip
    with pytest.raises(RequestError, match="is received, and cannot become forgotten; from there it can become planned or"):
        ledger.move(name, "forgotten")
    service.approve(name, "ann")
    assert service.add(["u2", "u5"])["shared"] == {name: 1}
    batch = leases.claim(ledger, work_name("worker"))
    assert batch is not None
    assert leases.claim(ledger, work_name("worker")) is None  # one run at a time
    with pytest.raises(RequestError, match="is running, and cannot become withdrawn"):
        service.withdraw(name, "ann")
    leases.fail(ledger, batch, "no memory")
    assert ledger.request(name)["error"] == "no memory"
    assert service.withdraw(name, "ann")["state"] == "withdrawn"
    assert [entry["event"] for entry in ledger.history(name)] == ["received", "approved", "running", "failed", "withdrawn"]
    assert ledger.check() == []
    with pytest.raises(RequestError, match=r"no request 'R9'; the last ones are R00002, R00001"):
        ledger.request("R9")


def test_a_worker_that_was_silent_for_too_long_records_nothing(tmp_path, database):
    service = service_in(tmp_path, database)
    service.approve(service.add(["u1"])["id"], "ann")
    slow = leases.claim(service.ledger, work_name("worker"))
    assert leases.claim(service.ledger, work_name("worker"), lease=60) is None
    quick = leases.claim(service.ledger, work_name("worker"), lease=-1)  # everybody has been silent for longer
    assert quick is not None
    assert quick.requests == slow.requests
    assert not leases.beat(service.ledger, slow)
    with pytest.raises(leases.LostLease):
        leases.finish(service.ledger, slow, "a", "a" * 64, {})
    leases.finish(service.ledger, quick, "b", "b" * 64, {})
    assert service.ledger.current() == {"checkpoint": "b", "sha256": "b" * 64, "number": 1}
    assert service.ledger.check() == []


def test_a_request_at_which_workers_die_again_and_again_fails(tmp_path):
    service = service_in(tmp_path)
    service.approve(service.add(["u1"])["id"], "ann")
    for _ in range(3):
        assert leases.claim(service.ledger, "a worker elsewhere", lease=-1, deaths=3)
    assert leases.claim(service.ledger, "a worker elsewhere", lease=-1, deaths=3) is None
    row = service.ledger.request("R00001")
    assert row["state"] == "failed"
    assert "3 workers died at it" in row["error"]
    assert service.ledger.check() == []


def test_no_id_is_kept_as_it_is(tmp_path):
    service = service_in(tmp_path)
    secret = "jane.doe@example.org"
    service.approve(service.add([secret, "u1"])["id"], "ann")

    def where():
        places = [file for file in tmp_path.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]
        return sorted(file.relative_to(tmp_path).parts[1] for file in places if file.name != "model.txt")

    assert where() == ["spool"]
    [listed] = service.spool.iterdir()
    assert listed.stat().st_mode & 0o777 == 0o600

    def job(each):
        each.out.write_text("new")
        return {"notes": [f"{secret} is odd", "fine"], "missing": [secret], "method": "Finetune()"}

    run_once(service, job, publisher(service, no_word))
    assert where() == []
    assert list(service.spool.iterdir()) == []
    assert "fine" in (service.certificates / "R00001.json").read_text()


def test_an_error_that_names_an_id_is_kept_without_it(tmp_path):
    service = service_in(tmp_path)
    service.approve(service.add(["u1"])["id"], "ann")

    def job(each):
        raise ValueError("row 'u1' is broken")

    with pytest.raises(Exception, match="row 'u1' is broken"):
        run_once(service, job, publisher(service, no_word))
    assert service.ledger.request("R00001")["error"] == "its message names an id"


def test_rows_that_were_forgotten_are_known_by_their_hashes(tmp_path):
    service = service_in(tmp_path)
    asked = []

    def job(each):
        asked.append([name for name in ("u1", "u2", "u3") if each.gone(name)])
        return add_up(each)

    for name in ("u1", "u2"):
        service.approve(service.add([name])["id"], "ann")
        run_once(service, job, publisher(service, no_word))
    assert asked == [[], ["u1"]]


@pytest.mark.parametrize("change", [
    "update requests set state = 'withdrawn'", "update requests set deadline = '2999-01-01'", "update requests set ids = 9",
    "delete from requests", "update subjects set hash = 'x' where rowid = 1",
    "delete from subjects", "insert into subjects values ('R9', 'x')",
    "update batches set after = 'x'", "update batches set document = '{}'", "delete from batches",
    "update log set at = 'x' where seq = 3", "update log set body = '{}' where seq = 2", "delete from log where seq = 4",
    "delete from log where seq = (select max(seq) from log)", "update log set digest = before where seq = 2", "delete from head",
    "update head set seq = 1", "update log set seq = 99 where seq = 5",
])  # fmt: skip
def test_what_is_changed_behind_its_back_is_found(tmp_path, done, change):
    file = tmp_path / "ledger.sqlite"
    shutil.copy(done.folder / "ledger.sqlite", file)
    with closing(sqlite3.connect(file)) as table, table:
        assert table.execute(change).rowcount > 0
    ledger = Ledger(Database(sqlite_url(file), TABLES), done.ledger.salt)
    assert ledger.check() != []
    for _ in range(2):  # what was found is found again, also by the check of what is new
        with pytest.raises(StoreError, match="the ledger was changed"):
            ledger.refuse_changed()


def test_salt(tmp_path):
    service = service_in(tmp_path)
    assert (service.folder / "salt").stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(Salt(b"secret"))
    (service.folder / "salt").chmod(0o644)
    with pytest.raises(StoreError, match=r"others can read .*: chmod 600"):
        open_service(service.folder)
    (service.folder / "salt").unlink()
    with pytest.raises(StoreError, match="was made with another salt"):
        open_service(service.folder)
    (service.folder / "salt").write_text("77")
    with pytest.raises(StoreError, match="is not a salt"):
        salt_in(service.folder / "salt")


def test_databases_are_refused_in_one_line_and_without_their_password(tmp_path):
    for url, words in {
        "mysql://a:hunter2@b/c": "'mysql' is not a database that can be used here",
        "hunter2": "cannot be read: write sqlite",
        f"sqlite:///{tmp_path}/none/ledger": "unable to open database file",
        "postgresql://ann:hunter2@127.0.0.1:1/none": "cannot be used",
    }.items():
        with pytest.raises(BadInput) as caught:
            Database(url, ())
        assert words in str(caught.value)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)
    (tmp_path / "text").write_text("no database at all, but a text\n" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        Database(f"sqlite:///{tmp_path}/text", ())


def test_values_are_never_statements(tmp_path, database):
    service = service_in(tmp_path, database)
    evil = "'; drop table requests; --"
    name = service.add([evil.upper(), "\x00", "ü\ud800"], by=evil, reference=evil)["id"]
    assert service.ledger.request(name)["reference"] == evil
    assert service.ids(name) == [evil.upper(), "\x00", "ü\ud800"]
    assert service.ledger.check() == []
    with pytest.raises(RequestError, match="there is no request"):
        service.ledger.request(evil)


def test_the_url_of_a_database_may_stay_outside_of_the_settings(tmp_path):
    from untrain.service.folder import make_service
    from untrain.service.settings import Settings

    (tmp_path / "model").write_text("")
    url = sqlite_url(tmp_path / "elsewhere.sqlite")
    made = make_service(tmp_path / "service", Settings(str(tmp_path / "model"), "data"), url)
    made.add(["u1"])
    assert "elsewhere" not in (tmp_path / "service" / "settings.json").read_text()
    assert not (tmp_path / "service" / "ledger.sqlite").exists()
    assert [row["id"] for row in open_service(tmp_path / "service", url).ledger.requests()] == ["R00001"]


@pytest.mark.parametrize(("document", "words"), [
    ([], "holds no settings"), ({"model": "m"}, "lacks data"), ({"modle": "m"}, "'modle' is not a setting; did you mean 'model'?"),
    ({"model": 3}, "model must be a text, and is '3'"), ({"model": "m", "data": "d", "days": 0}, "days is out of range"),
    ({"model": "m", "data": "d", "level": 1.5}, "level is out of range"), ({"batch": True}, "batch must be a whole number"),
])  # fmt: skip
def test_settings_are_checked(document, words):
    from untrain.service.settings import settings_of

    with pytest.raises(BadInput, match=re.escape(words)):
        settings_of(document, "settings.json")


def test_ids_of_the_data_are_read_again_only_once_these_were_changed(tmp_path, monkeypatch):
    service = service_in(tmp_path)
    read = []
    plain = given_ids.data_of
    monkeypatch.setattr(given_ids, "data_of", lambda *given: read.append(given) or plain(*given))
    data, options = service.settings.data, service.settings.options
    assert given_ids.ids_there(data, options) == given_ids.ids_there(data, options) == tuple(f"u{at}" for at in range(300))
    assert len(read) == 1
    Path(data).write_text("id,label\nu3,0\nu4,1\n")
    assert given_ids.ids_there(data, options) == ("u3", "u4")
    assert given_ids.ids_there(data, {**options, "id": "label"}) == ("0", "1")


def test_ids_in_a_file_beside_the_data_are_read_again_once_it_was_changed(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    np.save(tmp_path / "y.npy", np.array([0, 1]))
    for ids in (["a", "b"], ["a", "c"]):
        np.save(tmp_path / "ids.npy", np.array(ids))
        assert given_ids.ids_there(str(tmp_path / "x.npy"), {}) == tuple(ids)


def test_a_check_that_is_broken_off_accuses_nobody(tmp_path, monkeypatch):
    service = service_in(tmp_path)
    first, second = (service.add([each])["id"] for each in ("u1", "u2"))
    service.ledger.refuse_changed_since(first)
    service.approve(second, "ann")
    with monkeypatch.context() as once:
        once.setattr(checking, "_some", lambda *given: 1 / 0)  # as a database that is gone for a moment
        with pytest.raises(ZeroDivisionError):
            service.ledger.refuse_changed_since(second)
    service.ledger.refuse_changed_since(second)
