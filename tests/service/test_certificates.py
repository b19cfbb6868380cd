"""Certificates: every changed field is found, keys are private, pages say first what happened, and no claim goes too far."""

import copy
import json
import re
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services import add_up, document, no_word, service_in
from untrain.core.errors import BadInput, DataError, RequestError, StoreError
from untrain.runtime.database import Transaction
from untrain.service.audits import record_audit
from untrain.service.canonical import canonical
from untrain.service.certificate import certificate, conclusion, list_digest
from untrain.service.folder import open_service
from untrain.service.publish import publisher, write
from untrain.service.signing import load_private, load_public, make_key, sign, signer_of
from untrain.service.verification import read_certificate, run_again, verify_certificate
from untrain.service.worker import run_once


def outcomes(found):
    return {one["what"]: one["outcome"] for one in found}


def leaves(value, path=()):
    """Paths to everything in a document that is neither a list nor an object."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, (*path, key))
    else:
        yield path


def others(value):
    """Other values for a leaf: near ones first."""
    if isinstance(value, bool) or value is None:
        return [not value, "x"]
    if isinstance(value, str):
        return [value + " ", value[:-1], value.swapcase(), None] if value else ["x", None]
    return [value + 1, float(value) + 1e-9, str(value), None]


def changed(signed, path, value):
    other = copy.deepcopy(signed)
    place = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return other


def test_a_certificate_holds_what_an_auditor_asks_for(done):
    signed = read_certificate(done.certificates / "R00001.json")
    body = signed["certificate"]
    run = done.ledger.runs()[0]
    assert body["by"] == "Ann"
    assert body["conclusion"].startswith(
        f"On {run['finished'][:10]}, the model was changed so as to forget the rows of request R00001"
    )
    assert body["files"]["model_before"] == {"name": "model.txt", "sha256": run["before"]}
    assert body["files"]["model_after"] == {"name": run["checkpoint"], "sha256": run["after"]}
    assert body["files"]["ids"]["sha256"] == list_digest(["u2", "u1"])
    assert body["run"]["method"] == "Finetune()"
    assert body["run"]["requests"] == 2
    assert body["run"]["cost"] == {"seconds": 0.25}
    assert len(body["not_covered"]) >= 4
    assert body["theorem"] is None
    assert not re.search("proof|proven|guarantee|prove", canonical(body))
    assert {key: body["request"][key] for key in ("id", "ids", "reference", "in_time")} == {
        "id": "R00001", "ids": 2, "reference": "T-17", "in_time": True,
    }  # fmt: skip


def test_every_changed_field_is_found(done, tmp_path):
    signed = read_certificate(done.certificates / "R00001.json")
    paths, tried = list(leaves(signed)), 0
    assert len(paths) > 45
    for path in paths:
        value = signed
        for key in path:
            value = value[key]
        for other in others(value):
            if other == value and type(other) is type(value):
                continue
            forged, tried = changed(signed, path, other), tried + 1
            assert signer_of(forged["certificate"], forged["signature"]) is None, (path, other)
    assert tried > 150
    for path in paths[:: len(paths) // 5]:  # through the files, for some
        (tmp_path / "forged.json").write_text(canonical(changed(signed, path, "x")) + "\n")
        try:
            assert outcomes(verify_certificate(tmp_path / "forged.json", None, [], None))["signature"] == "wrong", path
        except DataError:
            assert path[-1] in ("kind", "format")


def test_what_is_added_removed_or_spelled_otherwise_is_found(done, tmp_path):
    raw = (done.certificates / "R00001.json").read_bytes()
    signed, file = json.loads(raw), tmp_path / "forged.json"
    for forged in (
        raw + b" ", b" " + raw, raw.replace(b'":', b'": ', 1), raw.replace(b'{"certificate":{', b'{"certificate":{"audit":1,', 1),
        raw[:-1], json.dumps(signed, indent=1).encode(), raw.replace(b'"in_time":true', b'"in_time":1e0'), b"", b"[]\n", b"{}\n",
        b"\xff",
        b"[" * 100_000, canonical({**signed, "more": 1}).encode() + b"\n", canonical(signed["certificate"]).encode() + b"\n",
    ):  # fmt: skip
        file.write_bytes(forged)
        with pytest.raises(DataError):
            verify_certificate(file, None, [], None)
    for body in ({**signed["certificate"], "more": 1}, {k: v for k, v in signed["certificate"].items() if k != "not_covered"}):
        assert signer_of(body, signed["signature"]) is None


def test_the_document_of_forget_is_told_from_a_changed_certificate(tmp_path):
    (tmp_path / "net.pt.json").write_text(json.dumps({"what": "untrain forget", "made": "2026-01-01"}, indent=1))
    with pytest.raises(DataError, match="is the document of untrain forget, which is not signed"):
        verify_certificate(tmp_path / "net.pt.json", None, [], None)


def test_who_signed_it_counts(done, tmp_path):
    file, own = done.certificates / "R00001.json", done.folder.parent / "key.public.pem"
    assert outcomes(verify_certificate(file, own, [], None)) == {
        "signature": "right", "signer": "right", "model_before": "not checked", "model_after": "not checked", "data": "not checked",
        "ids": "not checked", "ledger": "not checked",
    }  # fmt: skip
    make_key(tmp_path / "other.pem")
    assert outcomes(verify_certificate(file, tmp_path / "other.public.pem", [], None))["signer"] == "wrong"
    assert outcomes(verify_certificate(file, None, [], None))["signer"] == "not checked"
    # Somebody who signs a changed document with a key of his own is not the one whose key it was.
    body = read_certificate(file)["certificate"] | {"by": "Eve"}
    forged = write(
        tmp_path, "R00001", {"certificate": body, "signature": sign(body, load_private(tmp_path / "other.pem", no_word))}
    )
    assert outcomes(verify_certificate(forged, own, [], None))["signer"] == "wrong"
    assert outcomes(verify_certificate(forged, own, [], None))["signature"] == "right"
    [signer] = [one for one in verify_certificate(forged, None, [], done) if one["what"] == "signer"]
    assert signer["outcome"] == "not checked"
    assert signer["detail"].startswith("it is not the key of the service, and anyone can make a key")
    unsigned = write(tmp_path, "R00002", {"certificate": body, "signature": None})
    assert outcomes(verify_certificate(unsigned, own, [], None))["signature"] == "wrong"
    assert "anybody can have written it" in (tmp_path / "R00002.html").read_text()


def test_files_and_ledger_are_compared(done, tmp_path):
    file, run = done.certificates / "R00001.json", done.ledger.runs()[0]
    found = outcomes(verify_certificate(file, None, [], done))
    assert {found[key] for key in ("model_before", "model_after", "data", "ledger", "chain")} == {"right"}
    (tmp_path / run["checkpoint"]).write_text("another")
    (tmp_path / "R00001.csv").write_text("id\nu2\nu1\n")
    found = outcomes(verify_certificate(file, None, [tmp_path], None))
    assert (found["model_after"], found["ids"]) == ("wrong", "right")
    (tmp_path / "R00001.csv").write_text("id\nu2\n")
    assert outcomes(verify_certificate(file, None, [tmp_path], None))["ids"] == "wrong"
    other = service_in(tmp_path / "other")
    assert outcomes(verify_certificate(file, None, [], other))["chain"] == "wrong"
    # A certificate names files, not ways to them.
    body = read_certificate(file)["certificate"]
    body["files"]["data"]["name"] = "../../../../../../etc/passwd"
    forged = write(tmp_path, "R00003", {"certificate": body, "signature": None})
    assert outcomes(verify_certificate(forged, None, [], done))["data"] == "not checked"


def test_a_certificate_makes_up_no_finding_and_a_damaged_list_is_an_error_of_one_line(done, tmp_path):
    body = read_certificate(done.certificates / "R00001.json")["certificate"]
    body["files"] |= {"signer": {"name": "R00001.json", "sha256": "0"}}
    body["files"]["data"]["name"] = "a\nright  signer"
    make_key(tmp_path / "eve.pem")
    forged = write(tmp_path, "R00001", {"certificate": body, "signature": sign(body, load_private(tmp_path / "eve.pem", no_word))})
    found = verify_certificate(forged, None, [], None)
    assert [one["outcome"] for one in found if one["what"] == "signer"] == ["not checked"]
    assert outcomes(found)["files"] == "wrong"
    assert all("\n" not in one["detail"] for one in found)
    (tmp_path / "R00001.csv").write_text("id\n" + "x" * 200_000)
    with pytest.raises(BadInput, match="as a list of ids"):
        verify_certificate(forged, None, [], None)
    other = tmp_path / "R00002.json"
    other.write_text(canonical({"certificate": {k: v for k, v in body.items() if k != "run"}, "signature": None}) + "\n")
    with pytest.raises(RequestError, match="knows no run None"):
        run_again(other, done, ["u1"], add_up)
    (tmp_path / "eve.pem").unlink()
    with pytest.raises(BadInput, match="a key is never replaced"):  # the public key, by which older certificates are checked
        make_key(tmp_path / "eve.pem")


def test_the_job_done_again(done):
    file = done.certificates / "R00001.json"
    assert run_again(file, done, ["u1", "u2", "u3"], add_up)["outcome"] == "right"

    def another(job):
        job.out.write_text("something else")

    assert run_again(file, done, ["u3", "u1", "u2"], another)["outcome"] == "wrong"
    with pytest.raises(RequestError, match=r"served R00001, R00002, with 3 other ids than the 2 given"):
        run_again(file, done, ["u1", "u2"], add_up)


def test_an_audit_joins_the_certificate(done, tmp_path):
    shutil.copytree(done.folder.parent, tmp_path / "copy")
    from untrain.service.folder import open_service

    service = open_service(tmp_path / "copy" / "service")
    score = {"value": 0.1, "low": 0.05, "high": 0.2, "floor": 0.04, "ceiling": 0.5, "ideal": 0, "reason": None, "more": "x"}
    audit = {"runs": [{"results": [{"method": "given", "scores": {"klom": score}}], "oracles": 8}]}
    for wrong in ({}, [], {"results": []}, {"results": [{"scores": {"a": 1}}]}, {"results": [{"scores": {"a": {"value": "x"}}}]}):
        with pytest.raises(RequestError, match=r"an audit|the audit"):
            record_audit(service, "R00001", wrong, "ann")
    digest = record_audit(service, "R00001", audit, "ann")
    body = certificate(service, "R00001")
    assert body["audit"]["scores"]["klom"] == {key: value for key, value in score.items() if key != "more"}
    assert body["files"]["ids"]["sha256"] == list_digest(["u1", "u2"])  # of the certificate before: the list itself is gone
    assert "An audit compared it with 8 models that were trained without these rows (1 score below)" in body["conclusion"]
    assert service.ledger.check() == []
    publisher(service, no_word)(service, "R00001")
    assert "klom" in (service.certificates / "R00001.html").read_text()
    (service.folder / "audits" / f"{digest}.json").write_text("{}\n")
    with pytest.raises(DataError, match="was changed since it was recorded"):
        certificate(service, "R00001")


def test_an_audit_that_the_run_made_itself_joins_the_certificate(tmp_path):
    """Its request is audited, its conclusion is in plain words, and nothing of it names an id."""
    score = {"value": 0.5, "low": 0.25, "high": 0.75, "floor": 0.5, "ceiling": 1.0, "ideal": None, "reason": None, "note": "u1"}
    made = {
        "conclusion": "Finetune: passes. No attack gains.", "oracles": 19, "originals": 3, "trained_by": "python train.py",
        "assumed": "", "scores": {"forget_accuracy": score}, "warnings": ["one model"], "report": "/somewhere/u1.html",
    }  # fmt: skip

    def job(each):
        add_up(each)
        return document(audit=made)

    service = service_in(tmp_path)
    service.approve(service.add(["u1", "u2"])["id"], "ann")
    run_once(service, job, publisher(service, no_word))
    assert service.ledger.request("R00001")["state"] == "audited"
    body = certificate(service, "R00001")
    assert (
        "An audit compared it with 19 models that were trained without these rows, by python train.py (1 score below). "
        "Finetune: passes. No attack gains."
    ) in body["conclusion"]
    assert body["audit"]["scores"]["forget_accuracy"]["high"] == 0.75
    assert "u1" not in json.dumps(body)
    page = (service.certificates / "R00001.html").read_text()
    assert "forget_accuracy" in page
    shown, folded = page[: page.index("All facts of the run")], page[page.index("All facts of the run") :]
    assert "<dt>Method</dt><dd>" in shown
    assert "guard" not in shown
    assert "method" in folded
    assert service.ledger.check() == []


def test_a_guarantee_is_named_where_a_theorem_stands_behind_it_alone():
    row, run = {"id": "R00001", "ids": 1, "deadline": "2026-01-01"}, {"finished": "2026-02-01T00:00:00Z"}
    proven = conclusion(row, run, document(method="CertifiedRemoval()"), None, {"guarantee": {"epsilon": 1.0, "delta": 1e-5}})
    assert "A theorem stands behind this method: it guarantees (1, 1e-05)-indistinguishability" in proven
    assert ", after its deadline of 2026-01-01" in proven
    for said in (conclusion(row, run, document(), None, None), conclusion(row, run, document(method="Retrain()"), None, None)):
        assert not re.search("proof|prove|guarantee", said)
    assert "was trained anew" in said


def test_pages_escape_what_others_wrote(tmp_path):
    service = service_in(tmp_path, batch=1)
    service.approve(service.add(["u1"], reference="<script>alert(1)</script>\x1b[31m")["id"], "ann")

    def job(each):
        add_up(each)
        return document(notes=["<img src=x onerror=alert(2)>"], method="<b>Finetune</b>")

    run_once(service, job, publisher(service, no_word))
    page = (service.certificates / "R00001.html").read_text()
    for evil in ("<script>alert", "<img", "<b>", "\x1b", "http://", "https://"):
        assert evil not in page
    assert page.index("the model was changed so as to forget") < page.index("SHA-256</th>")
    assert "prefers-color-scheme: dark" in page
    assert "default-src 'none'" in page


def test_keys(tmp_path):
    private = tmp_path / "key.pem"
    mark = make_key(private, b"open sesame")
    assert len(mark) == 64
    assert private.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in private.read_bytes()
    key = load_private(private, lambda: b"open sesame")
    assert signer_of({"a": 1}, sign({"a": 1}, key)) == load_public(tmp_path / "key.public.pem")
    for word, cause in ((b"open", "the passphrase is wrong"), (b"", "the passphrase is wrong")):
        with pytest.raises(BadInput, match=cause) as caught:
            load_private(private, lambda word=word: word)
        assert "sesame" not in str(caught.value)
    with pytest.raises(BadInput, match="is there already, and a key is never replaced"):
        make_key(private)
    private.chmod(0o640)
    with pytest.raises(BadInput, match="others can read the key"):
        load_private(private, no_word)
    with pytest.raises(BadInput, match="is not a public key"):
        load_public(private)
    (tmp_path / "no.pem").touch(0o600)
    with pytest.raises(BadInput, match="it is not a private key in PEM"):
        load_private(tmp_path / "no.pem", no_word)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each, max_size=4), max_leaves=12,
)  # fmt: skip


@settings(max_examples=15)
@given(st.data())
def test_no_document_makes_a_check_stumble(done, tmp_path_factory, data):
    fuzz_a_document(done, tmp_path_factory, data)


@pytest.mark.slow
@settings(max_examples=2_000)
@given(st.data())
def test_no_document_of_many_makes_a_check_stumble(done, tmp_path_factory, data):
    fuzz_a_document(done, tmp_path_factory, data, service=False)


def fuzz_a_document(done, tmp_path_factory, data, service=True):
    signed = json.loads((done.certificates / "R00001.json").read_bytes())
    path = data.draw(st.sampled_from([(), ("certificate",), ("signature",), *leaves(signed)]))
    value = data.draw(JSON)
    file = tmp_path_factory.getbasetemp() / "fuzzed.json"
    file.write_text(canonical(changed(signed, path, value) if path else value) + "\n")
    try:
        found = verify_certificate(file, None, [], done if service else None)
    except DataError:
        return
    same = file.read_bytes() == (done.certificates / "R00001.json").read_bytes()
    assert (outcomes(found)["signature"] == "right") == same


@settings(max_examples=100)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_make_a_check_stumble(done, tmp_path_factory, raw):
    file = tmp_path_factory.getbasetemp() / "bytes.json"
    file.write_bytes(raw)
    with pytest.raises(DataError):
        verify_certificate(file, None, [], done)


def test_certificates_check_what_is_new_and_not_the_whole_ledger_each_time(tmp_path, monkeypatch):
    service = service_in(tmp_path)
    for at in range(12):
        service.approve(service.add([f"u{at}"])["id"], "ann")
    read = []
    rows = Transaction.rows

    def counted(self, table, *given, **more):
        found = rows(self, table, *given, **more)
        read.append((table, len(found)))
        return found

    monkeypatch.setattr(Transaction, "rows", counted)
    run_once(service, add_up, publisher(service, no_word), most=0)
    entries = len(service.ledger.history("R00001")) * 12
    looked = sum(count for table, count in read if table == "log")
    assert len(list(service.certificates.glob("*.json"))) == 12
    assert looked < 6 * entries  # each of 12 certificates would have read all of it


@pytest.mark.parametrize(("table", "values", "where", "what"), [
    ("requests", {"reference": "another"}, {"id": "R00001"}, "its reference is"),
    ("subjects", {"request": "R00009"}, {"request": "R00001"}, "its list of hashed ids was changed"),
    ("batches", {"after": "0" * 64}, {"state": "done"}, "its after was changed"),
    ("log", {"at": "2020"}, {"seq": 12}, "entry 12 of the log was changed"),
    ("head", {"digest": "0" * 64}, {"one": 1}, "was cut off or changed"),
])  # fmt: skip
def test_a_certificate_is_refused_where_its_rows_or_what_is_new_were_changed(done, tmp_path, table, values, where, what):
    shutil.copytree(done.folder, tmp_path / "service")
    service = open_service(tmp_path / "service")
    service.ledger.refuse_changed()
    service.add(["u8"])
    with service.ledger.database.writing() as tables:
        assert tables.change(table, where, values)
    with pytest.raises(StoreError, match=what):
        certificate(service, "R00001")


def test_a_changed_row_of_another_request_is_found_by_the_next_whole_check(done, tmp_path):
    shutil.copytree(done.folder, tmp_path / "service")
    service = open_service(tmp_path / "service")
    service.ledger.refuse_changed()
    with service.ledger.database.writing() as tables:
        tables.change("requests", {"id": "R00002"}, {"reference": "another"})
    assert certificate(service, "R00001")["request"]["id"] == "R00001"
    with pytest.raises(StoreError, match="R00002: its reference"):
        certificate(service, "R00002")
    with pytest.raises(StoreError, match="R00002: its reference"):
        run_once(service, add_up, publisher(service, no_word))


def test_a_name_that_no_file_can_have_is_not_looked_for(done, tmp_path):
    body = read_certificate(done.certificates / "R00001.json")["certificate"]
    for name in ("x" * 300, "ü" * 200, "a\0b", "\ud800"):
        files = {**body["files"], "data": {**body["files"]["data"], "name": name}}
        (tmp_path / "odd.json").write_text(canonical({"certificate": {**body, "files": files}, "signature": None}) + "\n")
        assert outcomes(verify_certificate(tmp_path / "odd.json", None, [tmp_path], done))["data"] == "not checked"
