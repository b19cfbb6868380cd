"""Runs of requests to forget: ``untrain request plan | run | audit | watch``."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from untrain.commands.arguments import AtLeast, Document
from untrain.commands.service_place import Place, file_of, forget_job, open_at, passphrase, user
from untrain.core.errors import BadInput, UntrainError

if TYPE_CHECKING:
    from untrain.runtime.progress import OnProgress


def plan(request: str, service: Place = None, on_progress: OnProgress | None = None) -> Document:
    """Print what a request would change, without changing it.

    Examples:
        untrain request plan R00001

    Args:
        request: its name.
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.

    Returns:
        The plan of ``untrain forget`` for it.
    """
    from untrain.service.worker import plan_of

    return plan_of(open_at(service), request, lambda job: forget_job(job, True, on_progress), user())


def run(
    service: Place = None, most: Annotated[int, AtLeast(0)] | None = None, on_progress: OnProgress | None = None
) -> Document:  # fmt: skip
    """Forget approved requests; write checkpoint and certificates.

    Examples:
        untrain request run

    Args:
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.
        most: requests at most, those that are due first; 0 for all, None for what the settings say.

    Returns:
        The run, or null where nothing was approved or another worker is at it; which requests wait, and drift.
    """
    from untrain.service.overview import overview
    from untrain.service.publish import publisher
    from untrain.service.worker import run_once

    place = open_at(service)
    done = run_once(place, partial(forget_job, on_progress=on_progress), publisher(place, passphrase), most)
    return {"run": done, "certificates": str(place.certificates), **overview(place, ["approved", "running"])}


def audited(request: str, file: str | Path, service: Place = None) -> Document:
    """Add the scores of an audit to the certificate of a request.

    Examples:
        untrain request audit R00001 audit.json

    Args:
        request: its name.
        file: what ``untrain audit --json`` printed about the checkpoint of its run.
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.

    Returns:
        The request, and the place of its certificate.
    """
    from untrain.service.audits import record_audit
    from untrain.service.publish import publisher

    place, source = open_at(service), file_of(file)
    publish = publisher(place, passphrase)
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read {source} as the JSON of an audit: {str(error)[:100]}") from None
    record_audit(place, request, document, user())
    return {**place.ledger.request(request), "certificate": str(publish(place, request))}


def watch(
    service: Place = None, every: float = 3600.0, rounds: Annotated[int, AtLeast(1)] | None = None,
    on_progress: OnProgress | None = None,
) -> Document:  # fmt: skip
    """Run approved requests as they come.

    Examples:
        untrain request watch --every 86400

    Args:
        service: folder of the service; None for the folder ``service`` in $UNTRAIN_HOME or ~/.untrain.
        every: seconds between looks.
        rounds: looks after which it ends; None for no end.

    Returns:
        Runs made, and failures.
    """
    from untrain.runtime.progress import say, show_stage

    made: list[Any] = []
    failures: list[str] = []
    count = 0
    while True:
        count += 1
        try:
            document = run(service, on_progress=on_progress)
            said = [f"run {document['run']['number']}: {', '.join(document['run']['requests'])}"] if document["run"] else []
            made += [document["run"]] if document["run"] else []
            said += [f"alarm: {each['what']} ({each['based_on']})" for each in document["drift"]["alarms"]]
            said += [f"{name} is past its deadline" for name in document["late"]]
        except UntrainError as error:
            if count == 1 and isinstance(error, BadInput) and not made:
                raise
            said = [f"failed: {error}"]
            failures += said
        for line in said:
            say(on_progress, line)
        show_stage(on_progress, "")
        if rounds is not None and count >= rounds:
            return {"runs": made, "failures": failures}
        time.sleep(every)
