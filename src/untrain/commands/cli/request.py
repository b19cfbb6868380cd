"""argv to requests in a queue: ``untrain request ...``."""

from __future__ import annotations

from typing import Any

import typer

from untrain.commands import request as api
from untrain.commands import request_run as runs
from untrain.commands.arguments import Document
from untrain.commands.cli.options import Arguments, command
from untrain.commands.cli.output import show_json
from untrain.commands.cli.verify import ledger

request = typer.Typer(
    name="request", no_args_is_help=True, rich_markup_mode=None,
    help="Keep requests to forget in a queue, week after week.\n\n"
    "\b\nExamples:\n    untrain request init model.safetensors train.csv\n    untrain request add ids.csv\n"
    "    untrain request approve all\n    untrain request run\n    untrain request list",
)  # fmt: skip


def _facts(document: Document, arguments: Arguments) -> None:
    """Print a flat document, one fact per line."""
    if arguments["as_json"]:
        show_json(document)
        return
    for name, value in document.items():
        if value not in ("", None, [], {}) and not isinstance(value, dict):
            typer.echo(f"{name.replace('_', ' '):12} {', '.join(map(str, value)) if isinstance(value, list) else value}")


def _added(document: Document, arguments: Arguments) -> None:
    """Print the new request."""
    if arguments["as_json"]:
        show_json(document)
        return
    for note in document["notes"]:
        typer.echo(note)
    typer.echo(f"{document['id']}: {_ids(document)}, due {document['deadline']}, {document['state']}")
    for name, count in document["shared"].items():
        typer.echo(f"  {count} of them {'is' if count == 1 else 'are'} in {name} too")


def _ids(row: Document) -> str:
    return f"{row['ids']} id{'s'[: row['ids'] != 1]}"


def _list(document: Document, arguments: Arguments) -> None:
    """Print requests and alarms."""
    if arguments["as_json"]:
        show_json(document)
        return
    for row in document["requests"]:
        late = "  LATE" if row["id"] in document["late"] else ""
        more = row["error"] or row["reference"]
        typer.echo(f"{row['id']:8} {row['state']:10} due {row['deadline']}{late}  {_ids(row):>10}  {more}".rstrip())
    if not document["requests"]:
        typer.echo("no requests")
    typer.echo(f"checkpoint {document['number']}: {document['checkpoint']}")
    _alarms(document["drift"])


def _alarms(drift: Document) -> None:
    share = "" if drift["share"] is None else f", {drift['share']:.1%} of the training rows"
    typer.echo(f"since the model was last retrained: {drift['runs']} runs, {drift['rows']} rows forgotten{share}")
    for one in drift["alarms"]:
        rate = one["false_alarm_rate"]
        typer.echo(
            f"ALARM: {one['what']} ({one['based_on']})" + (f"; false alarms: at most {rate:.0%}" if rate is not None else "")
        )


def _ran(document: Document, arguments: Arguments) -> None:
    """Print the run."""
    if arguments["as_json"]:
        show_json(document)
        return
    run, waiting = document["run"], [row["id"] for row in document["requests"]]
    if run is None:
        typer.echo(f"another worker is at it: {', '.join(waiting)}" if waiting else "no request is approved; nothing was done")
        return
    typer.echo(f"forgotten: {', '.join(run['requests'])}, by {run['method'] or 'a method that its document does not name'}")
    typer.echo(f"checkpoint {run['number']}: {run['checkpoint']}")
    typer.echo(f"SHA-256     {run['sha256']}")
    typer.echo(f"certificates and their pages: {document['certificates']}")
    _alarms(document["drift"])


def _one(document: Document, arguments: Arguments) -> None:
    """Print a request and its history."""
    if arguments["as_json"]:
        show_json(document)
        return
    _facts({name: value for name, value in document.items() if name != "history"}, arguments)
    for each in document["history"]:
        more = {key: each[key] for key in ("by", "why", "error", "batch") if each.get(key)}
        typer.echo(f"  {each['at']} {each['event']:10} {', '.join(f'{key} {value}' for key, value in more.items())}")


def _plan(document: Document, arguments: Arguments) -> None:
    """Print that a request is planned; the plan was printed as it was made."""
    if arguments["as_json"]:
        show_json(document)
    else:
        typer.echo("planned: nothing was changed; `untrain request approve` lets it run")


def _watched(document: Document, arguments: Arguments) -> None:
    """Print what was done while it watched."""
    if arguments["as_json"]:
        show_json(document)
    else:
        typer.echo(f"{len(document['runs'])} runs, {len(document['failures'])} failures")
    raise typer.Exit(1 if document["failures"] else 0)


_COMMANDS: dict[str, Any] = {
    "init": command(api.init, _facts),
    "key": command(api.key, _facts),
    "add": command(api.add, _added, positional=("file",)),
    "list": command(api.listing, _list),
    "plan": command(runs.plan, _plan),
    "approve": command(api.approve, _facts),
    "run": command(runs.run, _ran),
    "audit": command(runs.audited, _facts),
    "show": command(api.show, _one),
    "verify": ledger,
    "withdraw": command(api.withdraw, _facts),
    "watch": command(runs.watch, _watched),
}
for _name, _each in _COMMANDS.items():
    request.command(_name)(_each)
