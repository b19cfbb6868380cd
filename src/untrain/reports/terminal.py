"""Scores, masks and searches as tables in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from untrain.core.escapes import printable, write_raw
from untrain.reports import verdict_marks
from untrain.reports.fitting_table import FittingTable, wrapped
from untrain.reports.formatting import counted, lettered
from untrain.reports.leaderboard import WORDS, footnotes, leaderboard_tables, raised
from untrain.reports.repaired import is_mostly_wrong, repaired
from untrain.reports.run_table import LEFT_OUT, fitting, legend, number, share
from untrain.reports.standing import lead
from untrain.reports.tally import advice, least_bad, tally


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


WRONG_LABELS = "Forget accuracy and gap count answers that give the wrong label, forget true accuracy those that give the true one."
# What a note of the engine says: how the work was done, not what was done; no number depends on it.
ENGINE = ("partly masked layers compute their weight gradient in full", "out of memory: each batch is cut into")


def print_runs(
    runs: list[dict[str, Any]], colour: bool, width: int = WIDE, verbose: bool = False, said: Sequence[str] = ()
) -> None:
    """Print for each run who won, its table, what its labels stand for, the outcomes and notes on stdout.

    What labels stand for, and notes, are printed once where several runs have the same.

    Args:
        runs: documents of scores.
        colour: whether to print colours.
        width: columns of stdout.
        verbose: whether to print intervals where they take more than one table, and notes of the engine.
        said: lines that were printed before the work began; what they say of the power of the tests is not repeated.
    """
    console, told = _console(colour, width), set[str]()

    def say_once(line: str) -> None:
        if line not in told and not is_said(line, said):
            told.add(line)
            _say(console, line)

    for document in runs:
        table, brief = fitting(document, width, verbose)
        is_repair = is_mostly_wrong(document)
        conclusion = [tally(document), advice(document), least_bad(document), repaired(document) if is_repair else ""]
        for line in filter(None, conclusion):
            _say(console, line)
        console.print(table)
        for label, spec in legend(document).items():
            say_once(f"{label}: {spec}")
        for sentence in [*([WRONG_LABELS] if is_repair else []), *([LEFT_OUT] if brief else [])]:
            say_once(sentence)
        for sentence in verdict_of(document):
            _say(console, sentence)
        for line in [*document["warnings"], *notes_of(document, verbose)]:
            say_once(f"note: {line}")


def is_said(line: str, said: Sequence[str]) -> bool:
    """Return whether a note on the power of the tests is among lines that were printed before.

    >>> is_said("note: by protocol strict, 2 models show nothing", ["protocol strict: 2 models show nothing (by a normal law)"])
    True
    """
    start, _, power = line.partition(", ")
    return start.startswith("note: by protocol ") and any(power in each for each in said)


def _say(console: Console, text: str) -> None:
    """Print a text on lines that break no word, those after the first set in."""
    for line in wrapped(printable(text), console.width, "  "):
        console.print(Text(line))


def notes_of(document: dict[str, Any], verbose: bool = False) -> list[str]:
    """Each note once, with the labels of the methods that it is on; notes of the engine are counted alone unless ``verbose``."""
    labels = lettered([row["method"] for row in document["results"]])
    methods: dict[str, list[str]] = {}
    for row in document["results"]:
        for note in row["notes"]:
            methods.setdefault(note, []).append(labels[row["method"]])
    shown = {note: names for note, names in methods.items() if verbose or not any(words in note for words in ENGINE)}
    hidden = len(methods) - len(shown)
    lines = [f"{', '.join(names)}: {note}" for note, names in shown.items()]
    return lines + ([f"--verbose prints {counted(hidden, 'more note')} on how the work was done"] if hidden else [])


def verdict_of(document: dict[str, Any]) -> list[str]:
    """The outcome for each method, that first which a report opens with, and a warning where the tests have no power."""
    first = lead(document["results"])
    if first is None:
        return []
    labels = lettered([row["method"] for row in document["results"]])
    rows = [first, *(row for row in document["results"] if row is not first and row["verdict"])]
    return [*(verdict_marks.sentence(row, labels[row["method"]]) for row in rows), *filter(None, [verdict_marks.powerless(first)])]


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
        numbers = (share(row["share"]), _iou(seeds), _iou(batches), number("auc", seeds["layers"]), f"{row['seconds']:.2f}")
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
    for note, at in footnotes(document).items():
        console.print(f"{raised([at])} {note}")
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
        numbers = (number(p, row[p]) for p in parts)
        table.add(row["method"] or "-", number("auc", row["value"]), *numbers, share(row["share_of_retraining"]), state)
    left = document["untouched"]
    numbers = (number(p, left[p]) for p in parts)
    table.add("models as they are", number("auc", left["value"]), *numbers, "0 %", dim=True)
    return table
