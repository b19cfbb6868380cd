"""Rows of a leaderboard: what the models of each method are on the endpoints, what they cost, how they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from untrain.core.access import KEPT
from untrain.core.errors import DataError
from untrain.evaluation.protocols.endpoints import endpoints, retrained
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.protocols.severity import Yardstick
from untrain.evaluation.protocols.yardstick import alarm
from untrain.experiments.keys import Method
from untrain.experiments.leaderboard.tuning import Tuned
from untrain.experiments.model_facts import cost, guard, notes
from untrain.experiments.results import entries_of, observe
from untrain.experiments.scene import Scene
from untrain.runtime.store import Entry, Store

Document = dict[str, Any]
PROTOCOL = Protocol("standard")
DIGESTS = ("train", "retain", "valid", "seen", "scored")


def digests_of(scene: Scene) -> dict[str, str]:
    """Digests that identify the data and the request of a scene."""
    return {"forget": scene.forget_set.digest, **{name: scene.prints[name] for name in DIGESTS}}


def measure(run: Entry, tuned: Sequence[Tuned], store: Store) -> tuple[Document, list[Document], str]:
    """The yardstick of a run's retrained models, a row for each method, and why the yardstick is unfair, if it is.

    Args:
        run: of the tuned methods, in their order.
        tuned: all methods, those without settings among them.
        store: where the models are.

    Raises:
        DataError: the models have no endpoints.
    """
    models = entries_of(run, store)
    original, oracle = observe(run, models["original"]), observe(run, models["oracle"])
    known = retrained(oracle)
    reference, lacks = endpoints(original, known)
    if not reference:
        raise DataError(f"these models cannot be ranked: {'; '.join(lacks.values())}")
    made = run.record["setting"] | {"date": datetime.now(UTC).date().isoformat()}
    names = [e.name for e in reference]
    yardstick = {
        "endpoints": names, "margins": [e.margin for e in reference], "units": [e.about.unit for e in reference],
        "values": np.stack([e.theirs for e in reference], axis=1).tolist(), "lacks": lacks, "run": run.key, "made": made,
    }  # fmt: skip
    rows = []
    for one in tuned:
        candidate = one.candidate
        row: Document = {
            "name": repr(candidate.method), "method": None if one.method is None else repr(one.method),
            "control": candidate.control, "sees": candidate.sees, "values": None, "cost": {}, "moved": None, "yardstick": 0,
            "trials": list(one.trials), "means": one.means, "untouched": one.untouched, "notes": [one.note] if one.note else [],
            "beforehand": 0, "error": None, "run": run.key, "made": made,
        }  # fmt: skip
        rows.append(row)
        if one.method is None:
            row |= {"error": one.note, "notes": []}
            continue
        entries = models["unlearned"][repr(one.method)]
        failed = [e.record["error"] for e in entries if e.record.get("error")]
        if failed:
            row["error"] = f"{len(failed)} of {len(entries)} models failed: {failed[0]}"
            continue
        found, lacks = endpoints(observe(run, entries), known)
        if [e.name for e in found] != names:
            row["error"] = f"endpoints lack: {'; '.join(lacks.values())}"
            continue
        row |= {
            "values": np.stack([e.ours for e in found], axis=1).tolist(), "cost": cost(entries, models["oracle"]),
            "moved": guard(entries)["moved_share"], "beforehand": models_beforehand(one.method),
            "notes": [*row["notes"], *left_out_of_cost(one.method), *notes(entries)],
        }  # fmt: skip
    return yardstick, rows, alarm(original, oracle)


def models_beforehand(method: Method) -> int:
    """Number of models that a method is made of for each request, beside the one that it changes; its cost leaves them out."""
    models, checks = (0, 0) if method.estimation is None else method.estimation.sizes
    return models + 2 * checks + method.oracles


def left_out_of_cost(method: Method) -> list[str]:
    """The parts that the cost of a method leaves out, in words."""
    models = models_beforehand(method)
    which = "one model" if models == 1 else f"{models:,} models"
    made = [f"its cost leaves out the {which} that it is made of, so the front is without it"] if models else []
    kept = sorted(need.removeprefix(KEPT) for need in method.needed() if need.startswith(KEPT))
    return made + [f"its cost leaves out what {name} did when the models were trained" for name in kept]


def yardstick_of(document: Mapping[str, Any]) -> Yardstick:
    """A stored yardstick, with the margins of the protocol 'standard'."""
    margins = tuple(PROTOCOL.margins[name] for name in document["margins"])
    return Yardstick(tuple(document["endpoints"]), margins, np.asarray(document["values"], dtype=np.float64))
