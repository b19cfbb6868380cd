"""The web view: what it shows, and whom it refuses."""

import re
import shutil
import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from services import REVIEW, add_up, no_word, service_in
from untrain.commands.serve import serve
from untrain.core.errors import BadInput
from untrain.service.audits import record_audit
from untrain.service.canonical import canonical
from untrain.service.folder import open_service
from untrain.service.publish import publisher
from untrain.service.reviews import drop_gone, save_review
from untrain.service.web import WebView
from untrain.service.worker import run_once

HOME = "http://127.0.0.1:8765"


@pytest.fixture
def service(done, tmp_path):
    shutil.copytree(done.folder, tmp_path / "service")
    copy = open_service(tmp_path / "service")
    copy.add(["u9"], reference="<script>alert(1)</script>")
    return copy


def browser(service, **more):
    return TestClient(WebView(service, **more).app(), base_url=HOME, follow_redirects=False)


def token_in(page):
    return re.search(r'name="token" value="([0-9a-f]{64})"', page.text)[1]


def test_requests_and_certificates_are_shown(service):
    web = browser(service)
    first = web.get("/")
    assert first.status_code == 200
    assert "1 received, 2 forgotten." in first.text
    assert "<script>" not in first.text
    assert "&lt;script&gt;" in first.text
    one = web.get("/requests/R00001")
    assert "Certificate</a>" in one.text
    assert "<form" not in one.text  # what is forgotten is neither approved nor withdrawn
    assert web.get("/certificates/R00001.html").text == (service.certificates / "R00001.html").read_text()
    assert web.get("/certificates/R00001.json").json()["certificate"]["request"]["id"] == "R00001"
    for page in (first, one):
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"


def test_a_form_approves_and_withdraws(service):
    web = browser(service)
    token = token_in(web.get("/requests/R00003"))
    assert web.post("/requests/R00003/approve", data={"token": token}).headers["location"] == "/requests/R00003"
    assert service.ledger.request("R00003")["state"] == "approved"
    assert web.post("/requests/R00003/approve", data={"token": token}).status_code == 409
    assert web.post("/requests/R00003/withdraw", data={"token": token}).status_code == 303
    assert service.ledger.request("R00003")["state"] == "withdrawn"
    assert service.ledger.check() == []


TILES = [{"picture": "", "quote": "<u>a text</u>", "cells": []}] * 3


def test_a_form_adds_a_request_and_says_what_is_wrong_with_it(service):
    web = browser(service)
    token = token_in(web.get("/add"))
    wrong = web.post("/add", data={"token": token, "ids": "u5\n<x>", "reference": "T-<18>"})
    assert wrong.status_code == 409
    assert "lists 1 of 2 ids that the data lack: &#39;&lt;x&gt;&#39;" in wrong.text
    assert "tick the box below to pass over them" in wrong.text
    assert 'value="T-&lt;18&gt;"' in wrong.text  # what was written stays
    assert "one per line" in web.post("/add", data={"token": token, "ids": " , "}).text
    assert web.post("/add", data={"ids": "u5"}).status_code == 403
    added = web.post("/add", data={"token": token, "ids": "u5, u6\nu7\nnobody", "missing": "skip", "deadline": "2030-01-02"})
    assert (added.status_code, added.headers["location"]) == (303, "/requests/R00004")
    assert service.ids("R00004") == ["u5", "u6", "u7"]
    assert service.ledger.request("R00004")["deadline"] == "2030-01-02"


def test_a_line_of_a_form_that_is_an_id_keeps_its_commas_and_quotes_keep_them_elsewhere(tmp_path):
    service = service_in(tmp_path)
    data = Path(service.settings.data)
    data.write_text(data.read_text().replace("u5,", '"Doe, Ann",').replace("u6,", '"Roe, Jo",'))
    web = browser(service)
    token = token_in(web.get("/add"))
    sent = (
        ("Doe, Ann", ["Doe, Ann"]), ('u7, "Doe, Ann"\nu8', ["u7", "Doe, Ann", "u8"]),
        ("Doe, Ann\nu7, u8", ["Doe, Ann", "u7", "u8"]), ("Doe, Ann\nnobody", ["Doe, Ann"]),
    )  # fmt: skip
    for ids, wanted in sent:
        data = {"token": token, "ids": ids, "missing": "skip"}
        name = web.post("/add", data=data).headers["location"].rsplit("/", 1)[1]
        assert sorted(service.ids(name)) == sorted(wanted)


