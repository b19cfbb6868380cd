"""argv to a search."""

from __future__ import annotations

import shlex
from pathlib import Path

import typer

from untrain.commands import search as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import coloured, show_json, width


def _show(document: Document, arguments: Arguments) -> None:
    """Print a table of trials, notes and the best method, ready to be run."""
    if arguments["as_json"]:
        show_json(document)
        return
    from untrain.reports.terminal import print_search

    print_search(document, coloured(), width())
    label = " (oracle-guided)" if document["oracle_guided"] else ""
    typer.echo(f"best{label}: {document['best']['method']}")
    typer.echo(f"audit it: {shlex.join(['untrain', 'run', document['scenario'], document['best']['method']])}")
    typer.echo(f"all trials: {arguments['out'] / 'search.csv'}")


search = command(api.search, _show, what="trials", out=Path("untrain-search"))
