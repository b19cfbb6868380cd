"""argv to checks of certificates and of the ledger."""

from __future__ import annotations

import typer

from untrain.commands import verify as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json

UNKNOWN_SIGNER = 4  # exit code where all is right that was checked, and nobody said whose key should have signed


def _show(document: Document, arguments: Arguments) -> None:
    """Print the findings; exit 1 where one is wrong, and 4 where it is not known who signed."""
    if arguments["as_json"]:
        show_json(document)
    else:
        for one in document["findings"]:
            typer.echo(f"{one['outcome']:12} {one['what'].replace('_', ' '):13} {one['detail']}")
        checked = sum(one["outcome"] == "right" for one in document["findings"])
        if not document["right"]:
            typer.echo("NOT VERIFIED")
        elif document["signer"] != "right":
            typer.echo("SIGNER NOT CHECKED: anyone can make a key; give --public-key")
        else:
            typer.echo(f"{checked} right, {len(document['findings']) - checked} not checked")
    raise typer.Exit(1 if not document["right"] else 0 if document["signer"] == "right" else UNKNOWN_SIGNER)


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
