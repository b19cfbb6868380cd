"""Overviews of a service: its requests with alarms, and one request with its history."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from untrain.core.atomic_write import atomic_write
from untrain.core.errors import BadInput, RequestError
from untrain.core.escapes import csv_row
from untrain.service.folder import Service
from untrain.service.log import body_of
from untrain.service.states import NEXT, OPEN
from untrain.service.worker import drift_of

COLUMNS = ("id", "state", "received", "deadline", "ids", "by_whom", "reference", "error")


def overview(service: Service, states: Sequence[str] = ()) -> dict[str, Any]:
    """Requests by deadline, the current checkpoint, drift, and open requests whose deadline is over.

    Raises:
        RequestError: there is no such state.
    """
    for state in states:
        if state not in NEXT:
            raise RequestError(f"{state[:40]!r} is not a state of a request; there is {', '.join(NEXT)}")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows, at = service.ledger.requests(), service.ledger.current()
    return {
        "service": str(service.folder), "checkpoint": str(service.checkpoint(at["checkpoint"])), "sha256": at["sha256"],
        "number": at["number"], "drift": drift_of(service),
        "requests": [{key: row[key] for key in COLUMNS} for row in rows if not states or row["state"] in states],
        "counts": {state: sum(row["state"] == state for row in rows) for state in NEXT},
        "late": [row["id"] for row in rows if row["state"] in OPEN and str(row["deadline"]) < today],
    }  # fmt: skip


def one(service: Service, request: str) -> dict[str, Any]:
    """A request, its history, and its certificate where there is one."""
    row = service.ledger.request(request)
    history = [
        {"at": each["at"], "event": each["event"], "entry": each["seq"], "digest": each["digest"],
         **body_of(each)}
        for each in service.ledger.history(request)
    ]  # fmt: skip
    certificate = service.certificates / f"{request}.json"
    return {
        **{key: row[key] for key in COLUMNS}, "history": history,
        "certificate": str(certificate) if certificate.exists() else None,
        "page": str(certificate.with_suffix(".html")) if certificate.exists() else None,
    }  # fmt: skip


def write_csv(file: Path, requests: Sequence[dict[str, Any]]) -> None:
    """Write requests as a CSV file, in which no cell is a formula."""
    try:
        with atomic_write(file) as fresh, fresh.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([COLUMNS, *(csv_row(row[key] for key in COLUMNS) for row in requests)])
    except OSError as error:
        raise BadInput(f"cannot write {file}: {error.strerror}") from None
