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
        typer.echo(f"{name} {what}: {before[name][what]:.3f} before, {after[name][what]:.3f} after ({after[name]['rows']:,} rows)")
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
        for line in audit["warnings"]:
            typer.echo(printable(f"warning: {line}"))
        typer.echo(printable(f"report: {audit['report']}"))


def _alike(before: dict[str, Any] | None, after: dict[str, Any] | None, classes: bool, retrained: bool) -> str:
    if before is None or after is None:
        return "forgotten rows beside unseen ones: not known, as no data were given that the model has not seen (--valid)"
    verdict = (
        "met"
        if after["met"]
        else "not met, though this model never saw them: the aim is off, or it is chance"
        if retrained
        else "not met"
    )
    if before["met"]:
        verdict += ", as before: these rows were never unlike, and this says nothing about the method"
    unseen = "an unseen one of its class" if classes else "an unseen one"
    by = "taken for granted" if after["granted"] else "expected of a model that never saw them"
    aim = f"{after['aim']:.3f} is {by}, standard error {after['aim_error']:.3f}"
    return (
        f"chance that a forgotten row has a larger loss than {unseen}: {before['area']:.3f} before, "
        f"{after['area']:.3f} after ({aim}; within {after['within']:.3f}: {verdict})"
    )


forget = command(api.forget, _show)
