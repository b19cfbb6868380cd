"""Fuzzed ledgers and certificates: whatever is changed is found, and nothing makes a check stumble."""

from __future__ import annotations

import copy
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

from attack import SILENT, Attack, Outcome, Refused, asked, quietly
from mutate import changed, written

# What only says how work is going, or why it failed: the log has it too.
LOOSE = {
    ("requests", "deaths"), ("requests", "error"), ("batches", "worker"), ("batches", "beat"), ("start", "one"),
    ("start", "checkpoint"), ("head", "one"), ("batches", "id"), ("batches", "state"),
}  # fmt: skip
VALUES = (
    None, 0, -1, 2**63 - 1, 0.5, float("nan"), float("inf"), b"", b"\xff\x00", "", "[]", "{}", '{"batch":[]}', "approved",
    "running", "done", "forgotten", "received", "opened", "started", "1", "\ud800", "0" * 64, "[" * 5000,
    '{"a":' * 5000, "9" * 5000,
)  # fmt: skip


def prepare(folder: Path) -> None:
    """A service in which two runs forgot three requests, its ledger as a file, and a signed certificate."""
    from untrain.service.folder import make_service
    from untrain.service.publish import publisher
    from untrain.service.settings import Settings
    from untrain.service.signing import make_key
    from untrain.service.spool import read_list
    from untrain.service.worker import run_once

    (folder / "model.txt").write_text("")
    (folder / "train.csv").write_text("id,label\n" + "".join(f"u{at},0\n" for at in range(40)))
    make_key(folder / "key.pem")
    settings = Settings(str(folder / "model.txt"), str(folder / "train.csv"), key=str(folder / "key.pem"), name="Ann")
    service = make_service(folder / "service", settings)

    def job(each: Any) -> dict[str, Any]:
        each.out.write_text(each.model.read_text() + "\n".join(read_list(each.ids.read_bytes())))
        return {"method": "Finetune()", "plan": {"rows": 2, "of": 40}, "notes": ["all is well"]}

    for group in ((["u1", "u2"], ["u3"]), (["u4"],)):
        for ids in group:
            service.approve(service.add(ids, reference="T-17")["id"], "ann")
        run_once(service, job, publisher(service, lambda: b""))
    service.withdraw(service.add(["u5"])["id"], "ann", "asked twice")