def test_ticked_rows_of_a_review_become_a_request(service):
    name = save_review(service, REVIEW, TILES)
    assert (service.reviews / f"{name}.json").stat().st_mode & 0o077 == 0
    web = browser(service)
    assert f'href="/reviews/{name}"' in web.get("/reviews").text
    page = web.get(f"/reviews/{name}")
    assert page.text.count('<input type="checkbox"') == 2  # u1 is forgotten already
    for raw in ("<b>cat", "<u>a text", "<i>train"):
        assert raw not in page.text
    token = token_in(page)
    assert "tick at least one row" in web.post(f"/reviews/{name}", data={"token": token}).text
    assert web.post(f"/reviews/{name}", data={"token": token, "row": ["1"]}).status_code == 409
    assert web.post(f"/reviews/{name}", data={"row": ["5"]}).status_code == 403
    saved = web.post(f"/reviews/{name}", data={"token": token, "row": ["5", "6"], "reference": "labels"})
    assert saved.headers["location"] == "/requests/R00004"
    assert service.ids("R00004") == ["u5", "u6"]
    drop_gone(service)
    assert "u1" not in (service.reviews / f"{name}.json").read_text()
    assert web.post(f"/reviews/{name}", data={"token": token, "discard": "1"}).headers["location"] == "/reviews"
    assert web.get(f"/reviews/{name}").status_code == 404
    assert list(service.reviews.iterdir()) == []


def test_a_damaged_review_is_left_out_and_stops_no_run(service):
    service.reviews.mkdir(exist_ok=True)
    for at, more in enumerate(({"listed": [], "tiles": []}, {"listed": ["x"], "tiles": [{}]})):
        (service.reviews / f"{at:012d}.json").write_text(canonical({"kind": "untrain review", "made": "now", **more}))
    drop_gone(service)  # as each run does
    web = browser(service)
    assert web.get("/reviews").status_code == 200
    assert web.get("/reviews/000000000000").status_code == 409


def test_runs_are_shown_and_compared(service):
    service.approve("R00003", "ann")
    run_once(service, lambda job: add_up(job) | {"method": "Retrain()", "cost": {"seconds": 9.5}}, publisher(service, no_word))
    record_audit(service, "R00003", {"results": [{"scores": {"gap": {"value": 0.1, "low": 0.05, "high": 0.2}}}]}, "ann")
    web = browser(service)
    assert "Run 2" in web.get("/runs").text
    report = web.get("/runs/2").text
    assert "Retrain()" in report
    assert "Audit of R00003" in report
    assert web.get("/runs/R00003").text == report
    page = web.get("/compare", params={"a": "R00001", "b": "2"}).text
    rows = {row[0]: row[1:] for row in re.findall(r'<th scope="row">(.*?)</th><td.*?>(.*?)</td><td.*?>(.*?)</td>', page)}
    assert rows["method"] == ("Finetune()", "Retrain()")
    assert rows["cost, seconds"] == ("0.25", "9.5")
    assert rows["validation accuracy after"] == ("0.875", "0.875")
    assert rows["score gap"] == ("–", "0.1 (0.05 to 0.2)")
    assert '<tr class="differs"><th scope="row">method</th>' in page
    assert '<tr><th scope="row">validation accuracy after</th>' in page
    assert web.get("/compare", params={"a": "9", "b": "2"}).status_code == 404
    assert web.get("/compare").headers["location"] == "/runs"
    assert "R00003.json?save" in web.get("/certificates").text
    saved = web.get("/certificates/R00003.json?save")
    assert saved.headers["content-disposition"] == 'attachment; filename="R00003.json"'


