"""One request from beginning to end: open, draw, plan, try, judge, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from untrain.core.errors import BadInput, DamageAlarm, DataError, ModelError, RequestError, RunFailed
from untrain.core.events import Event, Log
from untrain.core.metering import add_note, metered
from untrain.data.column_roles import DataChoices
from untrain.data.examples import Examples, take
from untrain.data.near_duplicates import exact_twins
from untrain.data.requests.ids import Ids
from untrain.data.requests.verbs import covered
from untrain.data.understood import understand
from untrain.experiments.forgetting.attempt import AutomaticChoices, Try, TrySetting, attempt, model_of
from untrain.experiments.forgetting.document import begun, ended, tried, with_audit
from untrain.experiments.forgetting.earlier import audited_later, candidates, note_forgotten_before
from untrain.experiments.forgetting.events import begun_event, ended_events
from untrain.experiments.forgetting.evidence import AuditChoices, PlannedAudit, evidence, plan_audit
from untrain.experiments.forgetting.held_ids import in_order
from untrain.experiments.forgetting.measurements import Judgement, Sides, Tolerance, alarm_text, judge
from untrain.experiments.forgetting.opened_model import ModelChoices, OpenedModel
from untrain.experiments.forgetting.opening import open_model
from untrain.experiments.forgetting.plan import plan_document, plan_lines
from untrain.experiments.forgetting.price import Method, step_price
from untrain.experiments.forgetting.recorded import note_unseen, open_recorded
from untrain.experiments.forgetting.requests import DrawnRequest, GivenRequest, draw, forget_set_of
from untrain.experiments.forgetting.surrogate import automatic_document
from untrain.experiments.forgetting.tries import ChosenTry, automatic
from untrain.experiments.forgetting.twins import twins_left
from untrain.experiments.forgetting.writing import folder_of_audit, place_of, write_audited, write_checkpoint
from untrain.experiments.scenarios._set_apart import set_apart
from untrain.maths.damage import allowed_rise

APART = 0.1  # share of the data that is set apart to measure, where none are given that the model has not seen
MEASURED = 5_000  # retained rows at most on which loss is watched
Document = dict[str, Any]


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
        automatic: limits of 'auto'.
        tolerance: what the model may lose.
        twins: which twins of forgotten rows go too: '', 'exact' or 'near'.
        out: where the new checkpoint goes; None for beside the old one.
        accept_damage: whether a model is written although it got worse.
        seed: of every draw.
        say: prints a line.
        log: takes events; None where nobody does.
        kept: folder of the record of its training; None for one beside the checkpoint, if any.
        audit: how the new checkpoint is audited; None for not at all.
    """

    model: str | Path
    data: Any
    valid: Any
    asked: GivenRequest
    columns: DataChoices
    choices: ModelChoices
    method: Method | None
    automatic: AutomaticChoices
    tolerance: Tolerance
    twins: str
    out: str | Path | None
    accept_damage: bool
    seed: int
    say: Callable[[str], None]
    log: Log | None = None
    kept: str | Path | None = None
    audit: AuditChoices | None = None


def run_job(job: ForgetJob, dry_run: bool) -> Document:
    """Do a job, or only plan it; the document that is written beside the new checkpoint.

    Raises:
        DamageAlarm: the model got worse than is allowed, and nothing was written.
        BadInput: an argument, the data or the checkpoint is wrong.
        RunFailed: the method failed, or the audit of what it made.
    """
    began = time.perf_counter()
    with metered() as meter:
        data = understand(job.data, job.columns)
        valid = None if job.valid is None else understand(job.valid, job.columns)
        opened, record = open_recorded(job.model, data, valid, job.choices, job.kept)
        opened = _without_seen(opened)
        there = [] if job.audit is None else candidates(opened.path, job.out)
        out = place_of(opened.path, None if there else job.out)
        drawn = draw(replace(job.asked, forget=in_order(job.asked.forget, data)), opened.train)
        twins = twins_left(opened.train, drawn.forget_set)
        drawn, included = _with_twins(drawn, twins, job.twins, opened.train)
        note_forgotten_before(opened.path, opened.train)
        note_unseen(record, opened.train.ids[np.asarray(drawn.forget_set.rows)].tolist(), opened.train.ids.tolist())
        planned = None if job.audit is None else plan_audit(opened, drawn, job.audit, job.seed)
        notes = list(meter.notes)
    retain = len(opened.train) - len(drawn.forget_set.rows)
    price = step_price(opened.model, opened.learner, opened.task, opened.train, retain)
    plan = plan_document(opened, drawn, twins, price, job.method, included)
    plan["auto"] = None if job.method is not None else automatic_document(opened, price, retain, job.automatic)
    if planned is not None:
        plan["audit"] = planned.cost.document()
    for line in (*notes, *plan_lines(plan), *([] if planned is None else planned.lines())):
        job.say(line)
    sides, shown = _sides(opened, drawn)
    before = _judged(opened, sides)
    given = {"data": job.data, "valid": job.valid, "seed": job.seed, "budget": job.automatic.budget, "gap": job.automatic.gap}
    document = begun(given, opened, drawn, plan, sides, before, notes)
    if dry_run:
        return {**document, "dry_run": True}
    earlier = audited_later(there, document)
    if earlier is not None and planned is not None:
        place = f"#{opened.place}" if opened.place and "#" in str(job.model) else ""
        model = open_model(f"{earlier['out']['path']}{place}", data, valid, job.choices).model
        job.say(f"{earlier['out']['path']} is of this very request, and is audited now")
        _emit(job, begun_event(document))
        return _ended(job, _audited(planned, earlier, model, sides))
    out = place_of(opened.path, job.out) if there else out
    setting = TrySetting(
        opened, drawn.forget_set, shown, sides, before, job.tolerance, job.automatic, price, job.seed, job.log, record
    )  # fmt: skip
    _emit(job, begun_event(document))
    choice = _tried(job, setting)
    chosen = choice.chosen
    document |= tried(choice, document["before"])
    if chosen is None or (chosen.alarms and not job.accept_damage):
        raise _alarm(choice.tries, document, job.method is None)
    document |= ended(chosen, job.accept_damage)
    if note := _unlike(opened, chosen, before):
        document["method_notes"] = [*document["method_notes"], note]
    document["seconds"] = time.perf_counter() - began
    with metered() as meter:
        whole = write_checkpoint(opened, model_of(chosen), out, document, with_card=planned is None)
    for note in meter.notes:
        job.say(note)
    whole["notes"] = [*whole["notes"], *meter.notes]
    return _ended(job, whole if planned is None else _audited(planned, whole, model_of(chosen), sides))


