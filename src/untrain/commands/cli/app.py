"""The ``untrain`` command: argv to commands, errors to one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from untrain.commands.cli.attribute import attribute
from untrain.commands.cli.audit import audit
from untrain.commands.cli.card import card
from untrain.commands.cli.catalog import evaluators, executors, localizers, loggers, methods, observers, scenarios, show
from untrain.commands.cli.check import check
from untrain.commands.cli.demo import demo
from untrain.commands.cli.find_mislabelled import find_mislabelled
from untrain.commands.cli.forget import forget
from untrain.commands.cli.inspect import inspect
from untrain.commands.cli.leaderboard import leaderboard
from untrain.commands.cli.localize import localize
from untrain.commands.cli.memorize import memorize
from untrain.commands.cli.new import new
from untrain.commands.cli.output import renew_line
from untrain.commands.cli.report import report
from untrain.commands.cli.request import request
from untrain.commands.cli.run import run
from untrain.commands.cli.search import search
from untrain.commands.cli.serve import serve
from untrain.commands.cli.signals import Stop, stops
from untrain.commands.cli.store import store
from untrain.commands.cli.verify import verify
from untrain.core.environment import working_folder
from untrain.core.errors import BadInput, DamageAlarm, MissingExtra, RunFailed
from untrain.core.escapes import PrintableStream, printable
from untrain.core.interrupts import STOPPED

app = typer.Typer(
    name="untrain", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Make a trained model forget chosen training data, and measure against retraining whether it did.\n\n"
    "\b\nExamples:\n    untrain demo\n    untrain run Digits DEL Finetune\n    untrain show DEL",
)  # fmt: skip


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"untrain {version('untrain')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    working_folder()  # where it is gone, torch's own libraries would end the process in words of theirs


for each in (
    *(demo, inspect, find_mislabelled, forget, run, audit, localize, memorize, attribute, report, search, leaderboard),
    *(methods, localizers, evaluators, observers, scenarios, executors, loggers, show, check, new, store, verify, serve, card),
):
    app.command()(each)
app.add_typer(request)


def main() -> None:
    """Run the command; turn errors into one line and an exit code."""
    _keep_stdout_for_results()
    renew_line()  # what said that the command starts
    with stops() as stop:
        _main(stop)


def _main(stop: Stop) -> None:
    try:
        code = app(standalone_mode=False)
        if code == 130:  # how newer versions of Typer report an interrupt
            raise KeyboardInterrupt
        sys.exit(code)
    except (BadInput, MissingExtra) as error:
        _fail(error, 2)
    except DamageAlarm as error:
        _fail(error, 3)
    except RunFailed as error:
        _fail(error, 1)
    except (KeyboardInterrupt, typer.Abort):
        _fail(STOPPED, stop.code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        _usage(error)


class _Results(PrintableStream):
    """Standard output, whose failure is one line; what could not be written is not tried again when the process ends."""

    def write(self, text: str, /) -> int:
        with self._one_line():
            return super().write(text)

    def write_raw(self, text: str, /) -> int:
        with self._one_line():
            return super().write_raw(text)

    def flush(self) -> None:
        with self._one_line():
            super().flush()

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise RunFailed(f"cannot write to standard output: {error.strerror}") from None


def _open_closed_streams() -> None:
    """Point streams that the caller has closed nowhere: a file that is opened later must not take their place."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _keep_stdout_for_results() -> None:
    """Leave standard output to ``sys.stdout`` alone: what C code, other processes and workers write to it goes to stderr.

    Names and errors of others reach neither with characters that control a terminal.
    """
    _open_closed_streams()
    if isinstance(sys.stderr, io.TextIOWrapper) and not isinstance(sys.stderr, PrintableStream):
        with suppress(OSError, ValueError):
            if sys.stderr.fileno() == 2:
                sys.stderr = PrintableStream(sys.stderr.buffer, sys.stderr.encoding, "backslashreplace", line_buffering=True)
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    sys.stdout.reconfigure(errors="backslashreplace")  # a path may hold bytes that no encoding knows
    with suppress(OSError, ValueError):  # one of the two is closed
        if sys.stdout.fileno() == 1 and sys.stderr is not None:
            sys.stdout.flush()
            own = os.dup(1)
            os.dup2(2, 1)
            sys.stdout = _Results(
                os.fdopen(own, "wb"), sys.stdout.encoding, "backslashreplace", line_buffering=sys.stdout.line_buffering
            )


def _usage(error: Exception) -> None:
    """Print Typer's own complaints in one line; their class depends on its version, their interface does not."""
    speak = getattr(error, "format_message", None)
    if speak is None:
        raise error
    where = getattr(getattr(error, "ctx", None), "command_path", "untrain")
    if type(error).__name__ == "NoArgsIsHelpError":
        print(speak())
        sys.exit(2)
    _fail(f"{speak().rstrip('.')}; see `{where} --help`", 2)


def _fail(error: object, code: int) -> None:
    print(f"untrain: {printable(' '.join(str(error).split()))}", file=sys.stderr)
    sys.exit(code)
