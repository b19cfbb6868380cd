"""Tampering, counted: every part of a signed certificate and every column of every entry of a ledger, changed one by one."""

import collections
import copy
import csv
import json
import logging

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from services import add_up, document, no_word, service_in
from untrain.commands import request, request_run
from untrain.core.errors import DataError
from untrain.service.canonical import canonical, sha256
from untrain.service.checking import compare
from untrain.service.folder import open_service
from untrain.service.ledger import TABLES
from untrain.service.log import FIRST
from untrain.service.publish import publisher
from untrain.service.signing import load_private, make_key, sign
from untrain.service.verification import read_certificate, verify_certificate
from untrain.service.worker import run_once

FIGURES = logging.getLogger("figures")  # shown with -rP --log-level=info
# What only says how work is going, or why it failed: the log has it too, and no certificate repeats it. test_damaged_ledgers.py.
LOOSE = {("requests", "deaths"), ("requests", "error"), ("batches", "worker"), ("batches", "beat"), ("start", "one"),
         ("start", "checkpoint"), ("head", "one")}  # fmt: skip
SCORE = {"value": 0.5, "low": 0.25, "high": 0.75, "floor": 0.5, "ceiling": 1.0, "ideal": None, "reason": None}
AUDIT = {
    "conclusion": "Finetune: passes. No attack gains.", "oracles": 19, "originals": 3, "trained_by": "python train.py",
    "assumed": "", "scores": {"forget_accuracy": SCORE, "klom": SCORE}, "warnings": ["one model", "few rows"],
}  # fmt: skip


def parts(value, path=()):
    """Paths to everything in a document: leaves, lists and objects."""
    if path:
        yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from parts(each, (*path, key))


def values_of_another_kind(value):
    return [each for each in (None, True, 7, "x", [], {}, [value], {"x": value}, str(value)) if type(each) is not type(value)]


def near_values(value):
    """Values of the same kind, near ones first."""
    if isinstance(value, bool) or value is None:
        return [] if value is None else [not value]
    if isinstance(value, str):
        return [value + " ", value.swapcase(), value[:-1], value + "\u200b"]
    if isinstance(value, int | float):
        return [value + 1, -value, value * (1 + 1e-15) if isinstance(value, float) else value + 2]
    if isinstance(value, list):
        return [value[::-1], value + value[:1], value[1:], [*value, "x"]]
    return [value | {"more": 1}, value | {"": None}, {}]


def forgeries(signed):
    """Every change of one part: its kind, its place, and the document with it."""
    for path in parts(signed):
        document = copy.deepcopy(signed)
        place = document
        for key in path[:-1]:
            place = place[key]
        value = place[path[-1]]
        for kind, others in (("value", near_values(value)), ("type", values_of_another_kind(value))):
            for other in others:
                if canonical(other) != canonical(value):
                    place[path[-1]] = other
                    yield kind, path, document
        place[path[-1]] = value
        del place[path[-1]]
        yield "removed", path, document


def verdict(file, document, public, service):
    """How ``untrain verify`` ends: refused, wrong, who signed is not known, or right."""
    file.write_text(canonical(document) + "\n")
    try:
        found = verify_certificate(file, public, [], service)
    except DataError:
        return "refused"
    if any(one["outcome"] == "wrong" for one in found):
        return "wrong"
    return "right" if {one["what"]: one["outcome"] for one in found}["signer"] == "right" else "signer not known"


def tamper(original, public, service, folder):
    """Verdicts on all forgeries: as they are, signed anew by another, and the same for who has the service and no public key."""
    signed, counts = read_certificate(original), collections.defaultdict(collections.Counter)
    assert verdict(folder / "same.json", signed, public, service) == "right"
    make_key(folder / "eve.pem")
    eve = load_private(folder / "eve.pem", no_word)
    for kind, path, forged in forgeries(signed):
        tried = {"changed": (forged, public, None)}
        if path[0] == "certificate" and len(path) > 1:
            own = {"certificate": forged["certificate"], "signature": sign(forged["certificate"], eve)}
            tried |= {"signed anew": (own, public, None)}
            tried |= {"signed anew, no public key": (own, None, service)} if kind == "value" else {}
        for how, (each, key, place) in tried.items():
            outcome = verdict(folder / "forged.json", each, key, place)
            assert outcome != "right", (how, kind, path)
            counts[how, kind][outcome] += 1
    for (how, kind), each in counts.items():
        FIGURES.info(f"{original.name}: {how}: {kind}: {each.total()} tried, {dict(each)}")
    return counts


def check_counts(counts, least):
    for kind in ("value", "type", "removed"):
        assert counts["changed", kind].total() >= least
        # Whoever holds the public key is told in every case; others at least that nobody known signed it.
        assert counts["changed", kind]["signer not known"] == counts["signed anew", kind]["signer not known"] == 0


