"""A worker may be killed at any moment: the ledger goes on, and every request is forgotten once."""

import collections
import logging
import time

import pytest

from services import kill_workers, service_in
from untrain.service.verification import verify_certificate


def try_kills(folder, database, requests, workers, kills, pause):
    service = service_in(folder, database, batch=2)
    for at in range(requests):
        name = service.add([f"u{2 * at}", f"u{2 * at + 1}"])["id"]
        service.approve(name, "ann")
    began = time.monotonic()
    killed = kill_workers(service.folder, workers, kills, pause)
    seconds = time.monotonic() - began
    ledger = service.ledger
    assert ledger.check() == []
    assert [row["state"] for row in ledger.requests()] == ["forgotten"] * requests
    last = service.checkpoint(ledger.current()["checkpoint"])
    # The checkpoint lists what was forgotten: each id once, none lost and none twice.
    assert sorted(last.read_text().split()) == sorted(f"u{at}" for at in range(2 * requests))
    runs = ledger.runs()
    assert [run["number"] for run in runs] == list(range(1, len(runs) + 1))
    assert [run["before"] for run in runs[1:]] == [run["after"] for run in runs[:-1]]
    assert sorted(file.name for file in service.checkpoints.iterdir()) == sorted(run["checkpoint"] for run in runs)
    assert list(service.spool.iterdir()) == []  # nor what a killed worker was at
    for at in (1, requests):
        found = verify_certificate(service.certificates / f"R{at:05d}.json", folder / "key.public.pem", [], service)
        assert {each["outcome"] for each in found if each["what"] != "ids"} == {"right"}
    assert len(list(service.certificates.glob("R*.json"))) == len(list(service.certificates.glob("R*.html"))) == requests
    entries = [entry for row in ledger.requests() for entry in ledger.history(row["id"])]
    told = collections.Counter(entry["request"] for entry in entries if entry["event"] == "forgotten")
    assert set(told.values()) == {1}
    again = sum(entry["event"] == "running" for entry in entries) - requests
    logging.getLogger("figures").info(  # shown with -rP --log-level=info
        f"{requests} requests, {workers} workers, {killed} kills: {len(told)} forgotten, {sum(told.values()) - len(told)} twice, "
        f"{again} begun again after a kill; {len(runs)} runs; chain right; {seconds:.1f} s"
    )
    return killed


def test_killed_workers_lose_nothing_and_repeat_nothing(tmp_path, database):
    assert try_kills(tmp_path, database, requests=8, workers=2, kills=4, pause=0.02) >= 1


@pytest.mark.slow
def test_a_hundred_requests_fifty_kills_four_workers(tmp_path, database):
    assert try_kills(tmp_path, database, requests=100, workers=4, kills=50, pause=0.1) == 50