@cache
def tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of the ledger, by table."""
    from untrain.service.folder import open_service
    from untrain.service.ledger import TABLES

    service = open_service(folder / "service")
    with service.ledger.database.reading() as reading:
        return {each.name: reading.rows(each.name, order=each.key) for each in TABLES}


def value(draw: random.Random, old: Any) -> Any:
    """Another value of a cell: near to the old one, or of any kind."""
    match draw.randrange(4):
        case 0 if isinstance(old, str):
            return written(draw, old)
        case 1 if isinstance(old, int | float):
            return old + draw.choice((1, -1, 0.5, 2**40))
        case 2:
            return draw.choice((str(old), old, [old][0]))
    return draw.choice(VALUES)


def fixed(rows: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """What the log vouches for, with the types of the values; the order of rows that no number gives plays no part."""
    kept = {
        name: [tuple((key, repr(each)) for key, each in row.items() if (name, key) not in LOOSE) for row in some]
        for name, some in rows.items()
    }
    return [kept["log"], kept["head"], *(sorted(kept[name]) for name in ("start", "requests", "subjects", "batches"))]


def ledger(folder: Path, number: int) -> Outcome | None:
    """A changed ledger is found to be changed; some as a damaged file of SQLite."""
    from untrain.service.checking import compare

    draw = random.Random(number)
    if number % 50 == 0:
        return damaged(folder.parent, draw)
    before = tables(folder.parent)
    rows = copy.deepcopy(before)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        name = draw.choice(list(rows))
        if not rows[name]:
            continue
        at = draw.randrange(len(rows[name]))
        match draw.randrange(6):
            case 0:
                del rows[name][at]
            case 1:
                rows[name].insert(draw.randrange(len(rows[name]) + 1), dict(rows[name][at]))
            case 2:
                other = draw.randrange(len(rows[name]))
                rows[name][at], rows[name][other] = rows[name][other], rows[name][at]
            case _:
                key = draw.choice(list(rows[name][at]))
                rows[name][at][key] = value(draw, rows[name][at][key])
    wrong = asked(lambda: compare(rows))
    if isinstance(wrong, Refused) or wrong or fixed(rows) == fixed(before):
        return None
    # Rows of runs that are not done, and rows that the key of the table would refuse a second time, stand for themselves.
    names = [[row.get(key) for row in rows[table]] for table, key in (("requests", "id"), ("batches", "id"))]
    twice = any(len(set(map(repr, each))) < len(each) for each in names)
    subjects = [(repr(row["request"]), repr(row["hash"])) for row in rows["subjects"]]
    if twice or len(set(subjects)) < len(subjects):
        return None
    return Outcome(SILENT, f"try {number}: a changed ledger is right", "ledger")


def damaged(folder: Path, draw: random.Random) -> Outcome | None:
    """A ledger whose file has other bytes: it cannot be used, is found to be changed, or reads as before."""
    from untrain.runtime.database import Database, sqlite_url
    from untrain.service.ledger import TABLES, Ledger
    from untrain.service.subjects import salt_in

    raw = (folder / "service" / "ledger.sqlite").read_bytes()
    file = folder / f"damaged{draw.randrange(1 << 40)}.sqlite"
    file.write_bytes(changed(draw, raw))
    try:
        made = quietly(lambda: Ledger(Database(sqlite_url(file), TABLES), salt_in(folder / "service" / "salt")))
        if not isinstance(made, Refused):
            quietly(made.check)
    finally:
        for left in folder.glob(f"{file.name}*"):
            left.unlink()
    return None


@cache
def signed(folder: Path) -> bytes:
    """A signed certificate."""
    return (folder / "service" / "certificates" / "R00001.json").read_bytes()


def leaf(draw: random.Random, document: Any) -> None:
    """Change one leaf of a document, or remove or add one."""
    place, steps = document, draw.randint(1, 6)
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = draw.choice(keys)
        steps -= 1
        if steps and isinstance(place[key], dict | list) and place[key]:
            place = place[key]
            continue
        match draw.randrange(5):
            case 0:
                del place[key]
            case 1 if isinstance(place, dict):
                place[draw.choice(("more", "signer", "kind", "", "signature"))] = draw.choice((None, 1, "right", {}, []))
            case _:
                old = place[key]
                found = value(draw, old) if not isinstance(old, dict | list) else draw.choice((None, [], {}, "x", 1))
                place[key] = found if isinstance(found, str | int | float | None) else None
        return


def certificate(folder: Path, number: int) -> Outcome | None:
    """A changed certificate is refused, or its signature is wrong."""
    from untrain.service.verification import verify_certificate

    draw, raw = random.Random(number), signed(folder.parent)
    if number % 2:
        forged = changed(draw, raw)
    else:
        document = json.loads(raw)
        leaf(draw, document)
        try:
            text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        except (ValueError, TypeError):
            return None
        forged = text.encode() + b"\n"
    file = folder / f"forged{number}.json"
    file.write_bytes(forged)
    try:
        found = quietly(lambda: verify_certificate(file, folder.parent / "key.public.pem", [], None))
    finally:
        file.unlink()
    if isinstance(found, Refused):
        return None if forged != raw else Outcome(SILENT, f"the certificate as it is was refused: {found.words}", "certificate")
    right = {each["what"]: each["outcome"] for each in found}["signature"] == "right"
    if right != (forged == raw):
        return Outcome(SILENT, f"a changed certificate is {'right' if right else 'wrong'}", "certificate")
    return None


ATTACKS = (
    Attack("ledgers", "fuzzed rows and files of a ledger", ledger, 6_000, 100, prepare, seconds=6),
    Attack("certificates", "fuzzed certificates, by bytes and by fields", certificate, 12_000, 200, prepare, seconds=6),
)
