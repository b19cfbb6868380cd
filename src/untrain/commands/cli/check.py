"""argv to the promises of a method."""

from __future__ import annotations

import typer

from untrain.commands import check as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json


def _show(promises: list[Document], arguments: Arguments) -> None:
    """Print each promise and whether it is kept; exit 1 when one is broken."""
    broken = [each for each in promises if each["error"]]
    if arguments["as_json"]:
        show_json(promises)
    else:
        for each in promises:
            why = f": {each['error']}" if each["error"] else ""
            state = "kept" if not why else "broken" if each["tried"] else "untried"
            typer.echo(f"{state:7} {each['method']}: {each['promise']}{why}")
        untried = sum(not each["tried"] for each in promises)
        rest = f", {untried} not tried" if untried else ""
        typer.echo(f"{len(promises) - len(broken)} promises kept, {len(broken) - untried} broken{rest}")
    raise typer.Exit(1 if broken else 0)


check = command(api.check, _show)
