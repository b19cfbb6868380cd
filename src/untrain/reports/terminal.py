"""Scores, masks and searches as tables in a terminal."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from rich.console import Console
from rich.text import Text

from untrain.core.escapes import printable, write_raw
from untrain.evaluation.glossary import scorers
from untrain.reports import verdict_marks
from untrain.reports.fitting_table import FittingTable
from untrain.reports.formatting import lead, limits, operations
from untrain.reports.headings import CONTROLS, FEWEST
from untrain.reports.leaderboard import WORDS, footnotes, leaderboard_tables, raised
from untrain.reports.tally import KINDS

SHOWN = ("forget_gap", "mia_loss_auc", "forget_accuracy", "retain_accuracy", "test_accuracy", "forget_true_accuracy")


class _Printable(Console):
    """A console of which no text of others can control anything: names, ids, notes, errors."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text with its control characters spelled out; all that is printed but tables, which do it too, comes through here."""
        return super().render_str(printable(text), **options)


class _Raw:
    """A stream without the guard of its own, for the colours of a console."""

    def __init__(self, stream: Any):
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        """Write it as it is."""
        write_raw(self.stream, text)


WIDE = 160  # where standard output is no terminal


def _console(colour: bool, width: int) -> Console:
    """A console on stdout, so many columns wide."""
    file: Any = _Raw(sys.stdout)
    # With a height, the width counts on terminals that are called dumb too.
    return _Printable(file=file, no_color=not colour, highlight=False, markup=False, emoji=False, width=width, height=25)


def print_runs(runs: list[dict[str, Any]], colour: bool, width: int = WIDE) -> None:
    """Print a table for each run on stdout, which is ``width`` columns wide."""
    console = _console(colour, width)
    for document in runs:
        console.print(table_of(document))
        for sentence in verdict_of(document):
            console.print(sentence)
        for warning in document["warnings"]:
            console.print(f"note: {warning}")
        for row in document["results"]:
            for note in row["notes"]:
                console.print(f"note: {row['method']}: {note}")


def verdict_of(document: dict[str, Any]) -> list[str]:
    """The outcome for each method, that first which a report opens with, and a warning where the tests have no power."""
    first = lead(document["results"])
    if first is None:
        return []
    rows = [first, *(row for row in document["results"] if row is not first and row["verdict"])]
    return [*(row["verdict"]["sentence"] for row in rows), *filter(None, [verdict_marks.powerless(first)])]


def table_of(document: dict[str, Any]) -> FittingTable:
    """Methods down, those that cost as much as retraining below a line, scores across; oracles and floors in the last rows."""
    done = [r for r in document["results"] if r["error"] is None]
    names = [n for n in SHOWN if any(r["scores"].get(n, {}).get("value") is not None for r in done)]
    tested = dict.fromkeys(n for r in done for n in r["verdict"]["tested"])
    names += [n for n in tested if n not in names][: max(0, FEWEST - len(names))]
    title = f"{document['scenario']}: {counted(document['seeds'], 'seed')}, {counted(document['oracles'], 'oracle')}"
    if document["setting"].get("budget") is not None:
        title += f", a budget of {100 * document['setting']['budget']:g} % of retraining"
    columns = ("method", "verdict", *(name.replace("_", " ") for name in names), "cost")
    table = FittingTable(title, columns, frozenset({"method", "verdict"}))
    dearer = document["break_even"]["methods"]
    for row in sorted(document["results"], key=lambda r: r["method"] in dearer):
        if dearer and row["method"] == dearer[0]:
            table.add_section()
            table.add(f"-- {document['break_even']['line']} --", dim=True)
        limit = limits(row)
        name = f"{row['method']} [{limit}]" if limit and row["method"] not in CONTROLS else row["method"]
        if row["error"] is not None:
            table.add(name, f"failed: {row['error']}")
            continue
        cells = [_cell(n, row["scores"][n]) for n in names]
        table.add(
            name,
            _verdict(row["verdict"]),
            *cells,
            operations(_share(row["cost"].get("share_of_retraining")), row["cost"], "share_of_retraining"),
        )
    table.add_section()
    if done:
        for label, key in (("oracles (ideal)", "ideal"), ("floor", "floor"), ("original (ceiling)", "ceiling")):
            numbers = [done[0]["scores"][n][key] for n in names]
            if any(number is not None for number in numbers):
                share = "100 %" if key == "ideal" else ""
                table.add(label, "", *map(_number, names, numbers), share, dim=True)
    return table


def print_masks(document: dict[str, Any], colour: bool, width: int = WIDE) -> None:
    """Print stability, shares by layer and overlap of masks on stdout, which is ``width`` columns wide."""
    console = _console(colour, width)
    for table in mask_tables(document):
        console.print(table)
    for warning in document.get("warnings", ()):
        console.print(f"note: {warning}")
    for row in document["results"]:
        for note in row.get("notes", ()):
            console.print(f"note: {row['localizer']}: {note}")
    console.print("iou: intersection over union; chance: that of masks drawn at random with as many weights in each parameter")