def test_cookies_keep_to_https_where_other_machines_are_let_in(service):
    def all_secure(view):
        cookies = view.get("/", params={"token": "a token of many letters"}).headers["set-cookie"]
        return cookies.count("Secure") == cookies.count("HttpOnly") == 2

    assert "Secure" not in browser(service).get("/").headers["set-cookie"]
    away = browser(service, token="a token of many letters", secure=True)
    assert all_secure(away)
    assert "put HTTPS before it" in browser(service, token="a token of many letters", secure=True).get("/").text
    near = TestClient(WebView(service, token="a token of many letters").app(), base_url="https://127.0.0.1", follow_redirects=False)
    assert all_secure(near)
    proxied = {"origin": "https://127.0.0.1:8765"}  # HTTPS ends before it, so that it sees HTTP
    web = browser(service)
    token = token_in(web.get("/requests/R00003"))
    assert web.post("/requests/R00003/approve", data={"token": token}, headers=proxied).status_code == 303


def test_a_busy_port_is_one_line_before_anything_starts(tmp_path, monkeypatch):
    service_in(tmp_path)
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: pytest.fail("it began"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BadInput, match=f"another program listens at 127.0.0.1, port {port}: --port {port + 1} names another"):
            serve(tmp_path / "service", port=port)
    monkeypatch.setenv("UNTRAIN_TOKEN", "a token of many letters")
    with pytest.raises(BadInput, match=r"cannot listen at --host 192\.0\.2\.1 --port 8765: "):
        serve(tmp_path / "service", host="192.0.2.1")


def test_forms_of_other_sites_are_refused(service):
    web, other = browser(service), browser(service)
    token = token_in(web.get("/requests/R00003"))
    for client, sent, headers in (
        (web, "", {}), (web, "0" * 64, {}), (other, token, {}), (web, token, {"origin": "http://evil.example"}),
    ):  # fmt: skip
        assert client.post("/requests/R00003/approve", data={"token": sent}, headers=headers).status_code == 403
    assert web.post("/requests/R00003/approve", content=b"token=" + b"x" * 20_000).status_code == 403
    assert service.ledger.request("R00003")["state"] == "received"
    assert web.post("/requests/R00003/approve", data={"token": token}, headers={"origin": HOME}).status_code == 303
    assert web.get("/requests/R00003/approve").status_code == 405


def test_only_who_has_the_token_gets_in_and_only_under_its_name(service):
    secret = "a token of many letters"
    web = browser(service, token=secret)
    assert web.get("/").status_code == 403
    assert web.get("/?token=wrong").status_code == 403
    entered = web.get("/", params={"token": secret})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert web.get("/").status_code == 200
    assert secret not in web.get("/").text
    assert secret not in repr(WebView(service, token=secret))
    # With a token the name is free, since --host 0.0.0.0 and proxies have many; without the cookie nobody sees more than before.
    assert web.get("/", headers={"host": "office.example"}).status_code == 200
    assert browser(service, token=secret).get("/", headers={"host": "office.example"}).status_code == 403
    assert browser(service).get("/", headers={"host": "evil.example"}).status_code == 400


def test_no_form_of_who_lacks_the_token_is_read(service, monkeypatch):
    async def read(request, most):
        raise AssertionError("a form was read")

    monkeypatch.setattr("untrain.service.web._body", read)
    assert browser(service, token="a token of many letters").post("/add", content=b"ids=u1").status_code == 403
    assert browser(service).post("/add", content=b"ids=u1", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", [
    "/requests/none", "/requests/%00", "/certificates/none.html", "/certificates/R00003.html", "/certificates/R00001.pem",
    "/certificates/..%2f..%2fkey.pem", "/certificates/%2e%2e%2fsalt", "/certificates/R00001", "/requests/%ff",
])  # fmt: skip
def test_what_is_not_there_is_not_found(service, path):
    answer = browser(service).get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_other_machines_are_let_in_with_a_token_alone(tmp_path, monkeypatch):
    service_in(tmp_path)
    with pytest.raises(BadInput, match=r"--host 0\.0\.0\.0 lets other machines in: set UNTRAIN_TOKEN"):
        serve(tmp_path / "service", host="0.0.0.0")
    with pytest.raises(BadInput, match="--port 70000 is not a port"):
        serve(tmp_path / "service", port=70000)
    started = {}
    monkeypatch.setattr("uvicorn.run", lambda app, **given: started.update(given))
    assert serve(tmp_path / "service")["address"] == "http://127.0.0.1:8765/"
    assert (started["host"], started["access_log"]) == ("127.0.0.1", False)