def test_each_part_of_a_certificate_with_an_audit(tmp_path):
    service = service_in(tmp_path)
    service.approve(service.add(["u1", "u2"], reference="T-17")["id"], "ann")

    def job(each):
        add_up(each)
        return document(audit=AUDIT, notes=["all is well", "all ended"])

    run_once(service, job, publisher(service, no_word))
    check_counts(tamper(service.certificates / "R00001.json", tmp_path / "key.public.pem", service, tmp_path), 70)


@pytest.mark.slow
def test_each_part_of_a_certificate_of_a_model_that_was_audited(tmp_path, monkeypatch):
    """The same of a real run: a logistic regression that forgets two rows, with the audit that the run made."""
    monkeypatch.setenv("UNTRAIN_HOME", str(tmp_path / "home"))
    draws = np.random.default_rng(0)
    for name, rows in (("train", 200), ("held", 100)):
        x = draws.normal(size=(rows, 2)).round(3)
        y = np.where(x @ [1.0, -1.0] + draws.logistic(size=rows) > 0, "yes", "no")
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [["person", "age", "income", "label"], *([f"{name}{at}", *x[at], y[at]] for at in range(rows))]
            )
        if name == "train":
            model = LogisticRegression().fit(x, y)
    fitted = {"coef": model.coef_.tolist(), "intercept": model.intercept_.tolist(), "classes": model.classes_.tolist(), "C": 1.0}
    (tmp_path / "model.json").write_text(json.dumps(fitted))
    office, train, held = tmp_path / "office", str(tmp_path / "train.csv"), str(tmp_path / "held.csv")
    request.init(str(tmp_path / "model.json"), train, service=office, option=["id=person", "audit=True"], valid=held)
    added = request.add("train3,train17", service=office)
    request.approve([added["id"]], service=office)
    request_run.run(service=office)
    service = open_service(office)
    file = service.certificates / "R00001.json"
    assert read_certificate(file)["certificate"]["audit"]["scores"]
    check_counts(tamper(file, office / "key.public.pem", service, tmp_path), 70)


def test_each_column_of_each_entry_of_a_ledger(done):
    with done.ledger.database.reading() as tables:
        rows = {each.name: tables.rows(each.name, order=each.key) for each in TABLES}
    assert compare(rows) == []
    tried, loose = collections.Counter(), collections.Counter()
    for table in TABLES:
        for at, row in enumerate(rows[table.name]):
            for column, value in row.items():
                for other in [*near_values(value), *values_of_another_kind(value)]:
                    if isinstance(other, bool | list | dict) or other == value:  # what no cell of a database can hold
                        continue
                    changed = [*rows[table.name][:at], {**row, column: other}, *rows[table.name][at + 1 :]]
                    if (table.name, column) in LOOSE:
                        loose[table.name] += 1
                    else:
                        tried[table.name] += 1
                        assert compare(rows | {table.name: changed}), (at, column, other)
    FIGURES.info(f"cells changed, and all found: {dict(tried)}; not looked at, of columns that say how work goes: {dict(loose)}")
    assert tried["log"] > 7 * 4 * len(rows["log"])
    log = rows["log"]
    for at in range(len(log)):
        for forged in (log[:at] + log[at + 1 :], log[: at + 1] + log[at:], [*log[:at], *log[at : at + 2][::-1], *log[at + 2 :]]):
            assert compare(rows | {"log": forged}) or forged == log, at


def test_a_log_made_anew_is_right_in_itself_and_its_last_digest_shows_it(done):
    """Whoever can write to the database can make the chain anew: the digest that somebody else keeps is another then."""
    with done.ledger.database.reading() as tables:
        rows = {each.name: tables.rows(each.name, order=each.key) for each in TABLES}
    kept, before, log = rows["head"][0]["digest"], FIRST, []
    for row in rows["log"]:
        entry = {**row, "at": row["at"].replace("20", "19", 1), "before": before}
        entry["digest"] = before = sha256({key: value for key, value in entry.items() if key != "digest"})
        log.append(entry)
    made = rows | {"log": log, "head": [{**rows["head"][0], "digest": before}]}
    assert compare(made) == []
    assert before != kept


@pytest.mark.parametrize("change", ["value", "type", "removed"])
def test_the_walk_reaches_every_leaf(done, change):
    signed = read_certificate(done.certificates / "R00001.json")
    reached = {path for kind, path, _ in forgeries(signed) if kind == change}
    wanted = set(parts(signed))
    assert wanted - reached <= ({path for path in wanted if _value(signed, path) is None} if change == "value" else set())


def _value(document, path):
    for key in path:
        document = document[key]
    return document
