"""argv to the demo."""

from __future__ import annotations

from functools import partial

from untrain.commands import demo as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import finish
from untrain.commands.run import price


def _show(document: Document, arguments: Arguments) -> None:
    finish(document, arguments)


demo = command(api.demo, _show, price=partial(price, api.DEMO_SCENARIOS, api.DEMO), verbose=True)
