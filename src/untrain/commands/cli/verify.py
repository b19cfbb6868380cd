"""argv to checks of certificates and of the ledger."""

from __future__ import annotations

import typer

from untrain.commands import verify as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json


def _show(document: Document, arguments: Arguments) -> None:
    """Print the findings; exit 1 where one is wrong."""
    if arguments["as_json"]:
        show_json(document)
    else:
        for one in document["findings"]:
            typer.echo(f"{one['outcome']:12} {one['what'].replace('_', ' '):13} {one['detail']}")
        checked = sum(one["outcome"] == "right" for one in document["findings"])
        typer.echo(f"{checked} right, {len(document['findings']) - checked} not" if document["right"] else "NOT VERIFIED")
    raise typer.Exit(0 if document["right"] else 1)


def _show_ledger(document: Document, arguments: Arguments) -> None:
    """Print what is wrong with a ledger; exit 1 where something is."""
    if arguments["as_json"]:
        show_json(document)
    else:
        for one in document["wrong"]:
            typer.echo(f"wrong: {one}")
        if document["right"]:
            typer.echo(f"{document['entries']} entries, each follows the one before, and every row is as the log says")
            typer.echo(f"the last one is {document['digest']}: note it elsewhere, and a later cut or change shows")
    raise typer.Exit(0 if document["right"] else 1)


verify = command(api.verify, _show)
ledger = command(api.ledger, _show_ledger)
