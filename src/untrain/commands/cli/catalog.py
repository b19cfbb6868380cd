"""argv to lists of methods, scores and scenarios."""

from __future__ import annotations

from collections.abc import Callable

import typer

from untrain.commands import catalog as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import JSON, Arguments, command, plain, signed
from untrain.commands.cli.output import show_json


def _listing(function: Callable[[], list[Document]], *roles: str) -> Callable[..., None]:
    """Make a command that lists names by reading source, or with ``--json`` all that the function returns by importing."""

    def invoke(as_json: bool) -> None:
        if as_json:
            show_json(function())
            return
        from untrain.commands.declared_access import access_of
        from untrain.core import discovery

        for place in discovery.of_role(*roles):
            kind = f" ({place.role})" if len(roles) > 1 else ""
            sees = f"{access_of(place) or '-':17}" if "unlearner" in roles else ""
            typer.echo(f"{place.name:16}{kind:14} {sees}{plain(place.summary or place.source)}")

    return signed(invoke, function, [JSON])


def _show(entry: Document, arguments: Arguments) -> None:
    """Print a class with its fields and scores, a score, or a word."""
    if arguments["as_json"]:
        show_json(entry)
        return
    head = {key: entry.get(key) for key in ("name", "role", "summary", "evaluator", "sees")}
    for key, words in (head | entry.get("entry", {}) | {"source": entry.get("source")}).items():
        if words:
            typer.echo(f"{key:9} {plain(words)}")
    for field, about in entry.get("fields", {}).items():
        reach = f" in {about['range']}" if about["range"] else ""
        default = f" = {about['default']}" if about["default"] is not None else ""
        typer.echo(f"  {field}: {about['type']}{reach}{default}\n      {plain(about['doc'])}")
    for score, about in entry.get("scores", {}).items():
        typer.echo(f"  {score}: {plain(about['means'])}")


methods = _listing(api.methods, "unlearner", "recipe")
localizers = _listing(api.localizers, "localizer")
evaluators = _listing(api.evaluators, "evaluator")
observers = _listing(api.observers, "observer")
scenarios = _listing(api.scenarios, "scenario", "request", "noise", "architecture")
executors = _listing(api.executors, "executor")
loggers = _listing(api.loggers, "logger")
show = command(api.show, _show)
