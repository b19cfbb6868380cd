"""Rows and cells of the report's tables, ready to print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from untrain.core.evaluator import About, Score
from untrain.core.records import Cost, Guard
from untrain.describe import documented
from untrain.pages import text
from untrain.pages.words import CONTROLS, GIVEN, PRIVACY, REPAIR, WRONG, heading

Document = Mapping[str, Any]
Glossary = Mapping[str, About]


@dataclass(frozen=True)
class Cell:
    """A number, its interval, whether it lies outside the oracles' band, and a remark."""

    value: str
    interval: str = ""
    outside: bool = False
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table: number in the chart, name, what it is, cells; or the error in their place."""

    number: int | None
    name: str
    kind: str
    cells: tuple[Cell, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Column:
    """A column: score, heading and what it measures."""

    name: str
    heading: str
    means: str


@dataclass(frozen=True)
class Table:
    """Columns, a line for each method, and the lines that methods are read against."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    references: tuple[Line, ...] = ()
    dearer: tuple[Line, ...] = ()


def is_gap(about: About) -> bool:
    """Whether a score is a difference and so can be negative."""
    return about.low < 0


def noisy(document: Document) -> bool:
    """Whether some label is known to be wrong, so that scores on true labels exist."""
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
    names = [n for n in wanted if n in glossary and any(n in row["scores"] for row in rows)]
    columns = tuple(Column(n, heading(n, labels), glossary[n].means) for n in names)
    dearer = document["break_even"]["methods"]
    lines = [(row["method"] in dearer, _method(i, row, names, glossary)) for i, row in enumerate(rows, 1)]
    cheaper, above = (tuple(line for dear, line in lines if dear is side) for side in (False, True))
    return Table(columns, cheaper, _references(document, names, glossary), above)


def _method(at: int, row: Mapping[str, Any], names: list[str], glossary: Glossary) -> Line:
    kind = CONTROLS.get(row["method"], text.kind_of(row))
    if row["error"]:
        return Line(at, text.label(row["method"]), "failed", error=row["error"])
    cells = [cell(row["scores"].get(n), glossary[n]) for n in names]
    cost = row["cost"]
    cells.append(Cell(text.share(cost["share_of_retraining"]), f"time {text.share(cost['share_of_seconds'])}"))
    return Line(at, text.label(row["method"]), kind, tuple(cells))


def cell(score: Mapping[str, Any] | None, about: About) -> Cell:
    """A score as a cell."""
    if score is None or score["value"] is None:
        return Cell("–", note=score["reason"] if score else "not computed")
    band, value = score["band"], score["value"]
    outside = bool(band) and not band[0] <= value <= band[1]
    gap = is_gap(about)
    return Cell(text.quantity(value, about.unit, gap), text.interval(score, about.unit, gap), outside, score["note"] or "")


def _references(document: Document, names: list[str], glossary: Glossary) -> tuple[Line, ...]:
    """The ideal, the floor and the ceiling; each is the same for all methods of a run."""
    done: Mapping[str, Any] = next((r["scores"] for r in document["results"] if not r["error"]), {})
    wanted = (
        ("ideal", "Retrained models", "the ideal"),
        ("floor", "Retrained models against each other", "floor"),
        ("ceiling", "Original models", "ceiling"),
    )
    made = []
    for end, name, kind in wanted:
        found = [Cell(text.quantity(done.get(n, {}).get(end), glossary[n].unit, is_gap(glossary[n]))) for n in names]
        cost = Cell(text.share(1.0) if end == "ideal" else "")
        made.append(Line(None, name, kind, (*found, cost)))
    return tuple(made)


def every(document: Document, glossary: Glossary) -> list[tuple[Column, list[tuple[str, Cell, dict[str, str]]]]]:
    """All scores that have a value: for each, every method's with floor, ceiling, ideal and band."""
    found = []
    for name, about in glossary.items():
        lines = [
            (text.label(row["method"]), cell(row["scores"][name], about), _evidence(row["scores"][name], about))
            for row in document["results"]
            if row["scores"].get(name, {}).get("value") is not None
        ]
        if lines:
            found.append((Column(name, heading(name), about.means), lines))
    return found


