"""Rows and cells of the report's tables, ready to print."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from untrain.core.describe import documented
from untrain.core.metering import Cost
from untrain.evaluation.base import ScoreInfo
from untrain.reports import formatting, verdict_marks
from untrain.reports.headings import CONTROLS, FEWEST, GIVEN, PRIVACY, REPAIR, WRONG, heading
from untrain.reports.tally import KINDS
from untrain.training.guard import Guard

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
    """Columns, a line for each method, and the lines that methods are read against."""

    columns: tuple[Column, ...]
    lines: tuple[MethodRow, ...]
    references: tuple[MethodRow, ...] = ()
    dearer: tuple[MethodRow, ...] = ()


VERDICT = Column("verdict", "Verdict", "what the protocol, and the test of all scores together, say of the method", "tested")
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
        *(Column(n, heading(n, labels), glossary[n].means, f"score-{n}") for n in names),
        *([COST] if costly else []),
    )
    dearer = document["break_even"]["methods"]
    labels = labels_of(document)
    lines = [
        (row["method"] in dearer, _method(i, row, labels[row["method"]], names, glossary, costly)) for i, row in enumerate(rows, 1)
    ]
    cheaper, above = (tuple(line for dear, line in lines if dear is side) for side in (False, True))
    return Table(columns, cheaper, _references(document, names, glossary, costly), above)


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
    cells = [cell(row["scores"].get(n), glossary[n]) for n in names]
    says, much = verdict_marks.short(row)
    verdict = Cell(says, KINDS.get(row["verdict"]["outcome"], ""), says, much)
    spent, seconds = (formatting.share(row["cost"].get(f"share_of_{what}")) for what in ("retraining", "seconds"))
    spent = formatting.operations(spent, row["cost"], "share_of_retraining")
    cost = [Cell(spent, f"time {seconds}")] if costly else []
    return MethodRow(at, label, kind, (verdict, *cells, *cost), spec=spec)


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
        ("ideal", "Retrained models", "the ideal"),
        ("floor", "Retrained models against each other", "floor"),
        ("ceiling", "Original models", "ceiling"),
    )
    lines = []
    for end, name, kind in wanted:
        cells = [Cell(formatting.quantity(done.get(n, {}).get(end), glossary[n].unit, is_gap(glossary[n]))) for n in names]
        cost = [Cell(formatting.share(1.0) if end == "ideal" else "")] if costly else []
        if any(done.get(n, {}).get(end) is not None for n in names):
            lines.append(MethodRow(None, name, kind, (Cell(""), *cells, *cost)))
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
    """Notes of the methods' runs: methods, note."""
    by_note: dict[str, list[str]] = {}
    labels = labels_of(document)
    for row in document["results"]:
        for note in row["notes"]:
            by_note.setdefault(note, []).append(labels[row["method"]])
    return [(", ".join(methods), note) for note, methods in by_note.items()]


def costs(document: Document) -> Table:
    """Cost of each method, with its share of retraining's, and cost of retraining."""
    heads = (
        ("flops", "Operations"), ("forward", "Examples forward"), ("backward", "Examples backward"), ("seconds", "Seconds"),
        ("peak", "Peak memory, MB"),
    )  # fmt: skip
    words = documented(Cost)
    columns = tuple(Column(n, h, words[n]) for n, h in heads)
    lines = tuple(_named(document, lambda row: _spent(row["cost"])))
    return Table(columns, lines, (MethodRow(None, "Retrained models", "", _spent(document["oracle_cost"])),))


def _spent(cost: Mapping[str, Any]) -> tuple[Cell, ...]:
    shown = (
        (formatting.operations(formatting.significant(cost.get("flops")), cost, "flops"), "share_of_retraining"),
        (formatting.count(cost.get("forward")), "share_of_examples"),
        (formatting.count(cost.get("backward")), "share_of_backward"),
        (formatting.digits(cost.get("seconds"), 2), "share_of_seconds"),
        (formatting.digits(cost.get("peak") and cost["peak"] / 1e6, 0), "share_of_peak"),
    )  # fmt: skip
    return tuple(Cell(value, formatting.share(cost.get(of))) for value, of in shown)


def guard(document: Document) -> Table:
    """Changes of the weights by each method."""
    heads = (
        ("may_move", "May move"), ("moved_share", "Moved"), ("moved_norm", "Length of the move"),
        ("outside_mask_max", "Largest move outside"), ("buffer_drift", "Batch-norm drift"),
    )  # fmt: skip
    words = documented(Guard)
    columns = tuple(Column(n, h, words[n]) for n, h in heads)
    return Table(columns, tuple(_named(document, _guarding)))


def _named(document: Document, cells: Callable[[Mapping[str, Any]], tuple[Cell, ...]]) -> Iterator[MethodRow]:
    """Yield a row of a table for each method that ran."""
    for (at, label, spec), row in zip(specs(document), document["results"], strict=True):
        if not row["error"]:
            yield MethodRow(at, label, "", cells(row), spec=spec)


def _guarding(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    guarded = row["guard"]
    shown = [
        formatting.share(guarded.get("may_move")),
        formatting.share(guarded.get("moved_share")),
        formatting.significant(guarded.get("moved_norm")),
    ]
    shown += [formatting.significant(guarded.get("outside_mask_max")), formatting.significant(guarded.get("buffer_drift"))]
    return tuple(map(Cell, shown))
