"""No id of anybody is kept in clear: not of the request, not of earlier ones, not of others in the data."""

import re

import pytest

from services import add_up, document, no_word, service_in
from untrain.core.errors import RequestError, RunFailed
from untrain.service.audits import audit_of, record_audit
from untrain.service.private import NamedIds, kept, names_an_id
from untrain.service.publish import publisher
from untrain.service.worker import run_once


def is_kept(service, text):
    """Return whether a service keeps a text anywhere, but for the lists that wait; signatures and keys are letters by chance."""
    files = [each for each in service.folder.rglob("*") if each.is_file() and each.parent.name not in ("spool", "checkpoints")]
    alone = re.compile(rb"(?<![A-Za-z0-9+/=])" + text.encode() + rb"(?![A-Za-z0-9+/=])")
    return any(alone.search(each.read_bytes()) for each in files)


@pytest.mark.parametrize("text", ["u7 again", "'u7'", "rows (u7,u8)", "x/u7.png", "u7's row"])
def test_an_id_is_found_between_the_ends_of_words(text):
    assert names_an_id(text, {"u7"})
    assert names_an_id(text, NamedIds(known=lambda texts: "u7" in texts))


def test_ids_of_several_words_cut_ids_and_spelled_controls_are_found():
    long = "a" * 30 + " " + "b" * 60
    assert names_an_id("lists 'Anne-Marie de l'Arc' twice", {"Anne-Marie de l'Arc"})
    assert names_an_id(f"lists {long[:60]!r}", {long})
    assert names_an_id("lists 'a\\nb'", {"a\nb"})
    assert not names_an_id("u70 and 7u7", {"u7", ""})


def test_ids_longer_than_any_span_are_found_and_texts_too_long_to_search_count_as_naming_one():
    many, wide = " ".join("abcdefghijklmnopq"), "x" * 300
    assert names_an_id(f"lists '{many}'", {many})
    assert names_an_id(f"lists '{wide}'", {wide})
    assert not names_an_id(f"lists '{many}'", {f"{many} r"})
    assert names_an_id("a " * 20_000, {"u7"})


def test_a_failure_that_names_an_id_of_an_earlier_request_or_of_the_data_is_kept_without_it(tmp_path):
    service = service_in(tmp_path)
    data = tmp_path / "train.csv"
    publish = publisher(service, no_word)
    service.approve(service.add(["u1"])["id"], "ann")
    run_once(service, add_up, publish)
    data.write_text(data.read_text().replace("u1,0\n", ""))  # deleted, so that a hash alone is left of it
    for named in ("u1", "u250", "u2"):  # forgotten before; of the data; of this request
        name = service.add(["u2"])["id"]
        service.approve(name, "ann")

        def fails(job, named=named):
            raise RunFailed(f"nothing was written: {named} is odd")

        with pytest.raises(RunFailed):
            run_once(service, fails, publish)
        assert service.ledger.request(name)["error"] == "its message names an id"
        service.withdraw(name, "ann")
    name = service.add(["u2"])["id"]
    service.approve(name, "ann")
    with pytest.raises(RunFailed):
        run_once(service, lambda job: (_ for _ in ()).throw(RunFailed("accuracy fell from 0.9 to 0.7")), publish)
    assert service.ledger.request(name)["error"] == "RunFailed: accuracy fell from 0.9 to 0.7"
    assert [each for each in ("u1", "u250", "u2") if is_kept(service, each)] == []


def test_a_document_is_kept_without_ids_wherever_they_stand(tmp_path):
    service = service_in(tmp_path)
    service.approve(service.add(["u1"])["id"], "ann")
    told = document(
        why="u1 was the last", notes=["the list: 1 of 2 ids is not in the training data: u299", "all is well"],
        alarms=[{"what": "loss of u3"}], certificate={"guarantee": {"epsilon": 1.0}, "provided": ["u4 is no outlier"]},
        request={"missing": ["u298"]}, tries=[{"method": "DEL()", "failed": "u297 is NaN"}],
    )  # fmt: skip
    run_once(service, lambda job: add_up(job) | told, publisher(service, no_word))
    record_audit(
        service, "R00001", {"results": [{"scores": {"gap": {"value": 1}}, "verdict": {"sentence": "u1 is recognised"}}]}, "ann"
    )
    assert audit_of(service, "R00001")["verdict"] == "left out, since it names an id"
    assert [each for each in ("u1", "u299", "u298", "u297", "u3", "u4") if is_kept(service, each)] == []
    assert is_kept(service, "all is well")


def test_a_number_is_an_id_in_a_note_and_a_number_elsewhere():
    found = kept({"seed": 17, "method": "DEL(epochs=17)", "notes": ["row 17 is odd", "17 are fine"]}, {"17"})
    assert found == {"seed": 17, "method": "DEL(epochs=17)", "notes": ["2 notes left out, since it names an id"]}


def test_a_verdict_with_a_count_stays_where_ids_are_numbers(tmp_path):
    service = service_in(tmp_path)
    service.approve(service.add([19])["id"], "ann")
    run_once(service, add_up, publisher(service, no_word))
    told = "DEL passes: 19 retrained models show no difference"
    record_audit(service, "R00001", {"results": [{"scores": {"gap": {"value": 1}}, "verdict": {"sentence": told}}]}, "ann")
    assert audit_of(service, "R00001")["verdict"] == told


def test_texts_of_the_user_that_name_an_id_are_refused(tmp_path):
    service = service_in(tmp_path)
    with pytest.raises(RequestError, match="reference='about u5' names an id of the request, and it would stay in the ledger"):
        service.add(["u5"], reference="about u5")
    name = service.add(["u5"], reference="T-5")["id"]
    with pytest.raises(RequestError, match="why='u5 asked twice' names an id"):
        service.withdraw(name, "ann", "u5 asked twice")
    service.withdraw(name, "ann", "asked twice")
