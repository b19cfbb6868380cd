"""Rows and cells of the report's tables, ready to print."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from untrain.evaluation.base import ScoreInfo
from untrain.reports import formatting, verdict_marks
from untrain.reports.headings import CONTROLS, FEWEST, GIVEN, PRIVACY, REPAIR, WRONG, heading

Document = Mapping[str, Any]
Glossary = Mapping[str, ScoreInfo]


@dataclass(frozen=True)
class Cell:
    """A number, its interval, a mark ('outside' of the oracles' band, or what its verdict says), and a remark."""

    value: str
    interval: str = ""
    mark: str = ""
    note: str = ""

    @property
    def sign(self) -> str:
        """The mark as it is seen."""
        return verdict_marks.MARKS[self.mark]

    @property
    def spoken(self) -> str:
        """The mark as it is read aloud."""
        return verdict_marks.SPOKEN.get(self.mark, self.mark)


@dataclass(frozen=True)
class MethodRow:
    """A row of a table: number in the chart, label, what it is, cells, or the error in their place; and the method in full."""

    number: int | None
    name: str
    kind: str
    cells: tuple[Cell, ...] = ()
    error: str = ""
    spec: str = ""


@dataclass(frozen=True)
class Column:
    """A column: score, heading, what it measures, and the element of the page that says more, if any."""

    name: str
    heading: str
    means: str
    link: str = ""


@dataclass(frozen=True)
class Table:
    """Columns, a line for each method, and the lines that methods are read against.

    It is undecided where there are too few models to tell any score: its cells then have no mark for it, since all would have one.
    """

    columns: tuple[Column, ...]
    lines: tuple[MethodRow, ...]
    references: tuple[MethodRow, ...] = ()
    dearer: tuple[MethodRow, ...] = ()
    undecided: bool = False


VERDICT = Column("verdict", "Verdict", "what the protocol, and the test of all scores together, say of the method", "tested")
GIVEN_AWAY = Column(
    "given_away", "Forget examples recognisable",
    "examples to forget that the models know better, or less well, than retrained models do, by more than chance",
    "reading-examples",
)  # fmt: skip
COST = Column("cost", "Cost, share of retraining", "floating-point operations")


def labels_of(document: Document) -> dict[str, str]:
    """Short label of each method of a run."""
    return formatting.lettered([row["method"] for row in document["results"]])


def specs(document: Document) -> list[tuple[int, str, str]]:
    """Number, label and spelling in full of each method."""
    labels = labels_of(document)
    return [(at, labels[row["method"]], formatting.label(row["method"])) for at, row in enumerate(document["results"], 1)]


def is_gap(about: ScoreInfo) -> bool:
    """Return whether a score is a difference and so can be negative."""
    return about.low < 0


def noisy(document: Document) -> bool:
    """Return whether some label is known to be wrong, so that scores on true labels exist."""
    return any("forget_true_accuracy" in row["scores"] for row in document["results"])


def comparison(document: Document, glossary: Glossary, repair: bool) -> Table:
    """The first table: chosen scores and cost of each method, and what retraining and the original have.

    Args:
        document: a run's scores.
        glossary: what each score is.
        repair: whether wrong labels are to be forgotten.
    """
    rows = document["results"]
    wanted, labels = (REPAIR, WRONG) if repair else (PRIVACY, GIVEN if noisy(document) else None)
    names = _shown(rows, wanted, glossary)
    costly = known(document)
    columns = (
        VERDICT,
        GIVEN_AWAY,
        *(Column(n, heading(n, labels), glossary[n].means, f"score-{n}") for n in names),
        *([COST] if costly else []),
    )
    dearer = document["break_even"]["methods"]
    labels = labels_of(document)
    lines = [
        (row["method"] in dearer, _method(i, row, labels[row["method"]], names, glossary, costly)) for i, row in enumerate(rows, 1)
    ]
    marks = {cell.mark for _, line in lines for cell in line.cells[1:]} - {""}
    undecided = marks == {"too few models"}
    if undecided:
        lines = [(dear, unmarked(line)) for dear, line in lines]
    cheaper, above = (tuple(line for dear, line in lines if dear is side) for side in (False, True))
    return Table(columns, cheaper, _references(document, names, glossary, costly), above, undecided)


def unmarked(line: MethodRow) -> MethodRow:
    """A row whose cells after the verdict have no mark."""
    return replace(line, cells=(*line.cells[:1], *(replace(cell, mark="") for cell in line.cells[1:])))


def known(document: Document) -> bool:
    """Return whether the cost of methods is known, as it is not of models made elsewhere."""
    return any(row["cost"].get("seconds") is not None for row in document["results"])


def _shown(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str], glossary: Glossary) -> list[str]:
    """Those of the wanted scores that have a value for some method; where these are few, tested ones besides."""
    valued = {n for row in rows for n, score in row["scores"].items() if score["value"] is not None}
    # Where whole classes go, test accuracy mixes what should fall with what should stay, and both have columns of their own.
    mixed = {"test_accuracy"} if "test_staying_accuracy" in valued else set[str]()
    names = [n for n in wanted if n in valued and n in glossary and n not in mixed]
    tested = [n for row in rows if row["verdict"] for n in row["verdict"]["tested"] if n in glossary]
    more = [n for n in dict.fromkeys(tested) if n not in names]
    return names + more[: max(0, FEWEST - len(names))]


