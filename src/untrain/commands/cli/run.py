"""argv to a run."""

from __future__ import annotations

from pathlib import Path

from untrain.commands import run as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import finish


def _show(document: Document, arguments: Arguments) -> None:
    failed = sum(row["error"] is not None for row in document["results"])
    report = str(arguments["out"] / "report.html")
    finish({"runs": [document], "failed": failed, "report": report}, arguments, document)


run = command(api.run, _show, price=api.price, verbose=True, out=Path("untrain-run"))
