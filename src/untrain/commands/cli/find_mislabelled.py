"""argv to rows whose label is probably wrong."""

from __future__ import annotations

import typer

from untrain.commands import find_mislabelled as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json
from untrain.core.escapes import printable

SHOWN = 10


def _show(document: Document, arguments: Arguments) -> None:
    """Print how many labels are doubtful, how far to trust that, the worst rows, and where the list and the page are."""
    if arguments["as_json"]:
        show_json(document)
        return
    count, rows, listed = document["found"], document["rows"], document["listed"]
    typer.echo(f"{count:,} of {rows:,} labels {'is' if count == 1 else 'are'} probably wrong ({count / rows:.1%})")
    typer.echo(
        f"models of {document['folds']} folds get {document['accuracy']:.1%} of the rows right that they did not see; a guess at "
        f"the commonest label gets {document['guess']:.1%}"
    )
    for each in listed[:SHOWN]:
        typer.echo(
            printable(
                f"  {each['id']}: given {each['given']}, likely {each['likely']}, probability of the given {each['score']:.3f}"
            )
        )
    if len(listed) > SHOWN:
        typer.echo(f"  and {len(listed) - SHOWN:,} more")
    if document["shared_ids"]:
        typer.echo(f"{document['shared_ids']} listed rows share their id with others: a request takes all rows of an id")
    if document["out"]:
        typer.echo(printable(f"list: {document['out']}"))
        typer.echo(printable(f"page to tick them: {document['page']}"))
    if document.get("review"):
        typer.echo(f"review {document['review']}: `untrain serve` shows it")
    elif not document["out"]:
        typer.echo("--out FILE.csv writes the list, and a page to tick rows for a request")


find_mislabelled = command(api.find_mislabelled, _show, positional=("data",), what="folds")
