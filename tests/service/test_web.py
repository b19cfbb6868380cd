"""The web view: what it shows, and whom it refuses."""

import re
import shutil

import pytest
from starlette.testclient import TestClient

from services import service_in
from untrain.service.folder import open_service
from untrain.service.web import WebView

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
    assert "<script" not in first.text
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


@pytest.mark.parametrize("path", [
    "/requests/none", "/requests/%00", "/certificates/none.html", "/certificates/R00003.html", "/certificates/R00001.pem",
    "/certificates/..%2f..%2fkey.pem", "/certificates/%2e%2e%2fsalt", "/certificates/R00001", "/requests/%ff",
])  # fmt: skip
def test_what_is_not_there_is_not_found(service, path):
    answer = browser(service).get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_other_machines_are_let_in_with_a_token_alone(tmp_path, monkeypatch):
    from untrain.commands.serve import serve
    from untrain.core.errors import BadInput

    service_in(tmp_path)
    with pytest.raises(BadInput, match=r"--host 0\.0\.0\.0 lets other machines in: set UNTRAIN_TOKEN"):
        serve(tmp_path / "service", host="0.0.0.0")
    with pytest.raises(BadInput, match="--port 70000 is not a port"):
        serve(tmp_path / "service", port=70000)
    started = {}
    monkeypatch.setattr("uvicorn.run", lambda app, **given: started.update(given))
    assert serve(tmp_path / "service")["address"] == "http://127.0.0.1:8765/"
    assert (started["host"], started["access_log"]) == ("127.0.0.1", False)
