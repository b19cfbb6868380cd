"""argv to a new method."""

from __future__ import annotations

import typer

from untrain.commands import new as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json


def _show(made: Document, arguments: Arguments) -> None:
    """Print the files and the commands to try."""
    if arguments["as_json"]:
        show_json(made)
        return
    for file in made["files"]:
        typer.echo(f"wrote {file}")
    typer.echo("It runs as it is. Try:")
    for line in made["next"]:
        typer.echo(f"  {line}")


new = command(api.new, _show)
