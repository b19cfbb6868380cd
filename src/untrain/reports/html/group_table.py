"""Who paid for unlearning, as a table."""

from __future__ import annotations

from collections.abc import Mapping
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
    """The groups that paid the most, how many groups there are, and how many of their differences are no chance."""

    lines: tuple[Payer, ...]
    count: int
    clear: int


def payers(row: Mapping[str, Any]) -> Payers | None:
    """The table of one method; None where there are no groups."""
    found, level = row["paid"], row["verdict"]["level"] or 0.0
    if not found:
        return None
    clear = sum(_clear(entry[side], level) for entry in found for side in ("test", "forget"))
    return Payers(tuple(_line(entry, level) for entry in found[:SHOWN]), len(found), clear)


def _clear(part: Mapping[str, Any] | None, level: float) -> bool:
    return bool(part) and part["p"] is not None and part["p"] <= level  # type: ignore[index]


def _line(entry: Mapping[str, Any], level: float) -> Payer:
    sides = [(side, entry[side]) for side in ("test", "forget")]
    told = ", ".join(f"{part['examples']:,} {side}" for side, part in sides if part)
    return Payer(entry["group"], told, tuple(cell for _, part in sides for cell in _cells(part, level)))


def _cells(part: Mapping[str, Any] | None, level: float) -> tuple[Cell, ...]:
    if part is None:
        return (_NONE, _NONE, _NONE)
    ours, theirs = (formatting.quantity(part[who], "fraction") for who in ("unlearned", "oracle"))
    difference = Cell(
        formatting.quantity(part["difference"], "fraction", gap=True), formatting.interval(part, "fraction", gap=True),
        "distinguishable" if _clear(part, level) else "", "" if part["p"] is None else formatting.probability(part["p"], "p"),
    )  # fmt: skip
    return Cell(ours, f"retrained {theirs}"), difference, Cell(formatting.quantity(part["floor"], "fraction", gap=True))
