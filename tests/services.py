"""Services of requests for tests: a small one, a job that adds up what was forgotten, workers that are killed, a server."""

import multiprocessing
import os
import pwd
import random
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from untrain.core.errors import StoreError
from untrain.runtime.database import Database
from untrain.service.folder import make_service, open_service
from untrain.service.leases import LostLease
from untrain.service.publish import publisher
from untrain.service.settings import Settings
from untrain.service.signing import make_key
from untrain.service.spool import read_list
from untrain.service.worker import run_once

POSTGRES = Path("/usr/lib/postgresql/15/bin")
REVIEW = {
    "kind": "untrain review", "made": "2026-01-02T03:04:05Z", "source": "<i>train</i>.csv", "rows": 300, "found": 2,
    "folds": 5, "network": "MLP()", "steps": "Steps()", "seed": 0, "accuracy": 0.9, "guess": 0.5, "not_checked": 0,
    "shared_ids": 0, "notes": [],
    "listed": [
        {"id": f"u{at}", "row": at, "given": "<b>cat</b>", "likely": "dog", "score": 0.01 * at, "sure": 0.9} for at in (5, 6, 1)
    ],
}  # fmt: skip
FORK = multiprocessing.get_context("fork")


def service_in(folder, database="", **settings):
    """A service with a signing key whose model is an empty file and whose data are 300 rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.txt").write_text("")
    (folder / "train.csv").write_text("id,label\n" + "".join(f"u{i},0\n" for i in range(300)))
    make_key(folder / "key.pem")
    made = Settings(
        str(folder / "model.txt"), str(folder / "train.csv"), database=database, key=str(folder / "key.pem"), name="Ann", **settings
    )
    return make_service(folder / "service", made)


def add_up(job):
    """A job whose checkpoint lists all that was ever forgotten, in order."""
    job.out.write_text(job.model.read_text() + "".join(f"{each}\n" for each in read_list(job.ids.read_bytes())))
    return document()


def document(**changes):
    """The document of such a job, as ``untrain.forget`` returns it."""
    return {
        "method": "Finetune()", "seed": 0, "plan": {"rows": 2, "of": 300}, "cost": {"seconds": 0.25}, "valid": {"sha256": "0" * 64},
        "before": {"validation": {"accuracy": 0.9, "rows": 200}}, "after": {"validation": {"accuracy": 0.875, "rows": 200}},
        "notes": ["all is well"],
    } | changes  # fmt: skip


def no_word():
    """No passphrase."""
    return b""


def work(folder, pause):
    """Run requests until none is open; the job takes about so many seconds."""

    def job(each):
        time.sleep(pause * random.random())
        return add_up(each)

    service = open_service(folder)
    publish = publisher(service, no_word)
    while service.ledger.requests("approved", "running"):
        try:
            if run_once(service, job, publish, deaths=10_000) is None:
                time.sleep(pause / 10)
        except LostLease:
            pass
    run_once(service, job, publish)  # what a worker left that was killed after its last run


def kill_workers(folder, workers, kills, pause, seed=0):
    """Start workers, kill them at random moments and start others, until so many were killed and all work is done; how many."""
    rng, killed, alive = random.Random(seed), 0, []
    while True:
        for each in [each for each in alive if not each.is_alive()]:
            each.join()
            assert each.exitcode == 0 or each.exitcode == -9, each.exitcode
            alive.remove(each)
        if killed >= kills and not alive and not open_service(folder).ledger.requests("approved", "running"):
            return killed
        while len(alive) < workers and open_service(folder).ledger.requests("approved", "running"):
            alive.append(FORK.Process(target=work, args=(folder, pause)))
            alive[-1].start()
        time.sleep(pause * 1.5 * rng.random())
        if killed < kills and alive:
            one = rng.choice(alive)
            one.kill()
            one.join()  # until then the system lists it as a process
            killed += one.exitcode == -9
        if killed < kills and not alive and not open_service(folder).ledger.requests("approved", "running"):
            return killed


@contextmanager
def postgres():
    """A PostgreSQL server of one's own on a socket in a temporary folder; its URL."""
    folder = Path(tempfile.mkdtemp(prefix="untrain-postgres-", dir="/tmp"))
    user = {}
    if os.getuid() == 0:  # initdb refuses the superuser
        name = next(each for each in ("postgres", "nobody") if any(entry.pw_name == each for entry in pwd.getpwall()))
        account = pwd.getpwnam(name)
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": {"LC_ALL": "C", "PATH": os.defpath}}
    subprocess.run([POSTGRES / "initdb", "-D", data, "-A", "trust", "-U", "untrain", "-N"], check=True, **quiet, **user)
    server = subprocess.Popen([POSTGRES / "postgres", "-D", data, "-k", folder, "-h", "", "-F"], **quiet, **user)
    url = f"postgresql://untrain@/postgres?host={folder}"
    try:
        for _ in range(200):
            try:
                Database(url, ())
                break
            except StoreError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
