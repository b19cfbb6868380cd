"""What a search found, as a document and as lines of a table; both say whether oracles were looked at."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from untrain.core.search_space import Choices, Dimension
from untrain.experiments.search.study import ENDED, Search, untouched

Document = dict[str, Any]
COLUMNS = (
    "number", "state", "value", "valid", "alike", "forget", "oracle_forget", "share_of_retraining", "seconds", "models", "error",
)  # fmt: skip


def document(at: Search, command: str = "") -> Document:
    """All trials of a search, the best first, as one JSON-able document."""
    rows = sorted((_row(t) for t in at.study.told() if t.state in ENDED), key=_rank)
    nothing, parts = untouched(at)
    hunt = at.hunt
    return {
        "search": at.key, "scenario": repr(hunt.scenario), "method": repr(hunt.method), "objective": at.aim.label,
        "oracle_guided": at.aim.oracle, "means": at.aim.means, "notes": _notes(at, rows, nothing),
        "seeds": hunt.seeds, "seed": hunt.seed, "space": {name: _told(d) for name, d in hunt.space.items()},
        "counts": {state: sum(row["state"] == state for row in rows) for state in ENDED},
        "best": rows[0] if rows and rows[0]["state"] == "done" else None,
        "untouched": {"value": nothing, **parts}, "importance": at.study.importance(), "trials": rows,
        "command": command.encode("utf-8", "backslashreplace").decode("utf-8"),
    }  # fmt: skip


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


def _told(dimension: Dimension) -> Document:
    return {"choices": list(map(repr, dimension.values))} if isinstance(dimension, Choices) else asdict(dimension)


def _notes(at: Search, rows: list[Document], nothing: float) -> list[str]:
    notes = [at.aim.note] if at.aim.note else []
    if rows and rows[0]["state"] == "done" and rows[0]["value"] <= nothing:
        notes.append(f"no trial is better than leaving the models as they are, which scores {nothing:.3f}")
    same = {row["method"] for row in rows if row["state"] == "done" and row["value"] == rows[0]["value"]}
    if len(same) > 1:
        notes.append(f"{len(same)} methods share the best value; the one found first is named")
    return notes


def csv_of(found: Document) -> str:
    """One line for each trial."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(("scenario", "objective", "oracle_guided", "method", *COLUMNS))
    for row in found["trials"]:
        told = (found["scenario"], found["objective"], found["oracle_guided"], row["method"])
        table.writerow((*told, *(row[c] for c in COLUMNS)))
    return text.getvalue()
