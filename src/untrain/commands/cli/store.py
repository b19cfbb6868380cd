"""argv to the contents of a store."""

from __future__ import annotations

import time

import typer

from untrain.commands import store as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json, size


def _show(contents: Document, arguments: Arguments) -> None:
    """Print what the store holds; exit 1 when a file is damaged."""
    if arguments["as_json"]:
        show_json(contents)
    else:
        typer.echo(f"{contents['store']}: {contents['entries']} entries, {size(contents['bytes'])}")
        for kind, part in contents["kinds"].items():
            typer.echo(f"  {kind:10} {part['entries']:6}  {size(part['bytes'])}")
        for run in contents["runs"]:
            typer.echo(f"  run {run['key'][:12]} {time.strftime('%Y-%m-%d %H:%M', time.localtime(run['made']))} {run['label']}")
        if arguments["prune"]:
            typer.echo(f"removed {contents['pruned']['entries']} entries, {size(contents['pruned']['bytes'])}")
        if arguments["verify"] and not contents["damaged"]:
            typer.echo("every file is as it was written")
        for name in contents["damaged"]:
            typer.echo(f"damaged: {name}; `untrain store --verify --prune` removes it")
        for name in contents["left"]:
            typer.echo(f"left by a process that was killed: {name}; `untrain store --prune` removes it")
        for work in contents["stays"]:
            typer.echo(f"stays: {work['name']}: {work['why']}")
        for other in contents["beside"]:
            typer.echo(f"no part of the store, and yours to remove: {other['name']}, {size(other['bytes'])}")
    raise typer.Exit(1 if contents["damaged"] else 0)


store = command(api.store, _show)
