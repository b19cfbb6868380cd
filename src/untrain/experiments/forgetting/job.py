"""One request from beginning to end: open, draw, plan, try, judge, write."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DamageAlarm, DataError, ModelError, RequestError, RunFailed
from untrain.core.events import Event, Log
from untrain.core.file_digests import file_digest
from untrain.core.metering import add_note, metered
from untrain.core.paths import user_path
from untrain.data.column_roles import DataChoices
from untrain.data.examples import Examples, take
from untrain.data.fingerprint import print_of
from untrain.data.near_duplicates import exact_twins
from untrain.data.readers.table_files import is_path
from untrain.data.requests.ids import Ids
from untrain.data.requests.verbs import covered
from untrain.data.understood import understand
from untrain.experiments.forgetting.events import begun_event, ended_events
from untrain.experiments.forgetting.measurements import Judgement, Sides, Tolerance, alarm_text, alike_document, judge
from untrain.experiments.forgetting.opened_model import ModelChoices, OpenedModel
from untrain.experiments.forgetting.plan import plan_document, plan_lines
from untrain.experiments.forgetting.price import Method, step_price
from untrain.experiments.forgetting.recorded import note_unseen, open_recorded
from untrain.experiments.forgetting.requests import DrawnRequest, GivenRequest, draw, forget_set_of, twins_left
from untrain.experiments.forgetting.tries import Try, TrySetting, attempt, automatic, model_of
from untrain.experiments.forgetting.writing import place_of, write_checkpoint
from untrain.experiments.scenarios._set_apart import set_apart

APART = 0.1  # share of the data that is set apart to measure, where none are given that the model has not seen
MEASURED = 5_000  # retained rows at most on which loss is watched
Document = dict[str, Any]
COVERS_NOT = (
    "copies and backups of the old checkpoint, and models made from it",
    "other data sets, logs and caches that hold the forgotten rows",
    "what an attacker could find who has retrained models or the old checkpoint: that takes an audit (untrain audit)",
)


@dataclass(frozen=True, eq=False)
class ForgetJob:
    """A request to forget, as the command takes it.

    Args:
        model: path of the checkpoint.
        data: that it was trained on.
        valid: that it has not seen; None where there are none.
        asked: the request.
        columns: of the data.
        choices: about the model.
        method: to run; None for 'auto'.
        budget: share of training again that cheaper methods together may cost.
        gap: largest distance of the area from one half.
        tolerance: what the model may lose.
        twins: which twins of forgotten rows go too: '', 'exact' or 'near'.
        out: where the new checkpoint goes; None for beside the old one.
        accept_damage: whether a model is written although it got worse.
        seed: of every draw.
        say: prints a line.
        log: takes events; None where nobody does.
        kept: folder of the record of its training; None for one beside the checkpoint, if any.
    """

    model: str | Path
    data: Any
    valid: Any
    asked: GivenRequest
    columns: DataChoices
    choices: ModelChoices
    method: Method | None
    budget: float
    gap: float
    tolerance: Tolerance
    twins: str
    out: str | Path | None
    accept_damage: bool
    seed: int
    say: Callable[[str], None]
    log: Log | None = None
    kept: str | Path | None = None


def run_job(job: ForgetJob, dry_run: bool) -> Document:
    """Do a job, or only plan it; the document that is written beside the new checkpoint.

    Raises:
        DamageAlarm: the model got worse than is allowed, and nothing was written.
        BadInput: an argument, the data or the checkpoint is wrong.
        RunFailed: the method failed.
    """
    began = time.perf_counter()
    with metered() as meter:
        data = understand(job.data, job.columns)
        valid = None if job.valid is None else understand(job.valid, job.columns)
        opened, record = open_recorded(job.model, data, valid, job.choices, job.kept)
        opened = _without_seen(opened)
        out = place_of(opened.path, job.out)
        drawn = draw(job.asked, opened.train)
        twins = twins_left(opened.train, drawn.forget_set)
        drawn, included = _with_twins(drawn, twins, job.twins, opened.train)
        note_unseen(record, opened.train.ids[np.asarray(drawn.forget_set.rows)].tolist(), opened.train.ids.tolist())
        notes = list(meter.notes)
    retain = len(opened.train) - len(drawn.forget_set.rows)
    price = step_price(opened.model, opened.learner, opened.task, opened.train, retain)
    plan = plan_document(opened, drawn, twins, price, job.method, included)
    for line in (*notes, *plan_lines(plan)):
        job.say(line)
    sides, shown = _sides(opened, drawn)
    before = _judged(opened, sides)
    document = _begun(job, opened, drawn, plan, sides, before, notes)
    if dry_run:
        return {**document, "dry_run": True}
    setting = TrySetting(
        opened, drawn.forget_set, shown, sides, before, job.tolerance, job.gap, price, job.budget, job.seed, job.log, record
    )  # fmt: skip
    _emit(job, begun_event(document))
    tries, chosen, why = _tried(job, setting)
    document |= {"tries": [each.document for each in tries], "why": why}
    if chosen is None or (chosen.alarms and not job.accept_damage):
        raise _alarm(tries, document, job.method is None)
    document |= _ended(opened, chosen, before, job)
    document["seconds"] = time.perf_counter() - began
    with metered() as meter:
        whole = write_checkpoint(opened, model_of(chosen), out, document)
    for note in meter.notes:
        job.say(note)
    for event in ended_events(whole):
        _emit(job, event)
    whole["notes"] = [*whole["notes"], *meter.notes]
    return whole


def _emit(job: ForgetJob, event: Event) -> None:
    if job.log is not None:
        job.log(event)


def _without_seen(opened: OpenedModel) -> OpenedModel:
    """The model with those held-out rows alone that are not among its training data.

    Raises:
        DataError: all of them are.
    """
    if opened.valid is None:
        return opened
    seen = exact_twins(opened.valid.x, opened.train.x) >= 0
    if seen.all():
        raise DataError("--valid holds rows of the training data alone: give data that the model has not seen")
    if seen.any():
        add_note(f"{int(seen.sum())} of {len(seen)} rows of --valid are among the training data, and are left out of it")
        return replace(opened, valid=take(opened.valid, np.flatnonzero(~seen)))
    return opened


def _with_twins(
    drawn: DrawnRequest, twins: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]], which: str, train: Examples
) -> tuple[DrawnRequest, int]:
    """The request with the twins that go too, and how many these are."""
    more = {"": np.arange(0), "exact": twins[0], "near": np.concatenate(twins)}[which]
    if not len(more):
        return drawn, 0
    rows = np.union1d(np.asarray(drawn.forget_set.rows), more)
    if len(rows) == len(train):
        raise RequestError("with their twins all rows would go: nothing would be left")
    return replace(drawn, forget_set=forget_set_of(train, rows)), len(more)


def _sides(opened: OpenedModel, drawn: DrawnRequest) -> tuple[Sides, np.ndarray[Any, Any]]:
    """Examples by which models are judged, and the rows of the training data that approximate methods see."""
    train, rows = opened.train, np.asarray(drawn.forget_set.rows)
    everything, stays = np.arange(len(train)), np.setdiff1d(np.arange(len(train)), rows)
    if opened.valid is not None:
        kind = None if drawn.by is None else covered(drawn.by, opened.valid)
        watched = opened.valid if kind is None or kind.all() else take(opened.valid, np.flatnonzero(~kind))
        shown = everything
        unseen: Examples | None = opened.valid
    else:
        ids = np.unique(train.ids[rows])
        apart = np.flatnonzero(np.isin(train.ids, set_apart(train, Ids(ids=tuple(ids.tolist())), APART)))
        apart = np.setdiff1d(apart, rows)
        watched, shown, unseen = take(train, apart), np.setdiff1d(everything, apart), None
        stays = np.setdiff1d(stays, apart)
    if len(watched) == 0 or len(stays) == 0:
        raise RequestError("too few rows stay to measure whether the model gets worse: give --valid DATA")
    some = stays if len(stays) <= MEASURED else np.sort(np.random.default_rng(0).choice(stays, MEASURED, replace=False))
    return Sides(watched, take(train, some), take(train, rows), unseen), shown


def _judged(opened: OpenedModel, sides: Sides) -> Judgement:
    """The original model on all sides, after a check that it knows its data.

    Raises:
        ModelError: it does no better on them than a guess that knows how frequent classes are.
    """
    before = judge(opened.model, sides, opened.task)
    y = np.asarray(opened.train.y[:].cpu().numpy())
    shares = np.bincount(y) / len(y)
    guess = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    if float(before.retain.loss.mean()) > guess and before.retain.accuracy <= shares.max():
        names = ", ".join(f"{at} {name}" for at, name in enumerate(opened.train.categories[:6]))
        raise ModelError(
            f"the checkpoint gets {100 * before.retain.accuracy:.1f} % of its own training data right, less than a guess without "
            f"looking: classes ({names}), inputs or network are not those that it was trained with; see --class-name and "
            "--transform"
        )
    return before


def _tried(job: ForgetJob, setting: TrySetting) -> tuple[list[Try], Try | None, str]:
    if job.method is None:
        return automatic(setting, job.say)
    made = attempt(setting, job.method)
    job.say(made.to_text())
    if made.reason:
        raise RunFailed(made.reason)
    return [made], made, "the user named it"


def _alarm(tries: list[Try], document: Document, automatic_choice: bool) -> DamageAlarm:
    """The error of a model that got worse, with what to try."""
    last = next((made for made in reversed(tries) if made.alarms), tries[-1])
    reasons = "; ".join(map(alarm_text, last.alarms)) or last.reason
    if automatic_choice:
        cure = "say how the model was trained, --steps, so that training again repeats it; or --accept-damage"
    else:
        cure = "lower its lr or epochs, try --method auto or --method Retrain, or --accept-damage"
    return DamageAlarm(f"nothing was written: after {last.method}, {reasons}; {cure}", document)


def _begun(
    job: ForgetJob, opened: OpenedModel, drawn: DrawnRequest, plan: Document, sides: Sides, before: Judgement, notes: list[str]
) -> Document:
    data = {"rows": len(opened.train), "digest": print_of(opened.train)}
    return {
        "what": "untrain forget", "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "versions": _versions(),
        "model": {"path": str(opened.path), "sha256": file_digest(opened.path), "kind": opened.kind},
        "data": data | _source(job.data), "valid": None if job.valid is None else _source(job.valid),
        "request": {
            "spelled": drawn.spelled, "digest": drawn.forget_set.digest, "rows": plan["rows"], "ids": plan["ids"],
            "listed": drawn.listed, "missing": [*drawn.missing], "file_sha256": drawn.file_sha256,
        },
        "plan": plan, "seed": job.seed, "budget": job.budget,
        "before": {
            "validation": before.held_out.document(), "retain": before.retain.document(), "forget": before.forget.document(),
            "alike": alike_document(before.alike, job.gap),
        },
        "measured_on": "data that the model has not seen" if sides.unseen is not None else
        "a tenth of its training data that the method does not see: a fall there is partly memory, not damage alone",
        "notes": notes, "does_not_cover": [*COVERS_NOT, *_twins_stay(plan)],
    }  # fmt: skip


def _twins_stay(plan: Document) -> list[str]:
    count = 0 if plan["twins"]["included"] else plan["twins"]["exact"] + plan["twins"]["near"]
    return [f"{count} rows that stay and are like a forgotten one"] if count else []


def _ended(opened: OpenedModel, chosen: Try, before: Judgement, job: ForgetJob) -> Document:
    outcome = chosen.outcome
    certificate = None if outcome is None or outcome.certificate is None else outcome.certificate.published()
    document = chosen.document
    return {
        "method": chosen.method, "cost": document["cost"], "share": document["share"], "guard": document["guard"],
        "after": {name: document[name] for name in ("validation", "retain", "forget", "alike")},
        "alarms": document["alarms"], "accepted_damage": bool(chosen.alarms and job.accept_damage), "certificate": certificate,
        "method_notes": document["notes"],
    }  # fmt: skip


def _source(source: Any) -> Document:
    """The origin of data, with the digest of their bytes where they are files."""
    if is_path(source):
        return {"path": str(source), "sha256": file_digest(user_path(source))}
    return {"path": str(source) if isinstance(source, str) else type(source).__name__, "sha256": None}


def _versions() -> dict[str, str]:
    return {"untrain": version("untrain"), "torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}
