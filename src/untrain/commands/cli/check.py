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
        left_out = sorted({each["promise"] for each in promises if not each["tried"] and not each["error"]})
        shown = [each for each in promises if each["promise"] not in left_out]
        for each in shown:
            why = f": {each['error']}" if each["error"] else ""
            state = "kept" if not why else "broken" if each["tried"] else "untried"
            typer.echo(f"{state:7} {each['method']}: {each['promise']}{why}")
        untried = sum(not each["tried"] for each in shown)
        rest = f", {untried} not tried" if untried else ""
        typer.echo(f"{len(shown) - len(broken)} promises kept, {len(broken) - untried} broken{rest}")
        if left_out:
            typer.echo(f"left out by --fast: {'; '.join(left_out)}")
    raise typer.Exit(1 if broken else 0)


check = command(api.check, _show)
