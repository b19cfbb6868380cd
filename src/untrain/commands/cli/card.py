"""argv to a section of a model card."""

from __future__ import annotations

import typer

from untrain.commands import card as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json
from untrain.core.escapes import printable


def _show(document: Document, arguments: Arguments) -> None:
    """Print the section, or where it was written."""
    if arguments["as_json"]:
        show_json(document)
    elif document["readme"] is None:
        typer.echo(document["section"], nl=False)
    else:
        typer.echo(printable(f"model card: {document['readme']}"))


card = command(api.card, _show)
