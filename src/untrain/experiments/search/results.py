"""The results of a search, as a document and as lines of a table; both say whether the search used oracles."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from untrain.core.escapes import csv_row
from untrain.core.search_space import Choices, Dimension
from untrain.experiments.search.study import ENDED, Search, score_untouched

if TYPE_CHECKING:
    from untrain.experiments.search.optuna import Study

Document = dict[str, Any]
COLUMNS = (
    "number", "state", "value", "valid", "alike", "forget", "oracle_forget", "share_of_retraining", "seconds", "models", "error",
)  # fmt: skip


def document(search: Search, command: str = "") -> Document:
    """All trials of a search, the best first, as one JSON-able document."""
    rows = ended_trials(search.study)
    nothing, parts = score_untouched(search)
    spec, task = search.spec, search.scene.task
    return {
        "search": search.key, "scenario": repr(spec.scenario), "method": repr(spec.method), "objective": search.aim.label,
        "oracle_guided": search.aim.oracle, "means": search.means, "of": search.aim.success(task).mean,
        "notes": _notes(search, rows, nothing),
        "seeds": spec.seeds, "seed": spec.seed, "space": {name: _dimension(d) for name, d in spec.space.items()},
        "counts": {state: sum(row["state"] == state for row in rows) for state in ENDED},
        "best": rows[0] if rows and rows[0]["state"] == "done" else None,
        "untouched": {"value": nothing, **parts}, "importance": search.study.importance(), "trials": rows,
        "command": command.encode("utf-8", "backslashreplace").decode("utf-8"),
    }  # fmt: skip


def ended_trials(study: Study) -> list[Document]:
    """The trials of a study that have ended, the best first."""
    return sorted((_row(t) for t in study.records() if t.state in ENDED), key=_rank)


def _row(trial: Any) -> Document:
    facts = trial.facts
    parts, cost = facts.get("parts", {}), facts.get("cost", {})
    return {
        "number": trial.number, "method": facts.get("method"), "state": trial.state, "value": trial.value,
        "valid": parts.get("valid"), "alike": parts.get("alike"), "forget": parts.get("forget"),
        "oracle_forget": parts.get("oracle_forget"),
        "share_of_retraining": cost.get("share_of_retraining"), "seconds": cost.get("seconds"), "models": facts.get("models", 0),
        "given": facts.get("given", False), "error": facts.get("error"),
    }  # fmt: skip


def _rank(row: Document) -> tuple[int, float, int]:
    """The finished by their value, then those that were ended early, then the failed."""
    return ENDED.index(row["state"]), -(row["value"] or 0.0), row["number"]


def _dimension(dimension: Dimension) -> Document:
    return {"choices": list(map(repr, dimension.values))} if isinstance(dimension, Choices) else asdict(dimension)


def _notes(search: Search, rows: list[Document], nothing: float) -> list[str]:
    notes = [*search.scene.notes, *([search.aim.note] if search.aim.note else [])]
    if rows and rows[0]["state"] == "done" and rows[0]["value"] <= nothing:
        notes.append(f"no trial is better than leaving the models as they are, which scores {nothing:.3f}")
    same = {row["method"] for row in rows if row["state"] == "done" and row["value"] == rows[0]["value"]}
    if len(same) > 1:
        notes.append(f"{len(same)} methods share the best value; the one found first is named")
    return notes


def csv_of(search: Document) -> str:
    """One line for each trial of a search's document."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("scenario", "objective", "oracle_guided", "method", *COLUMNS))
    for row in search["trials"]:
        head = (search["scenario"], search["objective"], search["oracle_guided"], row["method"])
        table.writerow(csv_row((*head, *(row[c] for c in COLUMNS))))
    return text.getvalue()
