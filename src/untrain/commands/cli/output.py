"""What the command line says: tables, JSON and progress."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from untrain.runtime.progress import Progress


def show_json(value: Any) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, indent=1, allow_nan=False))


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def listed(as_json: bool, described: Any, *roles: str) -> None:
    """Names by reading source, or with ``--json`` everything by importing."""
    from untrain.core import discovery

    if as_json:
        show_json(described())
        return
    for place in discovery.of_role(*roles):
        kind = f" ({place.role})" if len(roles) > 1 else ""
        typer.echo(f"{place.name:16}{kind:14} {place.summary or place.source}")


def tracker(what: str = "models") -> Any:
    """Progress on stderr: one line that renews itself on a terminal, a line now and then elsewhere."""
    live = sys.stderr.isatty()
    last = 0.0

    def on_progress(at: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if at.note is not None:
            print(f"\r\x1b[2K{at.note}" if live else at.note, file=sys.stderr, flush=True)
            return
        if not live and now - last < 10 and at.done < at.total:
            return
        last = now
        left = "" if at.left is None else f", about {at.left:.0f} s left"
        line = f"{at.done}/{at.total} {what}, {at.elapsed:.0f} s{left}: {at.label}"
        end = "\n" if not live or at.done == at.total else ""
        print(f"\r\x1b[2K{line[:100]}" if live else line, end=end, file=sys.stderr, flush=True)

    return on_progress


def home(store: Path | None) -> Path:
    """Where models are kept."""
    return store or Path(os.environ.get("UNTRAIN_HOME") or Path.home() / ".untrain")


def spoken() -> str:
    """The command as it was given."""
    return shlex.join(["untrain", *sys.argv[1:]])


def priced(price: dict[str, Any], as_json: bool) -> None:
    """Print what work would cost."""
    if as_json:
        show_json({"price": price})
    else:
        typer.echo(price["told"])


def searched(document: dict[str, Any], as_json: bool, out: Path) -> None:
    """Print what a search found: a table, notes and the best spelling, ready to be run."""
    if as_json:
        show_json(document)
        return
    from untrain.reports.terminal import print_search

    print_search(document, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    label = " (oracle-guided)" if document["oracle_guided"] else ""
    typer.echo(f"best{label}: {document['best']['method']}")
    typer.echo(f"audit it: {shlex.join(['untrain', 'run', document['scenario'], document['best']['method']])}")
    typer.echo(f"all trials: {out / 'search.csv'}")


def located_at(document: dict[str, Any], as_json: bool) -> None:
    """Print masks by layer, overlap and stability; exit 1 when a localizer failed."""
    if as_json:
        show_json(document)
    else:
        from untrain.reports.terminal import print_masks

        print_masks(document, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
        if "report" in document:
            typer.echo(f"report: {document['report']}")
    if any(row["error"] for row in document["results"]):
        raise typer.Exit(1)


def memorized(document: dict[str, Any], as_json: bool) -> None:
    """Print how much is memorized, how precisely that is known, and where it was written."""
    if as_json:
        show_json(document)
        return
    spread = ", ".join(f"{value:.3f} at {100 * float(share):g} %" for share, value in document["spread"].items())
    error = document["error"]
    typer.echo(f"memorization of {document['examples']} examples by {document['models']} models: mean {document['mean']:.3f}")
    typer.echo(
        f"spread: {spread}; standard error: {error['0.5']:.3f} at 50 %, {error['0.9']:.3f} at 90 %, {error['1']:.3f} at most"
    )
    if document["out"]:
        typer.echo(f"scores: {document['out']}")


def finish(whole: dict[str, Any], as_json: bool, document: dict[str, Any] | None = None) -> None:
    """Print a table or the JSON; exit 1 when a method failed."""
    if as_json:
        show_json(document if document is not None else whole)
    else:
        from untrain.reports.terminal import print_runs

        print_runs(whole["runs"], colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
        typer.echo(f"report: {whole['report']}")
    if whole["failed"]:
        raise typer.Exit(1)
