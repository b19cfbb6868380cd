"""The ledger of requests: what was received, what became of it, and which run made which checkpoint of which."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from untrain.core.errors import DataError, RequestError, StoreError
from untrain.runtime.database import Database, Row, TableLayout, Transaction
from untrain.service.canonical import parse_canonical, sha256
from untrain.service.checking import RECEIVED, Checked, check_since, compare
from untrain.service.log import HEAD, LOG, append, body_of, check_log, moment
from untrain.service.states import DONE, check_step
from untrain.service.subjects import Salt

FORMAT = 1
REQUESTS = TableLayout(
    "requests",
    {
        "id": str, "state": str, "received": str, "deadline": str, "ids": int, "subjects": str, "by_whom": str, "reference": str,
        "batch": str, "deaths": int, "error": str,
    },
    ("id",),
)  # fmt: skip
SUBJECTS = TableLayout("subjects", {"request": str, "hash": str}, ("request", "hash"))
BATCHES = TableLayout(
    "batches",
    {
        "id": str, "state": str, "worker": str, "beat": float, "number": int, "before": str, "after": str, "checkpoint": str,
        "document": str, "finished": str,
    },
    ("id",),
)  # fmt: skip
CHECKPOINTS = TableLayout("start", {"one": int, "checkpoint": str, "sha256": str}, ("one",))
TABLES = (LOG, HEAD, REQUESTS, SUBJECTS, BATCHES, CHECKPOINTS)


@dataclass(frozen=True)
class RequestBatch:
    """Requests that one run serves: its id, who runs it, the requests, and the checkpoint that it begins from with its digest."""

    id: str
    worker: str
    requests: tuple[str, ...]
    checkpoint: str
    before: str
    number: int


@dataclass(frozen=True)
class Ledger:
    """Requests, runs and their log in a database.

    Args:
        database: with the tables of a ledger.
        salt: with which ids are hashed.
    """

    database: Database
    salt: Salt
    _checked: list[Checked] = field(default_factory=lambda: [Checked()], repr=False, compare=False)
    _checking: Lock = field(default_factory=Lock, repr=False, compare=False)

    def open(self) -> Ledger:
        """Begin the log where there is none; refuse a salt of another ledger.

        Raises:
            StoreError: ids were hashed with another salt.
        """
        check = self.salt.hashed("untrain.check")
        with self.database.writing() as tables:
            first = tables.rows("log", {"seq": 1})
            if not first:
                append(tables, "opened", format=FORMAT, salt=check)
                return self
        if body_of(first[0]).get("salt") != check:
            raise StoreError(f"{self.database.name} was made with another salt: bring back the file of its salt, or name another")
        return self

    def start(self, checkpoint: str, digest: str) -> None:
        """Record the checkpoint that the first run begins from.

        Raises:
            RequestError: there is one.
        """
        with self.database.writing() as tables:
            if tables.rows("start"):
                raise RequestError("this ledger has its first checkpoint already")
            tables.insert("start", [{"one": 1, "checkpoint": checkpoint, "sha256": digest}])
            append(tables, "started", sha256=digest)

    def add(self, ids: Sequence[object], deadline: str, by: str, reference: str = "", request: str = "") -> str:
        """Record a request; its id. Of the ids only salted hashes are kept."""
        hashes = self.salt.all_hashed(ids)
        with self.database.writing() as tables:
            name = request or f"R{len(tables.rows('requests')) + 1:05d}"
            row = {
                "id": name, "state": "received", "received": moment(), "deadline": deadline, "ids": len(hashes),
                "subjects": sha256(hashes), "by_whom": by, "reference": reference, "batch": "", "deaths": 0, "error": "",
            }  # fmt: skip
            tables.insert("requests", [row])
            tables.insert("subjects", [{"request": name, "hash": each} for each in hashes])
            append(tables, "received", name, **{key: row[key] for key in RECEIVED})
        return name

    def move(self, request: str, to: str, **body: Any) -> Row:
        """Take a request to another state.

        Raises:
            RequestError: there is no such request, or the step is not allowed.
        """
        with self.database.writing() as tables:
            return step(tables, request, to, **body)

    def note(self, event: str, request: str = "", **body: Any) -> None:
        """Add an entry to the log that changes no state."""
        with self.database.writing() as tables:
            append(tables, event, request, **body)

    def requests(self, *states: str) -> list[Row]:
        """All requests, or those in some states, by deadline."""
        with self.database.reading() as tables:
            return tables.rows("requests", {"state": list(states)} if states else None, ("deadline", "id"))

    def request(self, name: str) -> Row:
        """One request.

        Raises:
            RequestError: there is none of this name.
        """
        with self.database.reading() as tables:
            return _request(tables, name)

    def history(self, request: str) -> list[Row]:
        """The entries of the log about a request, and about the runs that served it."""
        with self.database.reading() as tables:
            return tables.rows("log", {"request": request}, ("seq",))

    def runs(self) -> list[Row]:
        """All runs that made a checkpoint, in their order."""
        with self.database.reading() as tables:
            return tables.rows("batches", {"state": "done"}, ("number",))

    def current(self) -> Row:
        """The current checkpoint: its name, digest and number, 0 for the first.

        Raises:
            RequestError: there is none yet.
        """
        with self.database.reading() as tables:
            return current(tables)

    def shared(self, ids: Sequence[object], but: str = "") -> dict[str, int]:
        """Other requests that name some of these ids, and how many."""
        hashes = self.salt.all_hashed(ids)
        with self.database.reading() as tables:
            rows = [row for at in range(0, len(hashes), 500) for row in tables.rows("subjects", {"hash": hashes[at : at + 500]})]
        names = [row["request"] for row in rows if row["request"] != but]
        return {name: names.count(name) for name in sorted(set(names))}

    def knows(self, texts: Sequence[str]) -> bool:
        """Return whether some request named one of these texts as an id."""
        hashes = self.salt.all_hashed(texts)
        parts = [hashes[at : at + 500] for at in range(0, len(hashes), 500)]
        with self.database.reading() as tables:
            return any(tables.rows("subjects", {"hash": part}, limit=1) for part in parts)

    def gone(self, before: int | None = None) -> set[str]:
        """Hashes of all ids that the current checkpoint has forgotten, or those that runs before a number forgot."""
        with self.database.reading() as tables:
            runs = [row["id"] for row in tables.rows("batches", {"state": "done"}) if before is None or row["number"] < before]
            names = [row["id"] for row in tables.rows("requests", {"batch": runs, "state": list(DONE)})]
            return {row["hash"] for row in tables.rows("subjects", {"request": names})}

    def refuse_changed(self) -> None:
        """Refuse to go on with a ledger that somebody changed.

        Raises:
            StoreError: a row or an entry of the log was changed; what was, in one line.
        """
        with self.database.reading() as tables:
            rows = {each.name: tables.rows(each.name, order=each.key) for each in TABLES}
        _refuse(compare(rows))
        head = rows["head"][0]
        with self._checking:
            self._checked[0] = Checked(head["seq"], head["digest"], check_log(rows["log"], rows["head"])[0])

    def refuse_changed_since(self, request: str) -> None:
        """Refuse a ledger that somebody changed since it was last checked, or whose rows about a request are not as the log says.

        Its cost grows with what is new, not with the ledger.

        Raises:
            StoreError: the same.
        """
        with self._checking, self.database.reading() as tables:
            checked, self._checked[0] = self._checked[0], Checked()  # a check that is broken off leaves nothing behind
            self._checked[0], wrong = check_since(tables, checked, request)
        _refuse(wrong)

    def check(self) -> list[str]:
        """Compare every row with the log, and the log with its digests; what is wrong."""
        with self.database.reading() as tables:
            rows = {each.name: tables.rows(each.name, order=each.key) for each in TABLES}
        return compare(rows)


def _refuse(wrong: list[str]) -> None:
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise StoreError(f"the ledger was changed: {wrong[0]}{more}; `untrain request verify` lists all")


def _request(tables: Transaction, name: str) -> Row:
    rows = tables.rows("requests", {"id": name})
    if not rows:
        known = [row["id"] for row in tables.rows("requests", order=("id",), limit=3, last=True)]
        there = f"the last ones are {', '.join(map(str, known))}" if known else "there is none yet: untrain request add FILE"
        raise RequestError(f"there is no request {name!r}; {there}")
    return rows[0]


def step(tables: Transaction, request: str, to: str, **body: Any) -> Row:
    """Take a request to another state within a transaction; values that are columns of a request are set there too."""
    row = _request(tables, request)
    check_step(request, row["state"], to)
    columns = {key: value for key, value in body.items() if key in REQUESTS.columns}
    # The state is asked again in the statement itself: whoever comes second changes nothing.
    if not tables.change("requests", {"id": request, "state": row["state"]}, {"state": to, **columns}):
        raise RequestError(f"{request} was changed by another at the same moment; look at it again")
    append(tables, to, request, **{"from": row["state"], **body})
    return {**row, "state": to, **columns}


def current(tables: Transaction) -> Row:
    """The current checkpoint within a transaction.

    Raises:
        RequestError: there is none yet.
        StoreError: somebody changed its name or number to something else than a text or a number.
    """
    runs = tables.rows("batches", {"state": "done"}, ("number",), limit=1, last=True)
    if runs:
        name, digest, number = (runs[0][each] for each in ("checkpoint", "after", "number"))
    elif start := tables.rows("start"):
        name, digest, number = start[0]["checkpoint"], start[0]["sha256"], 0
    else:
        raise RequestError("this ledger has no checkpoint to begin from: untrain request init names one")
    if not (isinstance(name, str) and isinstance(digest, str) and isinstance(number, int)):
        raise StoreError("the current checkpoint of this ledger was changed: its name or number cannot be read")
    return {"checkpoint": name, "sha256": digest, "number": number}


def new_name() -> str:
    """A name for a run that no other has."""
    return secrets.token_hex(6)


def document_of(row: Row) -> dict[str, Any]:
    """The document of a run.

    Raises:
        DataError: it was damaged.
    """
    name = f"the document of run {row['number']}"
    document = parse_canonical(row["document"], name)
    if not isinstance(document, dict):
        raise DataError(f"{name} is not a document of untrain: it is not an object")
    return document