def _method(at: int, row: Mapping[str, Any], label: str, names: list[str], glossary: Glossary, costly: bool) -> MethodRow:
    kind = CONTROLS.get(row["method"], ", ".join(filter(None, [formatting.kind_of(row), formatting.limits(row)])))
    spec = formatting.label(row["method"])
    if row["error"]:
        return MethodRow(at, label, "did not run", error=row["error"], spec=spec)
    cells = [given_away(row), *(tested_cell(row["scores"].get(n), glossary[n]) for n in names)]
    says, much = verdict_marks.short(row)
    verdict = Cell(says, verdict_marks.reason(row), says, much)
    spent, seconds = (formatting.share(row["cost"].get(f"share_of_{what}")) for what in ("retraining", "seconds"))
    spent = formatting.operations(spent, row["cost"], "share_of_retraining")
    cost = [Cell(spent, f"time {seconds}")] if costly else []
    return MethodRow(at, label, kind, (verdict, *cells, *cost), spec=spec)


def given_away(row: Mapping[str, Any]) -> Cell:
    """The number of forget examples that give a method's models away, and in which ways."""
    counts = row["verdict"]["counts"]
    if row["verdict"]["chance"] is None:
        return Cell("–", note="not tested: it takes at least 3 retrained models, not all alike, and a forget set")
    better, less = counts["recognised"], counts["standing_out"]
    ways = [words for words, count in (("known better", better), ("known less well", less)) if count]
    shown = f"{better + less:,} of {counts['forget']:,}"
    return Cell(shown, " or ".join(ways), "distinguishable" if ways else "")


def tested_cell(score: Mapping[str, Any] | None, about: ScoreInfo) -> Cell:
    """A score as a cell whose interval is that of its test where it has one, so that it cannot contradict the mark.

    Args:
        score: of a method, as the document holds it.
        about: its entry.
    """
    shown = cell(score, about)
    verdict = score["verdict"] if score and score["value"] is not None else None
    if score is None or verdict is None:
        return shown
    if verdict["low"] is None:
        differs = verdict["says"] == "distinguishable"
        return replace(shown, interval=formatting.probability(verdict["p"], "p") if differs else shown.interval)
    sign = -1 if about.verdict_of and is_gap(about) else 1
    ends = sorted((score["value"] + sign * (verdict[end] - verdict["difference"]), verdict[end] == 0) for end in ("low", "high"))
    low, high = (formatting.quantity(min(max(at, about.low), about.high), about.unit, is_gap(about)) for at, _ in ends)
    if verdict["says"] == "distinguishable":
        low, high = (f"{sign_} {end}" if bare else end for sign_, end, (_, bare) in zip("><", (low, high), ends, strict=True))
    return replace(shown, interval=f"{low} to {high}".replace(f"{formatting.PERCENT} to", " to").removesuffix(formatting.PERCENT))


