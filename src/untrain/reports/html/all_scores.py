"""All scores of a run with what they are read against, evaluator by evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from untrain.evaluation.base import ScoreInfo
from untrain.reports import formatting, verdict_marks
from untrain.reports.headings import heading
from untrain.reports.html.tables import Cell, Column, Document, Glossary, cell, is_gap, labels_of


@dataclass(frozen=True)
class Scored:
    """A score of a method with all that it is read against."""

    name: str
    value: Cell
    verdict: Cell
    tested: Mapping[str, str]
    evidence: Mapping[str, str]
    spec: str


@dataclass(frozen=True)
class Group:
    """The scores of one evaluator that have a value: for each, every method's; and how many of them tell something apart."""

    name: str
    scores: tuple[tuple[Column, tuple[Scored, ...]], ...]
    apart: int


def every(document: Document, groups: Mapping[str, Glossary]) -> list[Group]:
    """All scores that have a value, by evaluator.

    Args:
        document: a run's scores.
        groups: evaluator -> its scores.
    """
    grouped = []
    for evaluator, glossary in groups.items():
        listed = [(Column(n, heading(n), a.means, f"score-{n}"), _scored(document, n, a)) for n, a in glossary.items()]
        scored = tuple((column, lines) for column, lines in listed if lines)
        if scored:
            apart = sum(any(line.verdict.mark == "distinguishable" for line in lines) for _, lines in scored)
            grouped.append(Group(evaluator, scored, apart))
    return grouped


def _scored(document: Document, name: str, about: ScoreInfo) -> tuple[Scored, ...]:
    lines, labels = [], labels_of(document)
    for row in document["results"]:
        score = row["scores"].get(name)
        if score is None or score["value"] is None:
            continue
        verdict = score["verdict"]
        verdict_cell = Cell(verdict["says"], verdict_marks.why(verdict), verdict["says"]) if verdict else Cell("not tested")
        plain = replace(cell(score, about), mark="" if verdict else cell(score, about).mark)
        lines.append(
            Scored(
                labels[row["method"]],
                plain,
                verdict_cell,
                verdict_marks.evidence(verdict, about),
                _evidence(score, about),
                formatting.label(row["method"]),
            )
        )
    return tuple(lines)


def _evidence(score: Mapping[str, Any], about: ScoreInfo) -> dict[str, str]:
    gap = is_gap(about)
    shown = {end: formatting.quantity(score[end], about.unit, gap) for end in ("floor", "ceiling", "ideal")}
    low, high = score["band"] or (None, None)
    band = f"{formatting.quantity(low, about.unit, gap)} to {formatting.quantity(high, about.unit, gap)}" if score["band"] else "–"
    return shown | {"band": band, "resampled": score["resampled"] or "–"}
