"""A leaderboard as lines of a table, in the terminal and on its page alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from untrain.reports import formatting
from untrain.reports.fitting_table import FittingTable

Row = Mapping[str, Any]
COLUMNS = ("method", "rank", "differs from", "severity", "farthest on", "cost", "front", "settings")
HEADS = {
    "rank": "Rank", "differs from": "Differs from", "severity": "Severity, margins", "farthest on": "Farthest on",
    "cost": "Cost, share of retraining", "front": "Pareto front",
}  # fmt: skip
WORDS = (
    "Severity: how far a model is from the mean of retrained models on the endpoint where it is farthest, in margins of the "
    "protocol 'standard'; up to 1 is within all margins. Methods are ranked by its mean over models; intervals of 95 % are over "
    "seeds and retrained models. Differs from: how many methods of the table, nearer and farther, a test "
    "separates from a method, over seeds and retrained models; of the pairs of a table that differ, about 5 % are wrong on "
    "average. Pareto front: no other "
    "method of the table is as good for less, by the values without their intervals; a method that is made of other models is not "
    "on it, as its cost leaves them out."
)
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def names_of(request: Row) -> dict[str, str]:
    """Name of each method of a request, as short as tells them apart."""
    return formatting.distinct([row["name"] for row in request["rows"]])


def settings_of(request: Row) -> dict[str, str]:
    """Method -> the settings that it ran with, and how they were chosen."""
    return {row["name"]: _settings(row) for row in request["rows"]}


def _settings(row: Row) -> str:
    if row["method"] is None:
        return ""
    tried = len(row["trials"])
    default = row["method"] == row["name"]
    how = f"best of {tried} trials" if tried else "defaults"
    return f"defaults, {how}" if tried and default else how if default else f"{formatting.label(row['method'])}, {how}"


def footnotes(document: Row) -> dict[str, int]:
    """Note on how the models of a row were made -> its number, in the order of the rows of all requests."""
    notes = (note for request in document["requests"] for row in request["rows"] if row["error"] is None for note in row["notes"])
    return {note: number for number, note in enumerate(dict.fromkeys(notes), 1)}


def marks(request: Row, numbers: Mapping[str, int]) -> dict[str, list[int]]:
    """Method -> the numbers of its footnotes."""
    return {row["name"]: [] if row["error"] else sorted(numbers[note] for note in row["notes"]) for row in request["rows"]}


def raised(numbers: Sequence[int]) -> str:
    """Numbers of footnotes as they stand behind a word.

    >>> raised([3, 12])
    '³ ¹²'
    """
    return " ".join(str(number).translate(SUPERSCRIPT) for number in numbers)


def ends(low: float, high: float, places: int) -> str:
    """An interval in few digits."""
    return f"{formatting.digits(low, places)} to {formatting.digits(high, places)}"


def severity(value: float) -> str:
    """A severity with as many digits as matter."""
    return formatting.digits(value, 2) if value < 100 else f"{value:,.0f}"


def differing(standing: Row) -> str:
    """Count the others that the tests separate from a method.

    >>> differing({"nearer": 1, "farther": 14}), differing({"nearer": 0, "farther": 0})
    ('1 nearer, 14 farther', 'none')
    """
    counts = [f"{standing[side]} {side}" for side in ("nearer", "farther") if standing[side]]
    return ", ".join(counts) or "none"


def cells(standing: Row) -> dict[str, tuple[str, str]]:
    """Column -> value and its interval."""
    return {
        "rank": (f"{standing['rank']:g}", ends(standing["rank_low"], standing["rank_high"], 0)),
        "differs from": (differing(standing), ""),
        "severity": (severity(standing["severity"]), f"{severity(standing['low'])} to {severity(standing['high'])}"),
        "farthest on": (standing["worst"], ""),
        "cost": (formatting.share(standing["cost"]), ""),
        "front": ("yes" if standing["front"] else "", ""),
    }


def leaderboard_tables(document: Row) -> list[FittingTable]:
    """For each request a table of each kind of methods, then of those that are not ranked, and of those that failed."""
    tables, numbers = [], footnotes(document)
    for request in document["requests"]:
        marked, settings = marks(request, numbers), settings_of(request)
        names = {name: f"{short} {raised(marked[name])}".strip() for name, short in names_of(request).items()}
        standings, controls = request["standings"], {row["name"] for row in request["rows"] if row["control"]}
        for part in standings["tables"]:
            title = f"{request['name']}: {part['title']}{'; ' if part['note'] else ''}{part['note']}"
            table = FittingTable(title, COLUMNS, frozenset({"method", "settings"}))
            for standing in part["standings"]:
                shown = (f"{value} [{reach}]" if reach else value for value, reach in cells(standing).values())
                name = standing["name"]
                table.add(names[name], *shown, settings[name], dim=name in controls)
            tables.append(table)
        beside = FittingTable(f"{request['name']}: not ranked", ("method", "severity", "cost", "why"), frozenset({"method", "why"}))
        for one in standings["unranked"]:
            value, reach = cells(one)["severity"]
            beside.add(names[one["name"]], f"{value} [{reach}]", formatting.share(one["cost"]), one["reason"])
        for one in standings["failed"]:
            beside.add(names[one["name"]], "-", "-", f"failed: {one['error']}")
        tables += [beside] if beside.rows else []
    return tables
