"""The page of ``untrain leaderboard``: who is nearest to retraining, at what cost, and which pairs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from untrain.reports.html.drawing import Drawn
from untrain.reports.html.leaderboard_charts import pareto_chart, rank_chart
from untrain.reports.html.page import NO_PLOTLY, embedded, environment, plotly, shipped
from untrain.reports.leaderboard import HEADS, WORDS, cells, footnotes, marks, names_of, settings_of

Row = Mapping[str, Any]


@dataclass(frozen=True)
class StandingLine:
    """A method in a table: its number, name, footnotes and settings, whether it is a control, and its cells (value, interval)."""

    number: int
    name: str
    notes: tuple[int, ...]
    settings: str
    control: bool
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RankedTable:
    """A table with its caption and the names of its charts, which are empty where there are none."""

    title: str
    note: str
    anchor: str
    lines: tuple[StandingLine, ...]
    ranks: str
    pareto: str


@dataclass(frozen=True)
class Section:
    """A request: its heading, its spelling, sizes in words, tables, who is not ranked, notes, and footnotes by their numbers.

    Who is not ranked has a name, the numbers of its footnotes, severity, cost and why.
    """

    name: str
    request: str
    sizes: str
    parts: tuple[RankedTable, ...]
    beside: tuple[tuple[str, tuple[int, ...], str, str, str], ...]
    notes: tuple[str, ...]
    footnotes: tuple[tuple[int, str], ...]


def leaderboard_page(document: Row) -> str:
    """A page on a leaderboard, one HTML text that needs no network.

    Args:
        document: what ``untrain.leaderboard`` returns.
    """
    drawn, numbers = Drawn(plotly()), footnotes(document)
    sections = [_section(at, request, drawn, numbers) for at, request in enumerate(document["requests"], 1)]
    return environment().get_template("leaderboard.html").render(
        document=document, board=document["board"], sections=sections, command=document["command"],
        version=document["setting"]["untrain"], setting=document["setting"], heads=list(HEADS.values()), words=WORDS,
        missing=NO_PLOTLY if drawn.plotly is None else "", style=shipped("colours.css") + shipped("style.css"),
        script=shipped("charts.js") + shipped("tables.js"), plotly=Markup(drawn.plotly.source()) if drawn.plotly else "",
        figures=embedded(drawn.figures), results=embedded(document),
    )  # fmt: skip


def _section(at: int, request: Row, drawn: Drawn, numbers: Mapping[str, int]) -> Section:
    names, settings, marked = names_of(request), settings_of(request), marks(request, numbers)
    controls = {row["name"] for row in request["rows"] if row["control"]}
    parts = []
    for number, table in enumerate(request["standings"]["tables"], 1):
        anchor = f"request{at}-table{number}"
        ranked = table["standings"]
        lines = tuple(
            StandingLine(place, names[name], tuple(marked[name]), settings[name], name in controls, tuple(cells(s).values()))
            for place, s in enumerate(ranked, 1)
            for name in [s["name"]]
        )
        has_front = drawn.add(f"{anchor}-pareto", pareto_chart(ranked, names, controls))
        drawn.add(f"{anchor}-ranks", rank_chart(ranked, names, controls))
        charts = f"{anchor}-ranks", f"{anchor}-pareto" if has_front else ""
        parts.append(RankedTable(table["title"], table["note"], anchor, lines, *charts))
    sizes = request["sizes"]
    counts = f"{sizes['forget']:,} of {sizes['train']:,} training examples are to be forgotten; {sizes['test']:,} test examples"
    used = {number for row in marked.values() for number in row}
    return Section(
        request["name"], request["request"], counts, tuple(parts), _beside(request, names, marked), tuple(request["notes"]),
        tuple((number, note) for note, number in numbers.items() if number in used),
    )  # fmt: skip


def _beside(
    request: Row, names: Mapping[str, str], marked: Mapping[str, Sequence[int]]
) -> tuple[tuple[str, tuple[int, ...], str, str, str], ...]:  # fmt: skip
    shown = [(one, cells(one)) for one in request["standings"]["unranked"]]
    lines = [
        (names[one["name"]], tuple(marked[one["name"]]), made["severity"][0], made["cost"][0], one["reason"]) for one, made in shown
    ]
    failed = [(names[one["name"]], (), "–", "–", f"failed: {one['error']}") for one in request["standings"]["failed"]]
    return (*lines, *failed)
