"""Runs of a ledger: one at a time, held by a worker that gives signs of life, and handed on when it dies."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from untrain.core.errors import RunFailed, UntrainError
from untrain.core.work_files import is_abandoned
from untrain.runtime.database import Row, Transaction
from untrain.service.canonical import canonical, sha256
from untrain.service.ledger import Ledger, RequestBatch, current, new_name, step
from untrain.service.log import append, moment

LEASE = 300.0  # seconds without a sign of life after which another worker takes a run over
DEATHS = 3  # of workers, after which a request counts as failed


class LostLease(RunFailed):
    """Another worker has taken the run over; what this one made does not count."""


def claim(ledger: Ledger, worker: str, most: int = 0, lease: float = LEASE, deaths: int = DEATHS) -> RequestBatch | None:
    """Take approved requests for one run; None where there is none, or another run is under way.

    Each run begins from the checkpoint that the last one made, so that two never overlap.

    Args:
        ledger: whose.
        worker: a name by ``work_name``, which holds its machine and its process.
        most: requests per run, those with the first deadlines; 0 for all.
        lease: seconds without a sign of life after which a run is taken from its worker.
        deaths: of workers after which a request counts as failed.
    """
    with ledger.database.writing() as tables:
        now = tables.now()
        for run in tables.rows("batches", {"state": "running"}):
            if not _is_dead(run, now, lease):
                return None
            _hand_back(tables, run, "its worker died", deaths)
        waiting = tables.rows("requests", {"state": "approved"}, ("deadline", "id"), limit=most or None)
        if not waiting:
            return None
        at = current(tables)
        name, number = new_name(), at["number"] + 1
        tables.insert("batches", [{
            "id": name, "state": "running", "worker": worker, "beat": now, "number": number, "before": at["sha256"], "after": "",
            "checkpoint": "", "document": "", "finished": "",
        }])  # fmt: skip
        requests = tuple(row["id"] for row in waiting)
        for each in requests:
            step(tables, each, "running", batch=name)
        return RequestBatch(name, worker, requests, at["checkpoint"], at["sha256"], number)


def _is_dead(run: Row, now: float, lease: float) -> bool:
    # Of a process of this machine we know at once that it is gone; of others we wait.
    silent = now - run["beat"] if isinstance(run["beat"], int | float) else lease + 1
    return not -lease <= silent <= lease or is_abandoned(Path(str(run["worker"])), math.inf)


def _hand_back(tables: Transaction, run: Row, why: str, deaths: int) -> None:
    tables.change("batches", {"id": run["id"], "state": "running"}, {"state": "lost"})
    for row in tables.rows("requests", {"batch": run["id"], "state": "running"}, ("id",)):
        count = row["deaths"] + 1 if isinstance(row["deaths"], int) else 1
        if count >= deaths:
            error = f"{count} workers died at it; look at memory and at what stops them, then approve it again"
            step(tables, row["id"], "failed", batch="", deaths=0, error=error)
        else:
            step(tables, row["id"], "approved", batch="", deaths=count, why=why)


def release(ledger: Ledger, batch: RequestBatch, why: str) -> None:
    """Give requests of a run back to the queue."""
    with ledger.database.writing() as tables:
        if tables.change("batches", _held(batch), {"state": "lost"}):
            for each in batch.requests:
                step(tables, each, "approved", batch="", why=why)


def fail(ledger: Ledger, batch: RequestBatch, error: str) -> None:
    """Record that a run failed."""
    with ledger.database.writing() as tables:
        if tables.change("batches", _held(batch), {"state": "failed"}):
            for each in batch.requests:
                step(tables, each, "failed", batch="", error=error)


def finish(ledger: Ledger, batch: RequestBatch, checkpoint: str, after: str, document: dict[str, Any]) -> Row:
    """Record what a run made: the checkpoint, its document, the new state of each request and the log, all or nothing.

    Raises:
        LostLease: another worker has the run by now.
    """
    text, finished = canonical(document), moment()
    values = {"state": "done", "after": after, "checkpoint": checkpoint, "document": text, "finished": finished}
    with ledger.database.writing() as tables:
        if current(tables)["sha256"] != batch.before or not tables.change("batches", _held(batch), values):
            raise LostLease(f"run {batch.id} went to another worker, since this one was silent for too long: nothing was recorded")
        append(
            tables, "done", batch=batch.id, number=batch.number, before=batch.before, after=after, checkpoint=checkpoint,
            document=sha256(text), requests=len(batch.requests), finished=finished,
        )  # fmt: skip
        for each in batch.requests:
            step(tables, each, "forgotten", batch=batch.id)
        return tables.rows("batches", {"id": batch.id})[0]


def _held(batch: RequestBatch) -> Row:
    """The conditions under which a run is still this worker's."""
    return {"id": batch.id, "worker": batch.worker, "state": "running"}


def beat(ledger: Ledger, batch: RequestBatch) -> bool:
    """Give a sign of life; False where the run is another's by now."""
    with ledger.database.writing() as tables:
        return bool(tables.change("batches", _held(batch), {"beat": tables.now()}))


@contextmanager
def alive(ledger: Ledger, batch: RequestBatch, lease: float = LEASE) -> Iterator[None]:
    """Give signs of life within, from a thread."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(lease / 5):
            with suppress(UntrainError):  # a database that is away for a moment
                if not beat(ledger, batch):
                    return

    thread = threading.Thread(target=keep, name="untrain-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
