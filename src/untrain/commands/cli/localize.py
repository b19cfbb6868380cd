"""argv to the masks of localizers."""

from __future__ import annotations

import typer

from untrain.commands import localize as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import coloured, show_json, width


def _show(document: Document, arguments: Arguments) -> None:
    """Print masks by layer, overlap and stability; exit 1 when a localizer failed."""
    if arguments["as_json"]:
        show_json(document)
    else:
        from untrain.reports.terminal import print_masks

        print_masks(document, coloured(), width())
        if "report" in document:
            typer.echo(f"report: {document['report']}")
    if any(row["error"] for row in document["results"]):
        raise typer.Exit(1)


localize = command(api.localize, _show, what="models and masks")
