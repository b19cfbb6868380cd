"""argv to a checkpoint that forgot."""

from __future__ import annotations

from typing import Any

import typer

from untrain.commands import forget as api
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json
from untrain.core.escapes import printable


def _show(document: Document, arguments: Arguments) -> None:
    """Print what was done, and what it looks like before and after; the plan was printed as it was made."""
    if arguments["as_json"]:
        show_json(document)
        return
    if document.get("dry_run"):
        typer.echo("dry run: nothing was changed")
        return
    before, after = document["before"], document["after"]
    typer.echo(printable(f"method: {document['method']} ({document['why']})"))
    classes = bool(document["plan"]["classes"])
    accuracies = (("validation", "accuracy"), ("retain", "loss"), ("forget", "accuracy"), ("forget", "loss"))
    for name, what in accuracies if classes else (("validation", "loss"), ("retain", "loss"), ("forget", "loss")):
        rows = f"{after[name]['rows']:,} row{'s'[: after[name]['rows'] != 1]}"
        typer.echo(f"{name} {what}: {before[name][what]:.3f} before, {after[name][what]:.3f} after ({rows})")
    typer.echo(_alike(before["alike"], after["alike"], classes, document["method"].startswith("Retrain")))
    for note in document["method_notes"]:
        typer.echo(printable(f"note: {note}"))
    typer.echo(printable(f"checkpoint: {document['out']['path']}"))
    typer.echo(printable(f"document: {document['out']['path']}.json"))
    if audit := document.get("audit"):
        count = audit["oracles"]
        by = f"{count} model{'s'[: count != 1]} trained without the forgotten rows and {audit['originals']} with them"
        typer.echo(printable(f"audit: {audit['conclusion']} ({by})"))
        typer.echo(printable(f"tests: {audit['tests']}"))
        if proxy := audit["proxy"]:
            typer.echo(printable(f"without oracles: {proxy['sentence']}"))
        for line in (each for each in audit["warnings"] if not each.endswith(tuple(document["method_notes"]))):  # said once
            typer.echo(printable(f"warning: {line}"))
        typer.echo(printable(f"report: {audit['report']}"))


def _alike(before: dict[str, Any] | None, after: dict[str, Any] | None, classes: bool, retrained: bool) -> str:
    if before is None or after is None:
        return "forgotten rows beside unseen ones: not known, as no data were given that the model has not seen (--valid)"
    from untrain.experiments.forgetting.tries import COARSE  # here, so that a ``--help`` does without

    met = "met" if after["met"] else "missed"
    if after["aim_error"] > COARSE:
        met = "too few rows to tell"
    elif before["met"]:
        met += ", and by the old model too, so that this says nothing about the method"
    elif retrained and not after["met"]:
        met += ", though this model never saw them: the aim is off, or it is chance"
    unseen = "unseen ones of their classes" if classes else "unseen ones"
    by = "taken for granted" if after["granted"] else "expected of a model that never saw them"
    return (
        f"forgotten rows beside {unseen}: larger loss with chance {before['area']:.3f} before, {after['area']:.3f} after; "
        f"aim {after['aim']:.3f} ± {after['within']:.3f} ({by}): {met}"
    )


forget = command(api.forget, _show)
