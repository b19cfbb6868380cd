"""Output of commands: documents, prices and progress."""

from __future__ import annotations

import json
import os
import shlex
import sys
import textwrap
import threading
import time
from typing import Any, Self, TextIO

import typer

from untrain.core.escapes import printable, write_raw
from untrain.runtime.progress import Progress, is_asking

STARTING, WORKING = "starting", "at work"  # where nothing else is known
CELLS = 10  # of a bar
SILENT = 10  # seconds without a line, after which a file gets one
OFTEN = 1.0  # seconds after which a line of a terminal moves


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


def _columns(stream: TextIO | None = None) -> int:
    """Width of the terminal that a stream is, by default that of progress; 80 where it has none."""
    try:
        return os.get_terminal_size((stream or sys.stderr).fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class Tracker:
    """Prints progress on stderr: one line that renews itself on a terminal, elsewhere one in ten seconds.

    Within ``with`` the line moves by itself, so that seconds are seen to pass where nothing is finished.

    Args:
        what: what is counted.
        command: whose stages are shown.
    """

    def __init__(self, what: str = "models", command: str = ""):
        self.what, self.command = what, command
        self._live, self._last, self._begun = sys.stderr.isatty(), 0.0, time.monotonic()
        self.notes: list[str] = []  # that were printed
        self._now: str | Progress | None = None  # what is under way: a stage, or work that is counted
        self._since = self._begun
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep_moving, daemon=True)

    def __enter__(self) -> Self:
        self.show_stage(STARTING)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        renew_line()

    def __call__(self, at: Progress) -> None:
        """Print how much is done, or a note."""
        with self._lock:
            if at.note is not None:
                self.notes.append(at.note)
                if self._now == STARTING:
                    self._begin(WORKING)
                renew_line()
                for line in self._note(at.note):
                    print(line, file=sys.stderr, flush=True)
                return
            done = at.done == at.total
            self._begin(WORKING if done else at)
            if done or self._is_due():
                self._print(self._counted(at, 0.0), done)

    def show_stage(self, text: str) -> None:
        """Print what begins now; on a terminal the next line takes its place, and elsewhere ten silent seconds come first.

        So bad input leaves one line in a file, the one that says what is wrong.
        """
        self._show(text)

    def show_start(self, at: Progress) -> None:
        """Print work of which nothing is done yet, as a stage."""
        self._show(at)

    def _show(self, what: str | Progress) -> None:
        with self._lock:
            self._begin(what or None)
            if self._now is None:
                renew_line()
            elif self._live or (time.monotonic() - self._begun >= SILENT and self._is_due()):
                self._print(self._line(0.0))

    def _keep_moving(self) -> None:
        """Print the line again each second on a terminal, and elsewhere after ten in which nothing was printed."""
        while not self._over.wait(OFTEN):
            with self._lock:
                now = time.monotonic()
                # Hours are not for files to fill with lines.
                least = OFTEN if self._live else max(SILENT, (now - self._begun) / 20)
                if self._now is not None and now - max(self._last, self._begun) >= least and not is_asking():
                    self._last = now
                    self._print(self._line(now - self._since))

    def _begin(self, what: str | Progress | None) -> None:
        self._now, self._since = what, time.monotonic()

    def _line(self, seconds: float) -> str:
        if isinstance(self._now, Progress):
            return self._counted(self._now, seconds)
        passed = f" {seconds:.0f} s" if seconds >= 1 else ""
        stage, name = str(self._now), f"untrain {self.command}".strip()
        lines = [f"{name}: {stage} ...{passed}"]
        if self._live:
            lines += [f"{name}: {_short(stage)} ...{passed}", f"{_short(stage)} ...{passed}", f"{name} ...{passed}"]
        return next((line for line in map(printable, lines) if len(line) < _columns()), printable(lines[-1]))

    def _counted(self, at: Progress, since: float) -> str:
        """The line of work that is counted, so many seconds later; a terminal that is narrow shows less of it."""
        count, elapsed = f"{at.done}/{at.total} {at.what or self.what}", f"{at.elapsed + since:.0f} s"
        rest = ""
        if at.left is not None and at.done < at.total:
            rest = f", about {max(at.left - since, 1):.0f} s left"
        elif at.expected and at.done < at.total:
            rest = f"{' of' if at.elapsed + since <= at.expected else ','} about {at.expected:.0f} s expected"
        label = f": {at.label}" if at.label else ""
        if not self._live:
            return printable(f"{count}, {elapsed}{rest}{label}")
        filled = bar(at.done, at.total)
        wide = printable(f"{filled} {count}, {elapsed}{rest}")
        lines = (wide + printable(_short(label)), wide, f"{filled} {at.done}/{at.total}, {elapsed}{rest}", f"{count}, {elapsed}")
        return next((line for line in lines if len(line) < _columns()), lines[-1])

    def _note(self, text: str) -> list[str]:
        """A note in lines of whole words, where a terminal would break them."""
        text = printable(text)
        if not self._live:
            return [text]
        room, whole = max(20, _columns() - 1), text.replace(" %", "\N{NO-BREAK SPACE}%")
        return textwrap.wrap(whole, room, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

    def _is_due(self) -> bool:
        now = time.monotonic()
        due = self._live or now - self._last >= SILENT
        self._last = now if due else self._last
        return due

    def _print(self, line: str, done: bool = False) -> None:
        renew_line()
        end = "\n" if done or not self._live else ""
        print(line[: _columns() - 1] if self._live else line, end=end, file=sys.stderr, flush=True)


def _short(label: str) -> str:
    """The label of a model without the values of its method."""
    if "(" not in label:
        return label
    from untrain.reports.formatting import short

    return short(label)


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

        print_runs(whole["runs"], coloured(), width(), arguments["verbose"], arguments["on_progress"].notes)
        typer.echo(f"report: {whole['report']}")
    if whole["failed"]:
        raise typer.Exit(1)