def mask_tables(document: dict[str, Any]) -> list[FittingTable]:
    """Localizers down; layers down, with the share of each layer's weights that is in the mask; pairs of localizers down."""
    done = [r for r in document["results"] if r["error"] is None]
    of = f"{document['scenario']}: {counted(document['seeds'], 'seed')}, {document['parameters']:,} weights"
    columns = ("localizer", "in the mask", "iou across seeds", "iou across batches", "layers across seeds", "seconds")
    words = {"localizer"} if len(done) == len(document["results"]) else {"localizer", "in the mask"}  # where it says what failed
    first = FittingTable(of, columns, frozenset(words))
    for row in document["results"]:
        if row["error"] is not None:
            first.add(row["localizer"], f"failed: {row['error']}")
            continue
        seeds, batches = row["stability"]["seeds"], row["stability"]["batches"]
        numbers = (_share(row["share"]), _iou(seeds), _iou(batches), _number("auc", seeds["layers"]), f"{row['seconds']:.2f}")
        first.add(row["localizer"], *numbers)
    layers = FittingTable(
        "share of each layer in the mask", ("layer", "weights", *(r["localizer"] for r in done)), frozenset({"layer"})
    )
    for at, layer in enumerate(done[0]["layers"] if done else ()):
        cells = (f"{100 * r['layers'][at]['kept']:.1f} %" for r in done)
        layers.add(layer["layer"], f"{layer['weights']:,}", *cells)
    pairs = FittingTable("overlap on the same models", ("localizer", "and", "iou"), frozenset({"localizer", "and"}))
    for pair in document["overlap"]:
        pairs.add(pair["one"], pair["other"], _iou(pair))
    return [t for t in (first, layers, pairs) if t.rows]


def _iou(overlap: dict[str, Any]) -> str:
    return "-" if overlap["iou"] is None else f"{overlap['iou']:.3f} (chance {overlap['chance']:.3f})"


def print_leaderboard(document: dict[str, Any], colour: bool, width: int = WIDE) -> None:
    """Print the standings of each request, what they mean, and who is left out, on stdout, which is ``width`` columns wide."""
    console = _console(colour, width)
    for table in leaderboard_tables(document):
        console.print(table)
    for note, number in footnotes(document).items():
        console.print(f"{raised([number])} {note}")
    console.print(WORDS)
    console.print(document["tuning"])
    for request in document["requests"]:
        for note in request["notes"]:
            console.print(f"note: request {request['name']!r}: {note}")
    for note in document["notes"]:
        console.print(f"note: {note}")
    for one in document["left_out"]:
        console.print(f"left out: {one['method']}: {one['reason']}")


TOP = 10


def print_search(document: dict[str, Any], colour: bool, width: int = WIDE) -> None:
    """Print the best trials of a search and its notes on stdout, which is ``width`` columns wide."""
    console = _console(colour, width)
    console.print(search_table(document))
    for note in document["notes"]:
        console.print(f"note: {note}")
    if document["importance"]:
        parts = (f"{name} {100 * share:.0f} %" for name, share in document["importance"].items())
        console.print(f"what explains the objective (fANOVA): {', '.join(parts)}")


def search_table(document: dict[str, Any]) -> FittingTable:
    """The best trials down; the models as they are in the last row."""
    counts, rows = document["counts"], document["trials"]
    states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    title = f"{document['scenario']}: {document['objective']}; {counted(len(rows), 'trial')} ({states})"
    parts = ("valid", "forget", *(("oracle_forget",) if document["oracle_guided"] else ()))
    columns = ("method", "objective", *(f"{p.replace('_', ' ')} {document['of']}" for p in parts), "cost", "state")
    table = FittingTable(f"{title}, {counted(document['seeds'], 'model')} each", columns, frozenset({"method", "state"}))
    for row in rows[:TOP]:
        state = f"failed: {row['error']}" if row["error"] else row["state"]
        numbers = (_number(p, row[p]) for p in parts)
        table.add(row["method"] or "-", _number("auc", row["value"]), *numbers, _share(row["share_of_retraining"]), state)
    left = document["untouched"]
    numbers = (_number(p, left[p]) for p in parts)
    table.add("models as they are", _number("auc", left["value"]), *numbers, "0 %", dim=True)
    return table


def counted(count: int, word: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _verdict(verdict: dict[str, Any]) -> str:
    """The verdict on a method in a few letters: its outcome, by how many scores, and how many examples are given away."""
    tested, counts = len(verdict["tested"]), verdict["counts"]
    apart, equal = (len(verdict[n]) for n in ("distinguishable", "indistinguishable"))
    differs, fails = verdict["says"] == "distinguishable", KINDS.get(verdict["outcome"])
    by = f"{apart}/{tested}" if differs else f"equal {equal}/{tested}"
    says = f"{fails} {by}" if fails and differs else f"{fails or verdict['outcome']}, {'differs ' if differs else ''}{by}"
    examples = counts["recognised"] + counts["standing_out"]
    return says + (f", {examples} ex." if examples else "")


def _cell(name: str, score: dict[str, Any]) -> str:
    if score["value"] is None:
        return "-"
    return f"{_number(name, score['value'])} [{_number(name, score['low'])}, {_number(name, score['high'])}]"


def _number(name: str, value: float | None) -> str:
    """A score in its unit: fractions as percent, their gaps in points, all else with three digits."""
    if value is None:
        return "-"
    return (
        f"{value:.3f}"
        if "auc" in name or _units().get(name, "fraction") != "fraction"
        else f"{100 * value:+.1f}"
        if "gap" in name
        else f"{100 * value:.1f}"
    )


@cache
def _units() -> dict[str, str]:
    """Unit of each score by its name."""
    return {name: about.unit for evaluator in scorers() for name, about in evaluator.scores.items()}


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
