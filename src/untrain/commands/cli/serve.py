"""argv to the local web view."""

from __future__ import annotations

from untrain.commands import serve as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json


def _show(document: Document, arguments: Arguments) -> None:
    """Print the address where JSON is wanted; it was printed when the view began."""
    if arguments["as_json"]:
        show_json(document)


serve = command(api.serve, _show)
