"""Methods against the margins of their protocol: each endpoint's difference, and a dot for every model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from untrain.evaluation.protocols.endpoints import about
from untrain.evaluation.protocols.margin_wording import margins_in_words
from untrain.evaluation.protocols.outcome_wording import called, chances
from untrain.evaluation.protocols.power import Power
from untrain.evaluation.protocols.protocol import ENDPOINTS, protocol_of
from untrain.evaluation.scoring.design import LEVEL
from untrain.reports import formatting, verdict_marks
from untrain.reports.html.tables import Cell, Column, Document, labels_of
from untrain.reports.tally import KINDS

Row = Mapping[str, Any]
Judged = Mapping[str, Any]

UNITS = {"fraction": "points", "nats": "%", "standard errors": "s.e."}
_MARKS = {"within": "within", "outside": "beyond", "open": "open"}
_SEEN = 2.0  # margins that a strip reaches to either side
_ALIKE = 1e-9  # retrained models do not spread that differ by less than this part of the margin


@dataclass(frozen=True)
class Dot:
    """An unlearned model on a strip: place in per cent of its length, what it is in words, and how it is drawn.

    Its kind is 'inside' the margin, 'outside' of it, or beyond the 'low' or the 'high' end of the strip.
    """

    place: float
    words: str
    kind: str


@dataclass(frozen=True)
class Strip:
    """All unlearned models beside each other; what the margin allows reaches from ``low`` to ``high``, in per cent."""

    low: float
    high: float
    dots: tuple[Dot, ...]
    words: str


@dataclass(frozen=True)
class ProtocolLine:
    """A method: number in the tables, label, outcome, for each endpoint its cell and its strip; and the method in full."""

    number: int
    name: str
    outcome: Cell
    cells: tuple[tuple[Cell, Strip | None], ...]
    spec: str


@dataclass(frozen=True)
class EachModel:
    """Every unlearned model of a method: columns, a strip for each, and by number its cells in spreads."""

    columns: tuple[Column, ...]
    strips: tuple[Strip, ...]
    lines: tuple[tuple[int, tuple[Cell, ...]], ...]

    @property
    def shown(self) -> list[tuple[Column, Strip]]:
        """The columns, each with its strip."""
        return list(zip(self.columns, self.strips, strict=True))


@dataclass(frozen=True)
class AgainstProtocol:
    """All methods of a run against a protocol.

    Args:
        name: of the protocol, or its spelling.
        margins: in a sentence.
        columns: one per endpoint.
        lines: one per method.
        references: margins, and spreads of retrained models.
        power: what so many models can show; empty where that is not known.
        confidence: of the intervals, in per cent.
        notes: what else is to be known: methods, note.
    """

    name: str
    margins: str
    columns: tuple[Column, ...]
    lines: tuple[ProtocolLine, ...]
    references: tuple[tuple[str, tuple[Cell, ...]], ...]
    power: str
    confidence: float
    notes: tuple[tuple[str, str], ...]


def against_protocol(document: Document) -> AgainstProtocol | None:
    """The methods of a run against its protocol; None where no method was judged."""
    rows = [(at, row) for at, row in enumerate(document["results"], 1) if not row["error"]]
    if not rows:
        return None
    first, labels = rows[0][1]["verdict"], labels_of(document)
    protocol, units = protocol_of(first["protocol"]), _units([row for _, row in rows])
    models = first["power"]["models"] if first["power"] else document["seeds"]
    level = protocol.level * (first["level"] or LEVEL) / LEVEL
    return AgainstProtocol(
        first["protocol"], margins_in_words(protocol, models, units) if units else "", _columns(units),
        tuple(_line(at, row, labels[row["method"]], units) for at, row in rows), _references(rows[0][1], units),
        chances(Power(**first["power"])) if first["power"] else "", 100 * (1 - 2 * level),
        tuple(_notes([row for _, row in rows], labels)),
    )  # fmt: skip


def only(against: AgainstProtocol, names: Sequence[str]) -> AgainstProtocol:
    """The same of some endpoints alone."""
    at = [place for place, column in enumerate(against.columns) if column.name in names]
    lines = tuple(replace(line, cells=tuple(line.cells[place] for place in at)) for line in against.lines)
    references = tuple((name, tuple(cells[place] for place in at)) for name, cells in against.references)
    return replace(against, columns=tuple(against.columns[place] for place in at), lines=lines, references=references)


def each_model(row: Row, names: Sequence[str] = ENDPOINTS) -> EachModel | None:
    """Every model of a method by itself, on some endpoints; None where retrained models do not spread on any of them."""
    strips = {j["name"]: strip for j in row["verdict"]["endpoints"] if j["name"] in names and (strip := _strip(j))}
    shown = [j for j in row["verdict"]["endpoints"] if j["name"] in strips]
    if not shown:
        return None
    columns = tuple(Column(j["name"], _called(j), about(j["name"], j["unit"]).means) for j in shown)
    lines = tuple(
        (at + 1, tuple(_single(j, j["each"][at]) for j in shown)) for at in range(len(shown[0]["each"]))
    )  # fmt: skip
    return EachModel(columns, tuple(strips.values()), lines)


def _units(rows: Sequence[Row]) -> dict[str, str]:
    """Unit of each endpoint that some method has, in the order of a protocol's."""
    found = {j["name"]: j["unit"] for row in rows for j in row["verdict"]["endpoints"]}
    return {name: found[name] for name in ENDPOINTS if name in found}


