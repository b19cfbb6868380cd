"""Checks of a ledger: the log by its digests, every row by the log, all of it or what came since the last check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from untrain.core.errors import DataError
from untrain.runtime.database import Row, Transaction
from untrain.service.canonical import sha256
from untrain.service.log import FIRST, Replayed, check_log

RECEIVED = ("received", "deadline", "ids", "subjects", "by_whom", "reference")
MANY = 500  # rows of a statement


@dataclass(eq=False)
class Checked:
    """The part of a log that was found right: its last entry, and the ledger that it describes up to there."""

    seq: int = 0
    digest: str = FIRST
    state: Replayed = field(default_factory=Replayed)


def compare(rows: dict[str, list[Row]]) -> list[str]:
    """Find what is wrong with the tables of a ledger, whatever they hold."""
    state, wrong = check_log(rows["log"], rows["head"])
    begun = [row["sha256"] for row in rows["start"]] == [state.started] * bool(state.started)
    begins = [] if begun else ["the checkpoint to begin from is another than the log says"]
    return wrong or begins + compare_rows(rows, state)


def compare_rows(rows: dict[str, list[Row]], state: Replayed) -> list[str]:
    """Find what differs between tables and the ledger that a log describes."""
    wrong: list[str] = []
    stored = {row["id"]: row for row in rows["requests"]}
    listed: dict[Any, list[str]] = {}
    for one in rows["subjects"]:
        listed.setdefault(one["request"], []).append(str(one["hash"]))
    for name in sorted({*map(str, stored), *map(str, state.requests)}):
        row, known = stored.get(name), state.requests.get(name)
        if row is None or known is None:
            wrong.append(f"{name} is {'not in the log' if known is None else 'in the log and not in the table of requests'}")
            continue
        other = [key for key in ("state", "batch", *RECEIVED) if row[key] != known.get(key)]
        wrong += [f"{name}: its {key} is {row[key]!r}, and by the log {known.get(key)!r}" for key in other]
        if _digest(sorted(listed.get(name, []))) != known.get("subjects"):
            wrong.append(f"{name}: its list of hashed ids was changed")
    strange = sorted({repr(one["request"]) for one in rows["subjects"] if one["request"] not in stored})
    wrong += [f"hashed ids of {name}, which was never received" for name in strange]
    done = {row["id"]: row for row in rows["batches"] if row["state"] == "done"}
    for name in sorted({*map(str, done), *state.batches}):
        row, known = done.get(name), state.batches.get(name)
        if row is None or known is None:
            wrong.append(f"run {name} is {'not in the log' if known is None else 'in the log and not in the table of runs'}")
            continue
        said = {key: row[key] for key in ("number", "before", "after", "checkpoint", "finished")}
        said["document"] = _digest(row["document"])
        wrong += [f"run {name}: its {key} was changed" for key, value in said.items() if value != known.get(key)]
    return wrong


def check_since(tables: Transaction, checked: Checked, request: str) -> tuple[Checked, list[str]]:
    """Check entries since the last check, their rows, and those of one request; the part that is checked now, and what is wrong.

    The cost grows with what is new and not with the ledger: rows of other requests are left to the next check of the whole. The
    state of ``checked`` is changed in place, by one thread at a time; after something wrong the next check begins anew.
    """
    head = tables.rows("head")
    last = head[0]["seq"] if head and isinstance(head[0]["seq"], int) else 0
    before = tables.rows("log", {"seq": checked.seq}) if checked.seq else []
    if checked.seq and [row["digest"] for row in before] != [checked.digest]:
        return checked, [f"entry {checked.seq} of the log was changed since it was checked"]
    fresh: list[Row] = []
    for at in range(checked.seq + 1, last + 1, MANY):
        fresh += tables.rows("log", {"seq": list(range(at, min(at + MANY, last + 1)))}, ("seq",))
    # The state is carried on in place, since a copy would cost as much as the ledger; what turns out wrong ends it.
    state, wrong = check_log(fresh, head, checked.state, checked.seq, checked.digest)
    if wrong:
        return Checked(), wrong
    names = sorted({str(row["request"]) for row in fresh if row["request"]} | ({request} if request else set()))
    requests = {name: known for name, known in state.requests.items() if name in names}
    batches = {known["batch"] for known in requests.values() if known["batch"]}
    part = Replayed(requests, {name: known for name, known in state.batches.items() if name in batches})
    rows = {
        "requests": _some(tables, "requests", "id", names), "subjects": _some(tables, "subjects", "request", names),
        "batches": _some(tables, "batches", "id", sorted(batches)),
    }  # fmt: skip
    wrong = compare_rows(rows, part)
    digest = head[0]["digest"] if head else FIRST
    return (Checked() if wrong else Checked(last, digest, state)), wrong


def _some(tables: Transaction, table: str, key: str, names: list[str]) -> list[Row]:
    return [row for at in range(0, len(names), MANY) for row in tables.rows(table, {key: names[at : at + MANY]})]


def _digest(value: Any) -> str:
    try:
        return sha256(value)
    except (ValueError, DataError):
        return ""
