"""Facts of a leaderboard that one may not expect: ``python -m papers.leaderboard.surprises BOARD [BOARD OF DEFAULTS]``.

A board is a folder with a ``board.json``, or that file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from scipy import stats

from untrain.experiments.leaderboard.board_file import read_board
from untrain.experiments.leaderboard.standings import standings
from untrain.reports.formatting import distinct

NOTHING, RETRAIN = "Nothing()", "Retrain()"
MOST = 3  # methods that are named where a list goes on

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Against:
    """The methods of a table that are nearer to retrained models than a control, those that are not, and who is told from it."""

    nearer: tuple[str, ...]
    other: tuple[str, ...]
    apart: frozenset[str]


def severities(request: Row, table: Row) -> dict[str, float]:
    """Method -> its severity, the least first, controls left out."""
    controls = {row["name"] for row in request["rows"] if row["control"]}
    return {s["name"]: s["severity"] for s in table["standings"] if s["name"] not in controls}


def against(request: Row, table: Row, control: str) -> Against | None:
    """The methods of a table beside a control; None where it is not there."""
    by_name = {s["name"]: s["severity"] for s in table["standings"]}
    if control not in by_name:
        return None
    methods = severities(request, table)
    nearer = tuple(name for name, value in methods.items() if value < by_name[control])
    apart = {name for pair in table["apart"] for name in (pair["one"], pair["other"]) if control in (pair["one"], pair["other"])}
    return Against(nearer, tuple(name for name in methods if name not in nearer), frozenset(apart - {control}))


def worths(request: Row) -> dict[str, float | None]:
    """Method -> what its chosen settings were worth in tuning."""
    return {row["name"]: row["trials"][0]["value"] for row in request["rows"] if row["trials"] and row["error"] is None}


def largest_fall(request: Row, table: Row) -> tuple[str, int, int, int] | None:
    """The method that falls farthest from its place by what tuning saw to that by severity; both places, of how many tuned ones."""
    worth = worths(request)
    names = [name for name in severities(request, table) if worth.get(name) is not None]
    by_worth = sorted(names, key=lambda name: -worth[name])
    places = [(name, by_worth.index(name) + 1, names.index(name) + 1, len(names)) for name in names]
    name, before, after, count = max(places, key=lambda place: place[2] - place[1], default=("", 0, 0, 0))
    return (name, before, after, count) if after > before else None


def worth_of_tuning(request: Row, table: Row) -> tuple[float, float] | None:
    """Kendall's tau of the tuned methods' severities with the values that tuning saw, 1 where they agree, and its p-value."""
    worth = worths(request)
    found = [(value, -worth[name]) for name, value in severities(request, table).items() if worth.get(name) is not None]
    if len(found) < 3:
        return None
    tau = stats.kendalltau(*zip(*found, strict=True))
    return float(tau.statistic), float(tau.pvalue)


def ranked(board: Row) -> dict[str, Any]:
    """A board as ``read_board`` gives it, its rows ranked again as this version ranks them."""
    return {**board, "requests": [{**request, "standings": standings(request)} for request in board["requests"]]}


def surprises(board: Row, defaults: Row | None = None) -> list[str]:
    """One line for each fact, in Markdown.

    Args:
        board: as ``ranked`` gives it.
        defaults: the board of the same methods with one trial each, likewise.
    """
    lines = [line for request in board["requests"] for line in _of_request(request)]
    orders = _orders(board)
    for name, untuned in ({} if defaults is None else _orders(defaults)).items():
        shared = [method for method in orders.get(name, {}) if method in untuned]
        gained = sum(orders[name][method] < untuned[method] for method in shared)
        lines.append(f"- {name}: of {len(shared)} methods {gained} are nearer with tuned settings than with defaults.")
    return lines + list(_of_pairs(board))


def _of_pairs(board: Row) -> Iterator[str]:
    """How alike the orders of two requests are, for each kind of methods."""
    by_title: dict[str, dict[str, dict[str, float]]] = {}
    for request in board["requests"]:
        for table in request["standings"]["tables"]:
            by_title.setdefault(table["title"], {})[request["name"]] = severities(request, table)
    for title, orders in by_title.items():
        for one, other in combinations(orders, 2):
            both = [method for method in orders[one] if method in orders[other]]
            if len(both) > 1:
                found = stats.kendalltau([orders[one][method] for method in both], [orders[other][method] for method in both])
                tau = f"Kendall's tau of the orders of {len(both)} methods is {found.statistic:.2f} (p {found.pvalue:.2g})"
                yield f"- {one} and {other}, {title.lower()}: {tau}."


def _of_request(request: Row) -> Iterator[str]:
    short = distinct([row["name"] for row in request["rows"]])
    for table in request["standings"]["tables"]:
        head = f"- {request['name']}, {table['title'].lower()}:"
        idle, again = against(request, table, NOTHING), against(request, table, RETRAIN)
        if idle is not None:
            count = len(idle.nearer) + len(idle.other)
            yield f"{head} {len(idle.other)} of {count} are no nearer than Nothing{_named(idle.other, short)}."
            sure = [name for name in idle.nearer if name in idle.apart]
            yield f"{head} {len(sure)} of {count} are nearer, and told apart from it{_named(sure, short)}."
        if again is not None:
            sure = [name for name in again.nearer if name in again.apart]
            nearer = f"{len(again.nearer)} are nearer than Retrain{_named(again.nearer, short)}"
            yield f"{head} {nearer}, {len(sure)} of them told apart from it."
        agreement = worth_of_tuning(request, table)
        if agreement is not None:
            yield f"{head} Kendall's tau of severity with what tuning saw is {agreement[0]:.2f} (p {agreement[1]:.2g})."
        fall = largest_fall(request, table)
        if fall is not None:
            name, before, after, count = fall
            places = f"from place {before} by what tuning saw to {after}, of {count} tuned methods"
            yield f"{head} {short[name]} falls farthest, {places}."
    tuned = [row for row in request["rows"] if row["trials"] and row["error"] is None and not row["control"]]
    if tuned:
        same = sum(row["method"] == row["name"] for row in tuned)
        yield f"- {request['name']}: tuning kept the defaults of {same} of {len(tuned)} methods."


def _orders(board: Row) -> dict[str, dict[str, float]]:
    """Request -> method -> its severity."""
    return {
        request["name"]: {
            name: value for table in request["standings"]["tables"] for name, value in severities(request, table).items()
        }
        for request in board["requests"]
    }


def _named(names: Sequence[str], short: Mapping[str, str]) -> str:
    """Some of the names, in brackets; empty where there are none."""
    return f" ({', '.join(short[name] for name in names[:MOST])}{', …' if len(names) > MOST else ''})" if names else ""


if __name__ == "__main__":
    print("\n".join(surprises(*(ranked(read_board(path)) for path in sys.argv[1:3]))))
