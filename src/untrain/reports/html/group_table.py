"""Accuracy by group of examples, as a table: who paid for unlearning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from untrain.reports import formatting
from untrain.reports.html.tables import Cell

SHOWN = 24
_NONE = Cell("–")


@dataclass(frozen=True)
class Payer:
    """A group of examples: name, how many there are, and of test and forget set accuracy, difference and floor."""

    name: str
    examples: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Payers:
    """The groups that paid the most, how many there are, and differences more than chance: beyond the margin, and within it."""

    lines: tuple[Payer, ...]
    count: int
    clear: int
    equal: int


def payers(row: Mapping[str, Any], classes: Sequence[str] | None = None) -> Payers | None:
    """The table of one method; None where there are no groups.

    Args:
        row: the method's, of the document.
        classes: names of the classes; None for their numbers.
    """
    groups, level = row["paid"], row["verdict"]["level"] or 0.0
    if not groups:
        return None
    margin = _margin(row)
    marks = Counter(_mark(group[side], level, margin) for group in groups for side in ("test", "forget"))
    lines = tuple(_line(group, level, margin, classes) for group in groups[:SHOWN])
    return Payers(lines, len(groups), marks["distinguishable"], marks["indistinguishable"])


def _margin(row: Mapping[str, Any]) -> float:
    """The margin of test accuracy, so that a group is judged as the whole test set is; 0 where it was not tested."""
    verdict = row["scores"].get("test_accuracy", {}).get("verdict")
    return float(verdict["margin"]) if verdict else 0.0


def group_name(name: str, classes: Sequence[str] | None) -> str:
    """The name of a group, that of a class with the class's own name."""
    kind, _, number = name.partition(" ")
    return f"class {formatting.label_text(int(number), classes)}" if kind == "class" and number.isdecimal() else name


def _mark(part: Mapping[str, Any] | None, level: float, margin: float) -> str:
    """The mark of a difference that is more than chance: it equals retraining where its interval lies within the margin."""
    if part is None or part["p"] is None or part["p"] > level:
        return ""
    known = part["low"] is not None and part["high"] is not None
    return "indistinguishable" if known and -margin <= part["low"] and part["high"] <= margin else "distinguishable"


def _line(group: Mapping[str, Any], level: float, margin: float, classes: Sequence[str] | None) -> Payer:
    sides = [(side, group[side]) for side in ("test", "forget")]
    sizes = ", ".join(f"{part['examples']:,} {side}" for side, part in sides if part)
    return Payer(
        group_name(group["group"], classes), sizes, tuple(cell for _, part in sides for cell in _cells(part, level, margin))
    )


def _cells(part: Mapping[str, Any] | None, level: float, margin: float) -> tuple[Cell, ...]:
    if part is None:
        return (_NONE, _NONE, _NONE)
    ours, theirs = (formatting.quantity(part[who], "fraction") for who in ("unlearned", "oracle"))
    difference = Cell(
        formatting.quantity(part["difference"], "fraction", gap=True), formatting.interval(part, "fraction", gap=True),
        _mark(part, level, margin), "" if part["p"] is None else formatting.probability(part["p"], "p"),
    )  # fmt: skip
    return Cell(ours, f"retrained {theirs}"), difference, Cell(formatting.quantity(part["floor"], "fraction", gap=True))
