"""Accuracy by group of examples, as a table: who paid for unlearning."""

from __future__ import annotations

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
    """The groups that paid the most, the number of groups, and the number of differences that are more than chance."""

    lines: tuple[Payer, ...]
    count: int
    clear: int


def payers(row: Mapping[str, Any], classes: Sequence[str] | None = None) -> Payers | None:
    """The table of one method; None where there are no groups.

    Args:
        row: the method's, of the document.
        classes: names of the classes; None for their numbers.
    """
    groups, level = row["paid"], row["verdict"]["level"] or 0.0
    if not groups:
        return None
    clear = sum(_clear(group[side], level) for group in groups for side in ("test", "forget"))
    return Payers(tuple(_line(group, level, classes) for group in groups[:SHOWN]), len(groups), clear)


def group_name(name: str, classes: Sequence[str] | None) -> str:
    """The name of a group, that of a class with the class's own name."""
    kind, _, number = name.partition(" ")
    return f"class {formatting.label_text(int(number), classes)}" if kind == "class" and number.isdecimal() else name


def _clear(part: Mapping[str, Any] | None, level: float) -> bool:
    return bool(part) and part["p"] is not None and part["p"] <= level  # type: ignore[index]


def _line(group: Mapping[str, Any], level: float, classes: Sequence[str] | None) -> Payer:
    sides = [(side, group[side]) for side in ("test", "forget")]
    sizes = ", ".join(f"{part['examples']:,} {side}" for side, part in sides if part)
    return Payer(group_name(group["group"], classes), sizes, tuple(cell for _, part in sides for cell in _cells(part, level)))


def _cells(part: Mapping[str, Any] | None, level: float) -> tuple[Cell, ...]:
    if part is None:
        return (_NONE, _NONE, _NONE)
    ours, theirs = (formatting.quantity(part[who], "fraction") for who in ("unlearned", "oracle"))
    difference = Cell(
        formatting.quantity(part["difference"], "fraction", gap=True), formatting.interval(part, "fraction", gap=True),
        "distinguishable" if _clear(part, level) else "", "" if part["p"] is None else formatting.probability(part["p"], "p"),
    )  # fmt: skip
    return Cell(ours, f"retrained {theirs}"), difference, Cell(formatting.quantity(part["floor"], "fraction", gap=True))
