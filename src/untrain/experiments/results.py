"""From a stored run to its scores: arithmetic on arrays, with no model and no GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from untrain.core.code_digest import code_digest
from untrain.core.errors import DataError
from untrain.core.spec import Spec
from untrain.evaluation.base import Evaluator
from untrain.evaluation.glossary import evaluators
from untrain.evaluation.lazy_stack import LazyStack, held_up_to
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.endpoints import retrained
from untrain.evaluation.protocols.outcome import Evidence, rule
from untrain.evaluation.protocols.outcome_wording import chances
from untrain.evaluation.protocols.power import Power
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.protocols.yardstick import alarm
from untrain.evaluation.scoring.assessment import assess, reference_of
from untrain.evaluation.scoring.design import LEVEL, can_decide, design
from untrain.evaluation.scoring.group_accuracy import accuracy_by_group
from untrain.evaluation.scoring.verdict_wording import sentence
from untrain.evaluation.validation import refuse_not_finite
from untrain.experiments.interim_looks import looks_of, summary
from untrain.experiments.keys import scores_ingredients
from untrain.experiments.mask_overlap import by_layer, compared, has_mask
from untrain.experiments.model_facts import break_even, certificates, cost, guard, notes
from untrain.experiments.observations import absent_observers, are_final, failures, observers_in, values_in
from untrain.experiments.scene import probe_file
from untrain.experiments.stored_run import check_model, check_run
from untrain.experiments.stored_specs import parse_stored
from untrain.models.tasks.base import Task
from untrain.reports.formatting import counted, distinct
from untrain.reports.headings import named
from untrain.reports.material import Material
from untrain.reports.shown import Shown, of_inputs
from untrain.runtime.progress import OnProgress, ProgressTracker
from untrain.runtime.store import Contents, Entry, Store
from untrain.runtime.threads import threads

_HELD = 2**24  # bytes of an output of all models of a population up to which each file is read once


def entries_of(run: Entry, store: Store) -> dict[str, Any]:
    """The entries of a run's models: 'original', 'oracle' and, by method, 'unlearned'.

    Raises:
        DataError: one of them is no longer in the store.
        StoreError: a record says something else than records of runs do.
    """

    def fetch(key: str) -> Entry:
        entry = store.get(key)
        if entry is None:
            raise DataError(f"model {key[:12]} of this run is no longer in {store.path}: run the same command again")
        check_model(entry)
        return entry

    check_run(run)
    models = run.record["ingredients"]["models"]
    return {
        "original": [fetch(k) for k in models["original"]],
        "oracle": [fetch(k) for k in models["oracle"]],
        "unlearned": {m["method"]: [fetch(k) for k in m["keys"]] for m in models["methods"]},
    }


def observe(run: Entry, entries: list[Entry], store: Store | None = None) -> Observation:
    """The outputs of some models of a run, on disk where they are large; with the store, the arrays that observers measured too.

    Raises:
        DataError: an output is NaN or infinite.
    """
    task = task_of(run)

    def on(named: Callable[[str], str]) -> Observation:
        """Their outputs on one set, with arrays under the names that ``named`` gives."""
        outputs = {}
        for name in run.record.get("outputs", task.outputs):
            outputs[name] = held_up_to(_HELD, LazyStack.of([partial(e.array, named(name)) for e in entries]))
            for entry, row in zip(entries, outputs[name], strict=True):
                refuse_not_finite(row, f"model {entry.key[:12]} of run {run.key[:12]}")
        labels, true, side, ids = (np.asarray(run.array(named(n))) for n in ("labels", "true", "side", "ids"))
        owner, covered = (
            np.asarray(run.array(named(n))) if f"{named(n)}.npy" in run.record["files"] else None for n in ("owner", "covered")
        )
        return Observation(outputs, labels, true, side, ids, task=task, owner=owner, covered=covered)

    probes = {probe: on(partial(probe_file, probe)) for probe in run.record.get("probes", ())}
    return replace(on(str), observed={} if store is None else values_in(run, entries, store), probes=probes)


def defaults(run: Entry) -> list[Evaluator]:
    """One of each evaluator, but for those that need a probe that the models of a run lack."""
    return [e for e in evaluators() if e.probes <= set(run.record.get("probes", ()))]


def task_of(run: Entry) -> Task:
    """The task of the models of a run."""
    task: Task = parse_stored(run.record.get("task", "Classification()"), Task)
    return task


def code_of(run: Entry) -> tuple[Spec, ...]:
    """The specs in a run's record; sent to another process, it brings the modules of plug-ins along."""
    return (task_of(run), *observers_in(run))


