"""argv to a report of stored runs."""

from __future__ import annotations

from untrain.commands import report as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import finish


def _show(document: Document, arguments: Arguments) -> None:
    finish(document, arguments)


report = command(api.report, _show, positional=("runs",), verbose=True)
