"""An append-only log whose entries each hold the digest of the one before, so that no entry can change without all after it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from untrain.core.errors import DataError
from untrain.runtime.database import Row, TableLayout, Transaction
from untrain.service.canonical import canonical, parse_canonical, sha256
from untrain.service.states import NEXT

FIRST = "0" * 64  # what the first entry holds in place of a digest
LOG = TableLayout("log", {"seq": int, "at": str, "event": str, "request": str, "body": str, "before": str, "digest": str}, ("seq",))
HEAD = TableLayout("head", {"one": int, "seq": int, "digest": str}, ("one",))
_SIGNED = ("seq", "at", "event", "request", "body", "before")


def moment() -> str:
    """Now, in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def append(ledger: Transaction, event: str, request: str = "", **body: Any) -> Row:
    """Add an entry within a transaction that writes; the entry."""
    [head] = ledger.rows("head") or [{"seq": 0, "digest": FIRST}]
    entry: Row = {
        "seq": head["seq"] + 1, "at": moment(), "event": event, "request": request, "body": canonical(body),
        "before": head["digest"],
    }  # fmt: skip
    entry["digest"] = sha256(entry)
    ledger.insert("log", [entry])
    values = {"seq": entry["seq"], "digest": entry["digest"]}
    if not ledger.change("head", {"one": 1}, values):
        ledger.insert("head", [{"one": 1, **values}])
    return entry


def body_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The document of an entry.

    Raises:
        DataError: it was damaged.
    """
    name = f"entry {entry['seq']} of the log"
    body = parse_canonical(entry["body"], name)
    if not isinstance(body, dict):
        raise DataError(f"{name} is not a document of untrain: it is not an object")
    return body


@dataclass
class Replayed:
    """A ledger as its log says that it is.

    Args:
        requests: state, batch, and what was received, by request.
        batches: number, digests before and after and of the document, by batch that was done.
        checkpoint: digest of the current checkpoint; empty before the first.
        opened: the body of the first entry.
        started: digest of the checkpoint that the first run begins from; empty where none was named.
    """

    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkpoint: str = ""
    opened: dict[str, Any] = field(default_factory=dict)
    started: str = ""


def check_log(
    rows: Sequence[Mapping[str, Any]], head: Sequence[Mapping[str, Any]], state: Replayed | None = None, last: int = 0,
    before: str = FIRST,
) -> tuple[Replayed, list[str]]:  # fmt: skip
    """Replay a log; the ledger that it describes, and what is wrong with it.

    Args:
        rows: its entries by number, those after ``last``.
        head: the number and digest of the last entry, which stand apart, so that an end that was cut off is found.
        state: the ledger that entries up to ``last`` describe, which is changed; None for none.
        last: number of the last entry that was replayed before.
        before: digest of that entry.
    """
    state, wrong = Replayed() if state is None else state, list[str]()
    for number, row in enumerate(rows, last + 1):
        last, here = number, f"entry {number} of the log"
        if row["seq"] != number or row["before"] != before:
            wrong.append(f"{here} does not follow the one before: entries were removed, added or changed")
            break
        try:
            digest = sha256({name: row[name] for name in _SIGNED})
            body = parse_canonical(row["body"], here) if isinstance(row["body"], str) else None
        except ValueError:
            digest, body = "", None
        if digest != row["digest"] or not isinstance(body, dict):
            wrong.append(f"{here} was changed: its digest is another")
            break
        complaint = _replay(state, row["event"], row["request"], body)
        wrong += [f"{here}: {complaint}"] if complaint else []
        before = row["digest"]
    shown = [(one["seq"], one["digest"]) for one in head]
    if not wrong and shown != ([(last, before)] if last else []):
        wrong.append(f"the log ends with entry {last}, and its head says otherwise: the end was cut off or changed")
    return state, wrong


def _replay(state: Replayed, event: Any, request: Any, body: dict[str, Any]) -> str:
    """Apply one entry; what is wrong with it, or nothing."""
    if event == "opened":
        state.opened = body
    elif event == "started":
        state.checkpoint = state.started = str(body.get("sha256"))
    elif event == "received":
        if request in state.requests:
            return f"{request} was received twice"
        state.requests[request] = {"state": "received", "batch": "", **body}
    elif event in NEXT:
        if request not in state.requests:
            return f"{request} was never received"
        known = state.requests[request]
        if event not in NEXT.get(known["state"], ()):
            return f"{request} went from {known['state']} to {event}, which is not allowed"
        known["state"], known["batch"] = event, str(body.get("batch", known["batch"]))
    elif event == "done":
        if body.get("before") != state.checkpoint:
            return "a run began from a checkpoint that was not the current one"
        state.checkpoint = str(body.get("after"))
        state.batches[str(body.get("batch"))] = body
    return ""
