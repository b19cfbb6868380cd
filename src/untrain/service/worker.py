"""The worker: takes approved requests, forgets them in the current checkpoint, and records the next one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from untrain.core.errors import RunFailed, StoreError, UntrainError
from untrain.core.work_files import clear, scratch, work_name
from untrain.service import spool
from untrain.service.audits import record_own
from untrain.service.canonical import digest_at, sha256
from untrain.service.drift import drift
from untrain.service.facts import facts_of
from untrain.service.folder import Service
from untrain.service.given_ids import ids_there
from untrain.service.leases import DEATHS, LEASE, LostLease, alive, claim, fail, finish, release
from untrain.service.ledger import RequestBatch, document_of
from untrain.service.private import NamedIds, kept, names_an_id, plain_number
from untrain.service.reviews import drop_gone
from untrain.service.states import DONE, check_step


@dataclass(frozen=True)
class RequestJob:
    """One run: forget some ids in a checkpoint.

    Args:
        model: the checkpoint.
        data: the training data.
        ids: a list of the ids, which is removed after the run.
        out: where the new checkpoint goes.
        options: further arguments of ``untrain.forget``.
        gone: whether an id was forgotten before; the data may still hold its row, which no model may be trained on again.
    """

    model: Path
    data: str
    ids: Path
    out: Path
    options: Mapping[str, Any]
    gone: Callable[[object], bool]


Worker = Callable[[RequestJob], dict[str, Any]]
Publish = Callable[[Service, str], Any]


def run_once(
    service: Service, job: Worker, publish: Publish, most: int | None = None, lease: float = LEASE, deaths: int = DEATHS
) -> dict[str, Any] | None:  # fmt: skip
    """Run the approved requests that are due first; None where there is none, or another worker is at it.

    A process that is killed at any point leaves a ledger that goes on: before the checkpoint is recorded, the requests go back
    to the queue; after it, the next start publishes what was not.

    Args:
        service: whose.
        job: forgets; ``untrain.forget`` in a process of its own choice.
        publish: makes the certificate of a request that is forgotten; called again for those that lack one.
        most: requests per run at most; None for what the settings say, 0 for all.
        lease: seconds without a sign of life after which a run is taken from its worker.
        deaths: of workers after which a request counts as failed.

    Raises:
        RunFailed: the job failed; its requests are failed and can be approved again.
        BadInput: the same, since settings, data or ids are wrong.
    """
    service.ledger.refuse_changed()
    resume(service, publish)
    batch = claim(service.ledger, work_name("worker"), service.settings.batch if most is None else most, lease, deaths)
    if batch is None:
        return None
    out = service.checkpoints / f"{batch.number:05d}-{batch.id}{_suffix(service.checkpoint(batch.checkpoint))}"
    with alive(service.ledger, batch, lease):
        document = _work(service, batch, job, out)
        digest = digest_at(out)
    try:
        # When this fails in any other way, whether it is recorded is not known here: ``resume`` removes what is not.
        row = finish(service.ledger, batch, out.name, digest, document)
    except LostLease:
        _clear(out)
        raise
    resume(service, publish)
    return {
        "number": row["number"], "requests": list(batch.requests), "checkpoint": str(out), "sha256": row["after"],
        "before": row["before"], "method": facts_of(document["forget"]).method, "document": document, "drift": drift_of(service),
    }  # fmt: skip


def _work(service: Service, batch: RequestBatch, job: Worker, out: Path) -> dict[str, Any]:
    """Do the job; whatever goes wrong is recorded without the ids that its message may name."""
    ids: list[str] = []
    settings = service.settings
    try:
        model = service.checkpoint(batch.checkpoint)
        if digest_at(model) != batch.before:
            raise StoreError(f"{model} is not the checkpoint of the ledger: bring back the file with SHA-256 {batch.before}")
        for request in batch.requests:
            ids += service.ids(request)
        ids = list(dict.fromkeys(ids))
        known, salt = service.ledger.gone(), service.ledger.salt
        with scratch("request", near=service.spool) as folder:
            listed = folder / "ids.csv"
            listed.write_bytes(spool.as_list(ids))
            document = job(RequestJob(model, settings.data, listed, out, settings.options, lambda each: salt.hashed(each) in known))
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        fail(service.ledger, batch, "its message names an id" if names_an_id(text, _names(service, ids)) else text[:500])
        if isinstance(error, UntrainError):
            raise
        raise RunFailed(f"the run failed: {text}") from error
    except BaseException:  # an interrupt: the next start goes on
        release(service.ledger, batch, "its worker was stopped")
        raise
    if not out.exists():
        fail(service.ledger, batch, "the job wrote no checkpoint")
        raise RunFailed(f"the job ended and wrote no checkpoint to {out}")
    _clear(Path(f"{out}.json"))  # the document beside it, which may name ids
    for log in Path(f"{out}.audit").glob("*.log"):  # what a training script printed may name them too
        _clear(log)
    # No plain digest of the list: who can guess the ids could check the guess against it. Certificates have one, and say so.
    facts = {"forget": kept(document, _names(service, ids)), "data": _digest(settings.data), "options": dict(settings.options)}
    return {**facts, "by": settings.name, "ids": len(ids), "requests": list(batch.requests)}


def _names(service: Service, ids: list[str]) -> NamedIds:
    """Ids that no kept text may name: those of these requests, of all requests before, and those of the data that are words."""
    try:
        there = set(ids_there(service.settings.data, service.settings.options))
    except UntrainError:  # they cannot be read: whatever a message says of them was not read from them either
        there = set()
    return NamedIds({*ids, *(each for each in there if not plain_number(each))}, service.ledger.knows)


def _suffix(checkpoint: Path) -> str:
    """The end of the names of a chain of checkpoints: a file has one, a folder none."""
    return "" if checkpoint.is_dir() else checkpoint.suffix


def _digest(data: str) -> str | None:
    """The SHA-256 of the data where they are a file or a folder; None where they are not."""
    return digest_at(Path(data)) if os.path.exists(data) else None


def _clear(out: Path) -> None:
    for left in (out, Path(f"{out}.json")):
        with suppress(OSError):
            clear(left)


def resume(service: Service, publish: Publish) -> None:
    """Finish what a killed process left: certificates of recorded runs, lists of ids that are done, checkpoints of lost runs."""
    record_own(service)
    for row in service.ledger.requests(*DONE):
        if not (service.certificates / f"{row['id']}.json").exists():
            publish(service, row["id"])
    needed = service.needed()
    spool.drop(service.spool, [row["subjects"] for row in service.ledger.requests(*DONE, "withdrawn")], needed)
    spool.tidy(service.spool, needed)
    drop_gone(service)
    with service.ledger.database.reading() as tables:
        lost = [row["id"] for row in tables.rows("batches", {"state": ["lost", "failed"]})]
    for name in lost:
        for left in service.checkpoints.glob(f"*-{name}*"):
            _clear(left)


def drift_of(service: Service) -> dict[str, Any]:
    """Drift of the current checkpoint from retraining."""
    runs = [facts_of(document_of(row).get("forget")) for row in service.ledger.runs()]
    return drift(runs, service.settings)


def plan_of(service: Service, request: str, job: Worker, by: str) -> dict[str, Any]:
    """Plan a run of one request, by a job that changes nothing; the request is planned then."""
    ids, at = service.ids(request), service.ledger.current()
    known, salt = service.ledger.gone(), service.ledger.salt
    check_step(request, service.ledger.request(request)["state"], "planned")
    with scratch("plan", near=service.spool) as folder:
        listed = folder / "ids.csv"
        listed.write_bytes(spool.as_list(ids))
        settings, model = service.settings, service.checkpoint(at["checkpoint"])
        out = folder / f"planned{_suffix(service.checkpoint(at['checkpoint']))}"
        plan = job(RequestJob(model, settings.data, listed, out, settings.options, lambda each: salt.hashed(each) in known))
    service.ledger.move(request, "planned", by=by, plan=sha256(kept(plan, _names(service, ids))))
    return plan
