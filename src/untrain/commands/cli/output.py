"""Output of commands: documents, prices and progress."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import typer

from untrain.core.escapes import printable, write_raw

if TYPE_CHECKING:
    from untrain.runtime.progress import Progress


CELLS = 10  # of a bar
SILENT = 10  # seconds without a line, after which a file gets one


def show_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False))


def size(count: float) -> str:
    """Format a number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def width() -> int:
    """Columns of tables: those of the terminal that standard output is, whatever kind it says to be; ``$COLUMNS`` goes before."""
    from untrain.reports.terminal import WIDE

    if not sys.stdout.isatty():
        return WIDE
    asked = os.environ.get("COLUMNS", "")
    if asked.isascii() and asked.isdigit() and 0 < int(asked) < 10_000:
        return int(asked)
    return _columns(sys.stdout)


def coloured() -> bool:
    """Return whether tables have colours: on a terminal, unless NO_COLOR is set."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


@contextmanager
def starting(name: str) -> Iterator[None]:
    """Show on a terminal that a command has begun; the line is gone when the next one is printed."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    renew_line()
    print(f"untrain {name}: starting ..."[: _columns() - 1], end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        renew_line()


def _columns(stream: TextIO | None = None) -> int:
    """Width of the terminal that a stream is, by default that of progress; 80 where it has none."""
    try:
        return os.get_terminal_size((stream or sys.stderr).fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class Tracker:
    """Prints progress on stderr: one line that renews itself on a terminal, elsewhere one in ten seconds.

    Args:
        what: what is counted.
        command: whose stages are shown.
    """

    def __init__(self, what: str = "models", command: str = ""):
        self.what, self.command = what, command
        self._live, self._last, self._begun = sys.stderr.isatty(), 0.0, time.monotonic()

    def __call__(self, at: Progress) -> None:
        """Print how much is done, or a note."""
        if at.note is not None:
            renew_line()
            print(printable(at.note), file=sys.stderr, flush=True)
            return
        if not self._is_due() and at.done < at.total:
            return
        left = "" if at.left is None else f", about {at.left:.0f} s left"
        done = f"{bar(at.done, at.total)} " if self._live else ""
        line = printable(f"{done}{at.done}/{at.total} {at.what or self.what}, {at.elapsed:.0f} s{left}: {at.label}")
        self._print(line, "\n" if not self._live or at.done == at.total else "")

    def show_stage(self, text: str) -> None:
        """Print what begins now; on a terminal the next line takes its place, and elsewhere ten silent seconds come first.

        So bad input leaves one line in a file, the one that says what is wrong.
        """
        if self._live or (time.monotonic() - self._begun >= SILENT and self._is_due()):
            self._print(printable(f"untrain {self.command}: {text} ...".replace(" :", ":")), "" if self._live else "\n")

    def _is_due(self) -> bool:
        now = time.monotonic()
        due = self._live or now - self._last >= SILENT
        self._last = now if due else self._last
        return due

    def _print(self, line: str, end: str) -> None:
        renew_line()
        print(line[: _columns() - 1] if self._live else line, end=end, file=sys.stderr, flush=True)


def bar(done: int, total: int) -> str:
    """So much of a whole as a bar.

    >>> bar(3, 10)
    '[###       ]'
    """
    return f"[{'#' * (CELLS * done // total if total else CELLS):{CELLS}}]"


def renew_line() -> None:
    """Begin the last line of a terminal anew."""
    if sys.stderr is not None and sys.stderr.isatty():
        write_raw(sys.stderr, "\r\x1b[2K")


def spoken() -> str:
    """The command line as it was typed."""
    return shlex.join(["untrain", *sys.argv[1:]])


def priced(price: dict[str, Any], as_json: bool) -> None:
    """Print what work would cost."""
    if as_json:
        show_json({"price": price})
    else:
        for line in (price["told"], *price.get("design", ())):
            typer.echo(line)


def finish(whole: dict[str, Any], arguments: dict[str, Any], document: dict[str, Any] | None = None) -> None:
    """Print a table or the JSON, as the arguments of the command say; exit 1 when a method failed."""
    if arguments["as_json"]:
        show_json(document if document is not None else whole)
    else:
        from untrain.reports.terminal import print_runs

        print_runs(whole["runs"], coloured(), width(), arguments["verbose"])
        typer.echo(f"report: {whole['report']}")
    if whole["failed"]:
        raise typer.Exit(1)