def _columns(units: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(
        Column(name, f"{_capital(called(name, unit))}, {UNITS[unit]}", about(name, unit).means) for name, unit in units.items()
    )


def _called(judged: Judged) -> str:
    return _capital(called(judged["name"], judged["unit"]))


def _capital(words: str) -> str:
    words = words.removeprefix("the ")
    return words[:1].upper() + words[1:]


def _line(at: int, row: Row, label: str, units: Mapping[str, str]) -> ProtocolLine:
    verdict = row["verdict"]
    says, _ = verdict_marks.outcome(row)
    by_name = {j["name"]: j for j in verdict["endpoints"]}
    cells = tuple(
        (_cell(by_name[n]), _strip(by_name[n])) if n in by_name else (Cell("–", note=verdict["lacks"].get(n, "")), None)
        for n in units
    )
    return ProtocolLine(at, label, Cell(says, KINDS.get(verdict["outcome"], ""), says), cells, formatting.label(row["method"]))


def _cell(judged: Judged) -> Cell:
    unit = judged["unit"]
    value = shown(judged["difference"], unit)
    ends = judged["low"], judged["high"]
    interval = "" if None in ends else " to ".join(shown(possible(end, unit), unit) for end in ends)
    return Cell(value, interval, _MARKS[judged["says"]])


def possible(end: float, unit: str) -> float:
    """The end of an interval, no farther than a difference of shares can be, whatever a test of few models leaves open.

    >>> possible(4.25, "fraction"), possible(4.25, "nats")
    (1.0, 4.25)
    """
    return max(-1.0, min(1.0, end)) if unit == "fraction" else end


def shown(value: float, unit: str) -> str:
    """A difference in the unit of its column: points, per cent of a loss, or standard errors.

    >>> shown(-0.0334, "fraction"), shown(0.6931472, "nats"), shown(-1e-9, "nats")
    ('−3.3', '100', '0.0')
    """
    if unit != "nats":
        return formatting.digits(100 * value if unit == "fraction" else value)
    percent = 100 * math.expm1(min(value, 50.0))
    return f"{percent:,.0f}".replace("-", "−") if abs(percent) >= 10 else formatting.digits(percent)


def _references(row: Row, units: Mapping[str, str]) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    """The margin, and the differences between retrained models; the same for all methods of a run."""
    by_name = {j["name"]: j for j in row["verdict"]["endpoints"]}
    judged = [by_name.get(name) for name in units]
    margins = tuple(_margin(j) if j else Cell("–") for j in judged)
    spreads = tuple(Cell(shown(j["spread"], j["unit"]) if j else "–") for j in judged)
    return ("Margin", margins), ("Spread of retrained models", spreads)


def _margin(judged: Judged) -> Cell:
    margin, unit, way = judged["margin"], judged["unit"], _way(judged)
    low, high = shown(-margin, unit), shown(margin, unit)
    both = f"{low} to {high}" if unit == "nats" else f"±{high}"
    spreads = f"{formatting.significant(margin / judged['spread'])} spreads" if _spreads(judged) else ""
    return Cell({1: f"up to {high}", -1: f"down to {low}"}.get(way, both), spreads)


def _way(judged: Judged) -> int:
    return about(judged["name"], judged["unit"]).way


def _spreads(judged: Judged) -> bool:
    """Return whether retrained models spread, so that models have a place in spreads."""
    return bool(judged["each"]) and judged["spread"] > _ALIKE * judged["margin"]


def _strip(judged: Judged) -> Strip | None:
    if not _spreads(judged):
        return None
    margin = judged["margin"] / judged["spread"]
    reach, way = _SEEN * margin, _way(judged)
    dots = tuple(_dot(at, value, margin, way) for at, value in enumerate(judged["each"], 1))
    low, high = (0.0 if way == 1 else _place(-margin, reach)), (100.0 if way == -1 else _place(margin, reach))
    return Strip(low, high, dots, f"{_called(judged)}: " + "; ".join(dot.words for dot in dots))


def _dot(at: int, value: float, margin: float, way: int) -> Dot:
    reach = _SEEN * margin
    kind = "low" if value < -reach else "high" if value > reach else "outside" if _beyond(value, margin, way) else "inside"
    return Dot(_place(max(-reach, min(reach, value)), reach), f"model {at}: {formatting.digits(value)} spreads", kind)


def _place(value: float, reach: float) -> float:
    """Place in per cent of a strip, which leaves room for a whole dot at either end."""
    return round(50 + 46 * value / reach, 1)


def _beyond(value: float, margin: float, way: int) -> bool:
    return (abs(value) if way == 0 else way * value) > margin


def _single(judged: Judged, value: float) -> Cell:
    beyond = _beyond(value, judged["margin"] / judged["spread"], _way(judged))
    return Cell(formatting.digits(value), mark="beyond" if beyond else "")


def _notes(rows: Sequence[Row], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Notes on the outcomes: the methods that one is about, and the note."""
    by_note: dict[str, list[str]] = {}
    for row in rows:
        for note in row["verdict"]["notes"]:
            by_note.setdefault(note, []).append(labels[row["method"]])
    return [(", ".join(methods), f"{note[:1].upper()}{note[1:]}") for note, methods in by_note.items()]
