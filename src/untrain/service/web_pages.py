"""Pages of the web view and what their forms do, without a word on HTTP."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from untrain.core.errors import RequestError
from untrain.reports.html import service_pages as pages
from untrain.reports.html.page import shipped
from untrain.service.comparison import compared, rows_of_table, run_facts, run_named
from untrain.service.folder import Service
from untrain.service.given_ids import ids_among, ids_of
from untrain.service.overview import one, overview
from untrain.service.reviews import load_review, remove_review, reviews, ticked_ids
from untrain.service.states import NEXT

VERBS = {"approve": "approved", "withdraw": "withdrawn"}
Fields = Mapping[str, list[str]]


@dataclass(frozen=True)
class WebPage:
    """Something that the view sends: a text with its type, or the address to go to.

    Args:
        body: text or bytes.
        kind: of the body.
        code: of HTTP.
        to: address to go to instead; empty for none.
        file: name under which a browser saves it; empty to show it.
    """

    body: str | bytes = ""
    kind: str = "text/html; charset=utf-8"
    code: int = 200
    to: str = ""
    file: str = ""


@dataclass(frozen=True)
class WebPages:
    """Pages of a service.

    Args:
        service: whose.
        by: name under which requests are added, approved and withdrawn.
    """

    service: Service
    by: str

    def all_requests(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The page of all requests."""
        return WebPage(pages.list_page(overview(self.service)))

    def one_request(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The page of one request."""
        document = one(self.service, path["name"])
        verbs = tuple(verb for verb, state in VERBS.items() if state in NEXT[document["state"]])
        return WebPage(pages.request_page(document, verbs, token))

    def change(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """Approve or withdraw a request."""
        name, verb = path["name"], path["verb"]
        if verb not in VERBS:
            return not_found()
        work: Callable[[str, str], Any] = self.service.approve if verb == "approve" else self.service.withdraw
        work(name, self.by)
        return WebPage(to=f"/requests/{name}")

    def add_form(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The form of a new request."""
        return WebPage(pages.add_page({}, "", token))

    def add(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """Add a request; the form comes back with what was wrong."""
        given = {name: _text(fields, name) for name in ("ids", "reference", "deadline", "missing")}
        try:
            ids = self._listed(given["ids"], given["missing"] == "skip")
            row = self.service.add(ids, given["deadline"], self.by, given["reference"][:200])
        except RequestError as error:
            said = str(error).replace("--missing skip passes over them", "tick the box below to pass over them")
            return WebPage(pages.add_page(given, said, token), code=409)
        return WebPage(to=f"/requests/{row['id']}")

    def _listed(self, text: str, skip: bool) -> list[object]:
        """The ids of a form: one per line, which may hold commas where it is an id as a whole, or with commas between.

        Raises:
            RequestError: there is none, or the data lack one.
        """
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        try:
            cells = {line: next(csv.reader([line], skipinitialspace=True)) for line in lines}
        except csv.Error as error:
            raise RequestError(f"the ids cannot be read ({error}): write one per line") from None
        parted = {line: [word.strip() for word in words if word.strip()] for line, words in cells.items()}
        several = [line for line, words in parted.items() if words != [line]]
        whole = set(ids_among(several, self.service.settings)) if several else ()
        words = [word for line in lines for word in ([line] if line in whole else parted[line])]
        if not words:
            raise RequestError("a request needs at least one id: one per line, or commas between")
        return ids_of({"forget": words, "skip_missing": skip}, self.service.settings)[0]

    def all_reviews(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The page of all reviews."""
        return WebPage(pages.reviews_page(reviews(self.service)))

    def one_review(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The page of a review, with a box for each row."""
        return WebPage(pages.one_review_page(path["name"], load_review(self.service, path["name"]), "", token))

    def save_ticks(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """Make a request of the ticked rows of a review, or remove the review."""
        name = path["name"]
        if _text(fields, "discard"):
            remove_review(self.service, name)
            return WebPage(to="/reviews")
        review = load_review(self.service, name)
        try:
            asked = ticked_ids(review, fields.get("row", []))
            ids, _ = ids_of({"forget": asked}, self.service.settings)
            row = self.service.add(ids, by=self.by, reference=_text(fields, "reference")[:200])
        except RequestError as error:
            return WebPage(pages.one_review_page(name, review, str(error), token), code=409)
        return WebPage(to=f"/requests/{row['id']}")

    def all_runs(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The page of all runs, two of which can be compared."""
        return WebPage(pages.runs_page([run_facts(self.service, run) for run in self.service.ledger.runs()]))

    def one_run(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The report of a run: its whole document, and scores of audits."""
        return WebPage(pages.run_page(run_facts(self.service, run_named(self.service, path["name"]))))

    def compare(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """Two runs side by side, each named by its number or by a request."""
        names = [_text(fields, "a"), _text(fields, "b")]
        if not all(names):
            return WebPage(to="/runs")
        sides = [run_facts(self.service, run_named(self.service, name)) for name in names]
        return WebPage(pages.compare_page(sides, rows_of_table([compared(side) for side in sides])))

    def certificates(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The page of all certificates."""
        names = [row["id"] for row in self.service.ledger.requests("forgotten", "audited")]
        there = [name for name in sorted(names) if (self.service.certificates / f"{name}.json").exists()]
        return WebPage(pages.certificates_page(there))

    def certificate(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """A certificate: its page, or the signed document to save."""
        name, _, kind = path["file"].rpartition(".")
        known = self.service.ledger.request(name)["id"]  # never a path of the browser's own
        file = self.service.certificates / f"{known}.{kind}"
        if kind not in ("html", "json") or not file.exists():
            return WebPage(pages.message_page("Not found", "this request has no certificate yet"), code=404)
        save = file.name if "save" in fields else ""
        if kind == "html":
            return WebPage(file.read_text(encoding="utf-8"), file=save)
        return WebPage(file.read_bytes(), "application/json", file=save)

    def script(self, path: Mapping[str, str], fields: Fields, token: str) -> WebPage:
        """The script of all pages."""
        return WebPage(str(shipped("service/service.js")), "text/javascript; charset=utf-8")


def not_found() -> WebPage:
    """The page of what is not there."""
    return WebPage(pages.message_page("Not found", "there is no such page"), code=404)


def _text(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0].strip()