def cell(score: Mapping[str, Any] | None, about: ScoreInfo) -> Cell:
    """A score as a cell, marked by its verdict, or where it has none, by whether it lies outside the band."""
    if score is None or score["value"] is None:
        return Cell("–", note=score["reason"] if score else "not computed")
    band, value, verdict = score["band"], score["value"], score["verdict"]
    mark = verdict["says"] if verdict else "outside" if band and not band[0] <= value <= band[1] else ""
    gap = is_gap(about)
    note = verdict_marks.why(verdict) if verdict else score["note"] or ""
    return Cell(formatting.quantity(value, about.unit, gap), formatting.interval(score, about.unit, gap), mark, note)


def _references(document: Document, names: list[str], glossary: Glossary, costly: bool) -> tuple[MethodRow, ...]:
    """The ideal, the floor and the ceiling; each is the same for all methods of a run."""
    done: Mapping[str, Any] = next((r["scores"] for r in document["results"] if not r["error"]), {})
    wanted = (
        ("ideal", "Reference: retrained models", "what all are compared with"),
        ("floor", "Floor: reference against itself", "what chance does"),
        ("ceiling", "Ceiling: original models", "nothing forgotten"),
    )
    lines = []
    for end, name, kind in wanted:
        cells = [Cell(formatting.quantity(done.get(n, {}).get(end), glossary[n].unit, is_gap(glossary[n]))) for n in names]
        cost = [Cell(formatting.share(1.0) if end == "ideal" else "")] if costly else []
        if any(done.get(n, {}).get(end) is not None for n in names):
            lines.append(MethodRow(None, name, kind, (Cell(""), Cell(""), *cells, *cost)))
    return tuple(lines)


def missing(document: Document) -> list[tuple[str, list[str]]]:
    """Scores without a value by reason: reason, names of the scores."""
    by_reason: dict[str, list[str]] = {}
    for row in document["results"]:
        for name, score in row["scores"].items():
            if score["value"] is None and name not in by_reason.setdefault(score["reason"], []):
                by_reason[score["reason"]].append(name)
    return list(by_reason.items())


def notes(document: Document, glossary: Glossary) -> list[tuple[str, list[str], list[str]]]:
    """Remarks on scores: remark, scores, methods that it is made on. A verdict takes the place of what the band says."""
    by_note: dict[str, tuple[list[str], list[str]]] = {}
    labels = labels_of(document)
    for row in document["results"]:
        for name, score in row["scores"].items():
            if not score["note"] or (score["verdict"] and score["note"] == glossary[name].below):
                continue
            scores, methods = by_note.setdefault(score["note"], ([], []))
            scores.extend([name] if name not in scores else [])
            label = labels[row["method"]]
            methods.extend([label] if label not in methods else [])
    return [(note, scores, methods) for note, (scores, methods) in by_note.items()]


def happened(document: Document) -> list[tuple[str, str]]:
    """Notes of the methods' runs: methods, note; those of one method that differ by numbers alone are of different models."""
    by_note: dict[str, list[str]] = {}
    labels = labels_of(document)
    for row in document["results"]:
        kinds = Counter(_numberless(note) for note in row["notes"])
        for note in row["notes"]:
            of_some = f"on some of its models, {note}" if kinds[_numberless(note)] > 1 else note
            by_note.setdefault(of_some, []).append(labels[row["method"]])
    return [(", ".join(methods), note) for note, methods in by_note.items()]


def _numberless(note: str) -> str:
    return re.sub(r"\d+", "0", note)
