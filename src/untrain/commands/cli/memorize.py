"""argv to scores of memorization."""

from __future__ import annotations

from functools import partial

import typer

from untrain.commands import memorize as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json


def _show(document: Document, arguments: Arguments) -> None:
    """Print how much is memorized and what of, the standard error of the scores, and their file."""
    if arguments["as_json"]:
        show_json(document)
        return
    spread = ", ".join(f"{value:.3f} at {100 * float(share):g} %" for share, value in document["spread"].items())
    error = document["error"]
    typer.echo(f"memorization of {document['examples']} examples by {document['models']} models: mean {document['mean']:.3f}")
    typer.echo(f"it is the {document['of']} of models that saw an example, less that of models that did not. {document['about']}")
    typer.echo(
        f"spread: {spread}; standard error: {error['0.5']:.3f} at 50 %, {error['0.9']:.3f} at 90 %, {error['1']:.3f} at most"
    )
    if document["out"]:
        typer.echo(f"scores: {document['out']}")


memorize = command(api.memorize, _show, price=partial(api.memorize, price=True))
