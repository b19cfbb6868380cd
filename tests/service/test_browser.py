"""The web view as a person uses it, in a real browser: add, approve, watch it run, open the certificate, review, compare."""

import shutil
import socket
import threading
import time

import pytest
import uvicorn

from services import REVIEW, add_up, document, no_word, service_in
from untrain.reports.html.review_page import review_page
from untrain.service.audits import record_audit
from untrain.service.publish import publisher
from untrain.service.reviews import save_review
from untrain.service.web import WebView
from untrain.service.worker import run_once

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
TILES = [
    {"picture": PICTURE, "quote": "", "cells": []},
    {"picture": "", "quote": "a long text " * 20 + "W" * 90, "cells": []},
    {"picture": "", "quote": "", "cells": [["a column of a long name", "1.25"], ["b", "x" * 60]]},
]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, driven by playwright."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def service(tmp_path):
    return service_in(tmp_path)


@pytest.fixture
def address(service):
    """The address of a view that runs in a thread."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(WebView(service).app(), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(chromium):
    """A page that fails the test where a script, or the policy of the page, complains."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    complaints = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    # A form that is refused on purpose is listed as a resource that failed.
    assert [each for each in complaints if "409" not in each] == []


def run(service, **changes):
    return run_once(service, lambda job: add_up(job) | document(**changes), publisher(service, no_word))


def test_a_request_from_the_form_to_its_certificate(service, address, page):
    page.goto(address)
    page.get_by_role("link", name="add one").click()
    page.get_by_label("Ids, one per line").fill("u5\nnobody")
    page.get_by_role("button", name="Add").click()
    assert "lists 1 of 2 ids that the data lack" in page.get_by_role("alert").inner_text()
    page.get_by_label("Pass over ids").check()
    page.get_by_label("Reference of a ticket").fill("T-17")
    page.get_by_role("button", name="Add").click()
    assert page.locator("h1").inner_text() == "Request R00001"
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("It waits for the next run").wait_for()
    page.evaluate("document.activeElement.blur()")
    run(service)
    page.get_by_role("link", name="Certificate", exact=True).wait_for(timeout=10_000)  # the page looks again by itself
    with page.expect_download() as saved:
        page.get_by_role("link", name="the signed document").click()
    assert saved.value.suggested_filename == "R00001.json"
    page.get_by_role("link", name="Certificate", exact=True).click()
    assert "the model was changed so as to forget the rows of request R00001" in page.locator(".first").inner_text()


def test_rows_of_a_review_are_ticked_by_keyboard_and_saved(service, address, page):
    save_review(service, REVIEW, TILES)
    page.goto(f"{address}/reviews")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_text("0 of 3 ticked").wait_for()
    for key in ("j", "Space", "j", "j", "Space", "k"):
        page.keyboard.press(key)
    page.get_by_text("2 of 3 ticked").wait_for()
    page.get_by_label("Reference").fill("jk")  # letters in a field are letters
    page.get_by_role("button", name="Save as request").click()
    assert page.locator("h1").inner_text() == "Request R00001"
    assert service.ids("R00001") == ["u1", "u5"]
    assert service.ledger.request("R00001")["reference"] == "jk"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_overflows_and_text_can_be_read(service, address, page, width, scheme, tmp_path):
    name = save_review(service, REVIEW, TILES)
    for ids in (["u7"], ["u8", "u9"]):
        service.approve(service.add(ids, by="the office of data protection", reference="a long reference " * 8)["id"], "ann")
        run(service, method="DEL(steps=Steps(lr=0.1, batch=64, optimizer=AdamW(decay=0.01)))", why="x" * 90)
    record_audit(service, "R00002", {"results": [{"scores": {"gap": {"value": 0.1, "low": 0.05, "high": 0.2}}}]}, "ann")
    service.approve(service.add(["u3"])["id"], "ann")
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    places = (
        "/", "/requests/R00001", "/add", "/reviews", f"/reviews/{name}", "/runs", "/runs/2", "/compare?a=1&b=2", "/certificates",
        "/certificates/R00002.html",
    )  # fmt: skip
    for place in places:
        page.goto(address + place)
        held = page.evaluate("document.documentElement.scrollWidth")
        assert held <= width, (place, held)
        ink, ground = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
        assert contrast(ink, ground) > 7, place
        assert page.locator("h1").count() == 1
        fields = "[...document.querySelectorAll('input:not([type=hidden]), textarea')]"
        assert page.evaluate(f"{fields}.filter(each => !each.labels.length && !each.ariaLabel).length") == 0, place


def test_the_page_of_a_search_saves_what_is_ticked(page, tmp_path):
    awkward = ["=1+1", 'a "b", c', "u1", "-3", "@x"]
    rows = [{"id": each, "row": at, "given": "cat", "likely": "dog", "score": 0.1, "sure": 0.9} for at, each in enumerate(awkward)]
    file = tmp_path / "doubtful.html"
    tile = {"picture": "", "quote": "</script><script>alert(1)</script>", "cells": []}
    file.write_text(review_page({**REVIEW, "listed": rows, "found": 5}, [tile] * 5, "untrain find-mislabelled"), encoding="utf-8")
    page.goto(file.as_uri())
    assert page.get_by_role("button", name="Save request").is_disabled()
    page.get_by_role("button", name="Tick all").click()
    page.get_by_text("5 of 5 ticked").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save request").click()
    saved.value.save_as(tmp_path / "request.csv")
    import numpy as np

    from untrain.data.id_index import IdIndex
    from untrain.data.id_lists import ids_in_file
    from untrain.service.spool import as_list

    assert (tmp_path / "request.csv").read_bytes() == as_list(awkward)  # to the byte as the package writes it
    assert ids_in_file(tmp_path / "request.csv", IdIndex(np.array(awkward))) == awkward
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save corrected labels").click()
    saved.value.save_as(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_text().splitlines()[1] == "'=1+1,dog"
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def contrast(one, other):
    """The ratio of luminances of two colours, as WCAG defines it."""

    def luminance(colour):
        parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
