"""The table of what brings the forget set back: after the fact, models are changed and asked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from untrain.reports import formatting
from untrain.reports.headings import heading
from untrain.reports.html.tables import Cell, Column, Document, Glossary, labels_of, tested_cell

# Scores of models that were changed once they had forgotten, in the order of the columns.
AFTER = ("quantized_forget", "pruned_forget", "continued_forget", "relearn_time", "few_shot_forget", "steered_forget")
REFERENCES = {"ideal": "Retrained models", "ceiling": "Original models"}


@dataclass(frozen=True)
class ComesBack:
    """Columns, a label with cells for each method, and the same of models to compare with."""

    columns: tuple[Column, ...]
    methods: tuple[tuple[str, tuple[Cell, ...]], ...]
    references: tuple[tuple[str, tuple[Cell, ...]], ...]


def comes_back(document: Document, glossary: Glossary) -> ComesBack | None:
    """The table of a run; None where no observer changed its models.

    Args:
        document: a run's scores.
        glossary: all scores.
    """
    done = [row for row in document["results"] if row["error"] is None]
    names = [n for n in AFTER if n in glossary and any(_value(row["scores"], n) is not None for row in done)]
    if not names:
        return None
    labels = labels_of(document)
    columns = tuple(Column(n, heading(n), glossary[n].means, f"score-{n}") for n in names)
    methods = tuple((labels[r["method"]], tuple(tested_cell(r["scores"].get(n), glossary[n]) for n in names)) for r in done)
    references = tuple(
        (label, tuple(_reference(done[0]["scores"].get(n), end, glossary[n].unit) for n in names))
        for end, label in REFERENCES.items()
    )
    return ComesBack(columns, methods, references)


def _value(scores: Document, name: str) -> Any:
    return scores.get(name, {}).get("value")


def _reference(score: Document | None, end: str, unit: str) -> Cell:
    return Cell("–") if score is None or score[end] is None else Cell(formatting.quantity(score[end], unit))