def material(
    run: Entry, store: Store, document: dict[str, Any], images: bool = True, chosen: list[Evaluator] | None = None
) -> Material:
    """Collect the material of a run's report from the store."""
    models = entries_of(run, store)
    finished = {m: entries for m, entries in models["unlearned"].items() if not any(e.record.get("error") for e in entries)}
    return Material(
        document,
        observe(run, models["original"], store) if models["original"] else None,
        observe(run, models["oracle"], store),
        {m: observe(run, entries, store) for m, entries in finished.items()},
        _shown(run) if images and "forget_inputs.npy" in run.record["files"] else None,
        run.record.get("class_names"),
        (defaults(run) if chosen is None else chosen) + observers_in(run),
        run.record.get("pieces") if images else None,
    )


def _shown(run: Entry) -> list[Shown]:
    return of_inputs(np.asarray(run.array("forget_inputs")), run.record.get("feature_names"))


def score_run(
    run: Entry, store: Store, chosen: list[Evaluator] | None = None, draws: int = 1000, on_progress: OnProgress | None = None,
    protocol: Protocol | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Score a run once; a later report of the same run by the same code reads the document from the store."""
    check_run(run)
    chosen = (defaults(run) if chosen is None else chosen) + observers_in(run)
    unlearned = [e for entries in entries_of(run, store)["unlearned"].values() for e in entries]
    if not all(e.final for e in unlearned) or not are_final(run, store):
        return results(run, store, chosen, draws, None, on_progress, protocol)  # the next start tries failed models again
    ingredients = scores_ingredients(run.key, chosen, draws, code_digest(results), protocol or stated_protocol(run))
    entry = store.get_or_make(
        ingredients, lambda: Contents({"document": results(run, store, chosen, draws, None, on_progress, protocol)})
    )
    return dict(entry.record["document"])


@threads(1)  # twice the time with two: what is computed is small, and threads wait for each other
def results(
    run: Entry, store: Store, chosen: list[Evaluator] | None = None, draws: int = 1000, level: float | None = None,
    on_progress: OnProgress | None = None, protocol: Protocol | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Compute scores, verdicts, cost and guard of every method of a run, as one JSON-able document.

    Args:
        run: its entry.
        store: where the entries of its models are.
        chosen: the evaluators; None for ``defaults``, and the run's observers.
        draws: resamples behind each interval.
        level: share of false alarms of the tests, over all scores of a method; None for the run's own.
        on_progress: called with the number of methods that are scored.
        protocol: whose margins decide whether a method passes; None for what was stated before the models were made.
    """
    chosen = defaults(run) + observers_in(run) if chosen is None else chosen
    outputs = run.record.get("answers", "logits")
    level = run.record.get("level", LEVEL) if level is None else level
    models = entries_of(run, store)
    tracker = ProgressTracker(on_progress, len(models["unlearned"]), what="methods scored")
    tracker.note(f"scoring {counted(len(models['unlearned']), 'method')} on {counted(len(models['oracle']), 'oracle')}")
    original = observe(run, models["original"], store) if models["original"] else None
    reference = reference_of(chosen, observe(run, models["oracle"], store), original, level)
    unfair = alarm(original, reference.oracle) if original else ""
    known = retrained(reference.oracle)
    stated, names, access = stated_protocol(run), distinct(list(models["unlearned"])), access_by_method(run)
    rows = []
    for method, entries in models["unlearned"].items():
        row: dict[str, Any] = {
            "method": method, "sees": access[method], "scores": {}, "verdict": None, "paid": [], "cost": {}, "guard": {},
            "layers": [], "certificates": [], "notes": [], "error": None,
        }  # fmt: skip
        rows.append(row)
        failed = [e.record["error"] for e in entries if e.record.get("error")]
        if failed:
            row["error"] = f"{len(failed)} of {len(entries)} seeds failed: {failed[0]}"
            tracker.finished(method)
            continue
        unlearned = observe(run, entries, store)
        scores, row["verdict"] = assess(reference, unlearned, draws, method)
        tested = {n: s.verdict for n, s in scores.items() if s.verdict is not None and n in row["verdict"]["tested"]}
        judged = Evidence(tested, row["verdict"]["counts"], unfair, named)
        row["verdict"] |= rule(protocol or stated, unlearned, known, original, judged, level).document(names[method])
        row["verdict"]["detail"] = sentence(row["verdict"], {n: asdict(v) for n, v in tested.items()}, method)
        row["paid"] = (
            accuracy_by_group(unlearned, reference.oracle, level) if outputs == "logits" and unlearned.has("classes") else []
        )
        row["scores"] = {n: asdict(s) for n, s in scores.items()}
        row["cost"] = cost(entries, models["oracle"])
        row["guard"] = guard(entries)
        row["layers"] = by_layer(entries)
        if all("curves" in e.record for e in entries):
            row["curves"] = [e.record["curves"] for e in entries]
        row["certificates"] = certificates(entries)
        row["notes"] = notes(entries) + failures(run, entries, store)
        tracker.finished(method)
    record, same = run.record, reference.oracle.coincide()
    if "setting" not in record:
        raise DataError(f"run {run.key[:12]} was made by an older untrain: run the same command again")
    return {
        "untrain": record["setting"]["untrain"], "run": run.key, "scenario": record["scenario"], "seeds": record["seeds"],
        "oracles": record["oracles"], "seed": record["seed"], "sizes": record["sizes"], "digest": record["digest"],
        "answers": outputs, "level": level, "looks": looks_of(record, rows), "chosen": record.get("chosen"),
        "results": rows, "overlap": overlap(models["unlearned"]),
        "oracle_cost": cost(models["oracle"], models["oracle"]), "break_even": break_even(rows),
        "warnings": warnings(record, same) + designed(rows, record, level, same)
                    + [line for line in [unfair, stated_after(protocol, stated)] if line]
                    + [f"{kind} models: {n}" for kind in ("original", "oracle")
                                         for n in notes(models[kind]) + failures(run, models[kind], store)]
                    + absent_observers(run),
        "setting": record["setting"],
    }  # fmt: skip


def access_by_method(run: Entry) -> dict[str, str | None]:
    """Access of each method of a run to data besides the model; None where it was made elsewhere."""
    return {m["method"]: m.get("sees") for m in run.record["ingredients"]["models"]["methods"]}


def stated_protocol(run: Entry) -> Protocol:
    """The protocol that was stated before a run's models were made; the usual one where none was."""
    protocol: Protocol = parse_stored(run.record.get("protocol", "Protocol()"), Protocol)
    return protocol


def stated_after(protocol: Protocol | None, stated: Protocol) -> str:
    """A warning where margins were chosen when models were there already to choose them by."""
    if protocol is None or protocol == stated:
        return ""
    return f"the protocol {protocol.label} was chosen after the models were made; before, {stated.label} was stated"


def designed(rows: list[dict[str, Any]], record: dict[str, Any], level: float, same: bool) -> list[str]:
    """Limits of so many models in finding or passing, where any method was tested; nothing where they are enough."""
    tested = [row["verdict"] for row in rows if row["scores"]]
    few = tested and not can_decide(record["seeds"], record["oracles"], level)
    lines = [design(record["seeds"], record["oracles"], level, spread=not same)] if few else []
    powers = (Power(**verdict["power"]) for verdict in tested if verdict["power"])
    lines += [f"by protocol {tested[0]['protocol']}, {chances(power)}" for power in powers if not power.enough][:1]
    return [line for line in lines if line]


def overlap(unlearned: dict[str, list[Entry]]) -> list[dict[str, Any]]:
    """Overlap of the masks of each pair of methods on the same models."""
    with_masks = {method: entries for method, entries in unlearned.items() if has_mask(entries)}
    return [
        {"one": one, "other": other, **compared(list(zip(with_masks[one], with_masks[other], strict=True)))}
        for one, other in combinations(with_masks, 2)
    ]


def warnings(record: dict[str, Any], same: bool = False) -> list[str]:
    """Warnings that a reader needs besides the scores; ``same`` where all oracles are one model."""
    chosen = record.get("chosen")
    lines = [*([chosen["told"]] if chosen else []), *record.get("warnings", ()), *summary(record)]
    duplicates = record["duplicates"]
    if duplicates is not None and duplicates["near"]:
        lines.append(
            f"{duplicates['near']} of {duplicates['forget']} forget examples have a near-duplicate left in the retain set "
            f"({duplicates['exact']} exact): models learn from these what they were to forget"
        )
    if same:
        lines.append(
            f"the learner gives one model for every seed, so the {record['oracles']} retrained models are the same one, which "
            "stands for all, and spread over seeds is zero: any difference to it is a difference to retraining, intervals allow "
            "for examples alone, and scores of how models spread have no value"
        )
    elif record["seeds"] == 1:
        lines.append("one seed does not show how models differ: intervals leave that out and are too narrow")
    elif record["seeds"] < 4:
        lines.append(f"{record['seeds']} seeds show little of how models differ: intervals are wide for it")
    return lines
