"""argv to the training examples behind some outputs."""

from __future__ import annotations

from functools import partial

import typer

from untrain.commands import attribute as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json

NAMED = 5  # training examples that a line names


def _show(document: Document, arguments: Arguments) -> None:
    """Print how far to trust the values, and, per queried example, what raises and lowers its margin."""
    if arguments["as_json"]:
        show_json(document)
        return
    from untrain.reports.attribution_wording import doubts, shown_examples, signed, trust

    for sentence in (*trust(document), *doubts(document), shown_examples(document)):
        typer.echo(sentence)
    for row in document["asked"]:
        typer.echo(
            f"\n{row['set']} example {row['id']}, label {row['label']}: margin {row['margin']:.2f}, predicted {row['predicted']}"
        )
        for way in ("raise", "lower"):
            named = [f"{one['id']} {signed(one['value'])}{' (itself)' if one['itself'] else ''}" for one in row[way][:NAMED]]
            typer.echo(f"  {way}: {', '.join(named) or 'nothing'}")
        if row["chance"]:
            typer.echo(f"  by chance: {signed(row['chance']['low'])} to {signed(row['chance']['high'])}")
    if "report" in document:
        typer.echo(f"\nreport: {document['report']}")


attribute = command(api.attribute, _show, price=partial(api.attribute, price=True))