def _ended(job: ForgetJob, document: Document) -> Document:
    """The document, after the last events about it."""
    for event in ended_events(document):
        _emit(job, event)
    return document


def _unlike(opened: OpenedModel, chosen: Try, before: Judgement) -> str:
    """A note where training again by a guess ended with a model that knows the retained rows less well; else empty."""
    if chosen.after is None or not opened.assumed or not chosen.method.startswith("Retrain"):
        return ""
    was, now = (float(each.retain.loss.mean()) for each in (before, chosen.after))
    if now - was <= allowed_rise(was, float(before.held_out.loss.mean())):
        return ""
    return (
        f"the retained rows have a loss of {now:.3f} after training again and had {was:.3f}: how the model was trained is a guess; "
        "--steps says it"
    )


def _audited(planned: PlannedAudit, document: Document, model: nn.Module, sides: Sides) -> Document:
    """Audit a checkpoint that is written, and write its document anew.

    Raises:
        RunFailed: a model could not be trained; the checkpoint stays.
    """
    out = Path(document["out"]["path"])
    try:
        found = evidence(planned, model, document, sides, folder_of_audit(out))
    except (BadInput, RunFailed) as error:
        again = "the same command tries the audit again"
        raise RunFailed(f"{out} is written, and its audit failed: {error}; {again}") from error
    return write_audited(with_audit(document, found))


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
        ModelError: it does hardly better on them than a guess that knows how frequent classes are.
    """
    before = judge(opened.model, sides, opened.task)
    if before.retain.by_loss:
        loss = float(before.retain.loss.mean())
        if loss > opened.task.guess(opened.train):
            raise ModelError(
                f"the loss of the checkpoint on its own training texts is {loss:.2f} nats per token, more than that of a guess "
                "without looking: tokenizer or texts are not those that it was trained with; see --prompt"
            )
        return before
    y = np.asarray(opened.train.y[:].cpu().numpy())
    shares = np.bincount(y) / len(y)
    guess = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    near = shares.max() + (1 - shares.max()) / 4  # a quarter of the way from the most frequent class to all
    if float(before.retain.loss.mean()) > guess and before.retain.accuracy <= near:
        names = ", ".join(f"{at} {name}" for at, name in enumerate(opened.train.categories[:6]))
        raise ModelError(
            f"the checkpoint gets {100 * before.retain.accuracy:.1f} % of its own training data right, and its loss is above that "
            f"of a guess without looking: classes ({names}), inputs or network are not those that it was trained with; see "
            "--class-name and --transform"
        )
    return before


def _tried(job: ForgetJob, setting: TrySetting) -> ChosenTry:
    if job.method is None:
        return automatic(setting, job.say)
    made = attempt(setting, job.method)
    job.say(made.to_text())
    if made.reason:
        raise RunFailed(made.reason)
    return ChosenTry([made], made, "the user named it", setting)


def _alarm(tries: list[Try], document: Document, automatic_choice: bool) -> DamageAlarm:
    """The error of a model that got worse, with what to try."""
    last = next((made for made in reversed(tries) if made.alarms), tries[-1])
    reasons = "; ".join(map(alarm_text, last.alarms)) or last.reason
    obstacle = document["plan"]["retraining"]["obstacle"]
    if automatic_choice and obstacle:
        cure = f"{obstacle}; or raise --budget, or name a method, such as --method NPO"
    elif automatic_choice:
        cure = "say how the model was trained, --steps, so that training again repeats it; or --accept-damage"
    else:
        cure = "lower its lr or epochs, try --method auto or --method Retrain, or --accept-damage"
    return DamageAlarm(f"nothing was written: after {last.method}, {reasons}; {cure}", document)