def _evidence(score: Mapping[str, Any], about: About) -> dict[str, str]:
    gap = is_gap(about)
    shown = {end: text.quantity(score[end], about.unit, gap) for end in ("floor", "ceiling", "ideal")}
    low, high = score["band"] or (None, None)
    band = f"{text.quantity(low, about.unit, gap)} to {text.quantity(high, about.unit, gap)}" if score["band"] else "–"
    return shown | {"band": band, "resampled": score["resampled"] or "–"}


def missing(document: Document) -> list[tuple[str, list[str]]]:
    """Scores without a value by reason: reason, names of the scores."""
    found: dict[str, list[str]] = {}
    for row in document["results"]:
        for name, score in row["scores"].items():
            if score["value"] is None and name not in found.setdefault(score["reason"], []):
                found[score["reason"]].append(name)
    return list(found.items())


def notes(document: Document) -> list[tuple[str, str, list[str]]]:
    """Remarks on scores: score, remark, methods that it is made on."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in document["results"]:
        for name, score in row["scores"].items():
            if score["note"]:
                found.setdefault((name, score["note"]), []).append(text.label(row["method"]))
    return [(name, note, methods) for (name, note), methods in found.items()]


def happened(document: Document) -> list[tuple[str, str]]:
    """What happened on the way, with the methods to which it did."""
    found: dict[str, list[str]] = {}
    for row in document["results"]:
        for note in row["notes"]:
            found.setdefault(note, []).append(text.label(row["method"]))
    return [(", ".join(methods), note) for note, methods in found.items()]


def costs(document: Document) -> Table:
    """What each method took, with its share of retraining's, and what retraining took."""
    heads = (
        ("flops", "Operations"), ("forward", "Examples forward"), ("backward", "Examples backward"), ("seconds", "Seconds"),
        ("peak", "Peak memory, MB"),
    )  # fmt: skip
    words = documented(Cost)
    columns = tuple(Column(n, h, words[n]) for n, h in heads)
    rows = [(i, r) for i, r in enumerate(document["results"], 1) if not r["error"]]
    lines = tuple(Line(i, text.label(r["method"]), "", _spent(r["cost"])) for i, r in rows)
    return Table(columns, lines, (Line(None, "Retrained models", "", _spent(document["oracle_cost"])),))


def _spent(cost: Mapping[str, Any]) -> tuple[Cell, ...]:
    shown = (
        (text.significant(cost["flops"]), "share_of_retraining"), (text.digits(cost["forward"], 0), "share_of_examples"),
        (text.digits(cost["backward"], 0), "share_of_backward"), (text.digits(cost["seconds"], 2), "share_of_seconds"),
        (text.digits(None if cost["peak"] is None else cost["peak"] / 1e6, 0), "share_of_peak"),
    )  # fmt: skip
    return tuple(Cell(value, text.share(cost[of])) for value, of in shown)


def guard(document: Document) -> Table:
    """What each method did to the weights."""
    heads = (
        ("may_move", "May move"), ("moved_share", "Moved"), ("moved_norm", "Length of the move"),
        ("outside_mask_max", "Largest move outside"), ("buffer_drift", "Batch-norm drift"),
    )  # fmt: skip
    words = documented(Guard)
    columns = tuple(Column(n, h, words[n]) for n, h in heads)
    rows = [(i, r) for i, r in enumerate(document["results"], 1) if not r["error"]]
    return Table(columns, tuple(_guarding(i, r) for i, r in rows))


def _guarding(at: int, row: Mapping[str, Any]) -> Line:
    held = row["guard"]
    shown = [text.share(held["may_move"]), text.share(held["moved_share"]), text.significant(held["moved_norm"])]
    shown += [text.significant(held["outside_mask_max"]), text.significant(held["buffer_drift"])]
    return Line(at, text.label(row["method"]), "", tuple(map(Cell, shown)))


def terms() -> dict[str, str]:
    """What value, interval, floor, ceiling, ideal and band mean, from the record that holds them."""
    words = documented(Score)
    return {name: words[name] for name in ("floor", "ceiling", "ideal", "band", "resampled")}
