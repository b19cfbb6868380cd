"""Pages of a service of requests: all of them, one of them, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrain.reports.html.certificate_page import lines, visible
from untrain.reports.html.page import environment, shipped

FACTS = ("state", "received", "deadline", "ids", "by_whom", "reference", "error")
MORE = ("by", "why", "error", "batch")


def list_page(document: Mapping[str, Any]) -> str:
    """The page of all requests.

    Args:
        document: what ``untrain request list --json`` prints.
    """
    late, counts = set(document["late"]), document["counts"]
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no requests"
    shown = {
        "first": f"{said}; {len(late)} past the deadline." if late else f"{said}.",
        "number": document["number"], "checkpoint": document["checkpoint"],
        "alarms": [f"{each['what']} ({each['based_on']})" for each in document["drift"]["alarms"]],
        "requests": [{**row, "late": row["id"] in late} for row in document["requests"]],
    }  # fmt: skip
    return _page("Requests to forget", overview=visible(shown))


def request_page(document: Mapping[str, Any], verbs: tuple[str, ...], token: str) -> str:
    """The page of one request.

    Args:
        document: what ``untrain request show --json`` prints.
        verbs: that its state allows.
        token: which its forms send back.
    """
    shown = {
        "id": document["id"], "certificate": bool(document["certificate"]), "verbs": list(verbs),
        "facts": [(key.replace("_", " "), value) for key, value in lines({key: document[key] for key in FACTS}) if value],
        "history": [
            (each["at"], each["event"], ", ".join(f"{key} {each[key]}" for key in MORE if each.get(key)))
            for each in document["history"]
        ],
    }  # fmt: skip
    return _page(f"Request {document['id']}", one=visible(shown), token=token)


def message_page(title: str, said: str) -> str:
    """A page with one sentence."""
    return _page(title, said=visible(said))


def _page(title: str, **parts: Any) -> str:
    usual: dict[str, Any] = {"overview": None, "one": None, "said": "", "token": ""}
    style = shipped("colours.css") + shipped("style.css")
    return environment().get_template("service.html").render({**usual, **parts, "title": visible(title), "style": style})
