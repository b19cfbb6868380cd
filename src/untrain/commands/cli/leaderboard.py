"""argv to a leaderboard."""

from __future__ import annotations

from pathlib import Path

import typer

from untrain.commands import leaderboard as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import coloured, show_json, width


def _show(document: Document, arguments: Arguments) -> None:
    """Print the standings; exit 1 when a method that was named failed."""
    if arguments["as_json"]:
        show_json(document)
    else:
        from untrain.reports.terminal import print_leaderboard

        print_leaderboard(document, coloured(), width())
        typer.echo(f"board: {document['file']}")
        typer.echo(f"report: {document['report']}")
    if arguments.get("methods"):
        from untrain.core.spec import parse

        named = {repr(parse(method)) for method in arguments["methods"]}
        if any(row["error"] for request in document["requests"] for row in request["rows"] if row["name"] in named):
            raise typer.Exit(1)


leaderboard = command(api.leaderboard, _show, positional=("methods",), price=api.price_leaderboard, out=Path("untrain-leaderboard"))
