"""Pages of a service of requests: requests, reviews, runs and their comparison, certificates, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from untrain.reports.formatting import file_name
from untrain.reports.html.certificate_facts import lines
from untrain.reports.html.certificate_facts import shown as as_text
from untrain.reports.html.certificate_page import scores, visible
from untrain.reports.html.page import environment, shipped
from untrain.reports.html.review_page import cards, lead

FACTS = ("state", "received", "deadline", "ids", "by_whom", "reference", "error")
MORE = ("by", "why", "error", "batch")
UNDER_WAY = ("approved", "running")
FIRST = ("method", "why")
APART = ("plan", "before", "after", "tries", "notes", "method_notes", "cost", "versions")


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
    live = any(counts[state] for state in UNDER_WAY)
    return _page("list", "Requests to forget", "/", live, overview=visible(shown))


def request_page(document: Mapping[str, Any], verbs: tuple[str, ...], token: str) -> str:
    """The page of one request.

    Args:
        document: what ``untrain request show --json`` prints.
        verbs: that its state allows.
        token: which its forms send back.
    """
    shown = {
        "id": document["id"], "state": document["state"], "certificate": bool(document["certificate"]), "verbs": list(verbs),
        "facts": [(key.replace("_", " "), value) for key, value in lines({key: document[key] for key in FACTS}) if value],
        "history": [
            (each["at"], each["event"], ", ".join(f"{key} {each[key]}" for key in MORE if each.get(key)))
            for each in document["history"]
        ],
    }  # fmt: skip
    return _page("one", f"Request {document['id']}", "", document["state"] in UNDER_WAY, one=visible(shown), token=token)


def add_page(given: Mapping[str, str], wrong: str, token: str) -> str:
    """The form of a new request, with what was given before and what was wrong about it."""
    empty = dict.fromkeys(("ids", "reference", "deadline", "missing"), "")
    return _page("add", "Add a request", "/add", given={**empty, **given}, wrong=visible(wrong), token=token)


def reviews_page(reviews: Sequence[Mapping[str, Any]]) -> str:
    """The page of all reviews."""
    return _page("reviews", "Labels to review", "/reviews", reviews=visible(list(reviews)))


def one_review_page(name: str, review: Mapping[str, Any], wrong: str, token: str) -> str:
    """The page of a review, with a box for each row."""
    made = [{**card, "at": row["row"]} for card, row in zip(cards(review, review["tiles"]), review["listed"], strict=True)]
    shown = visible({key: value for key, value in review.items() if key not in ("tiles", "listed")})
    return _page(
        "review", f"Labels of {file_name(str(review['source']))}", name=name, review=shown, cards=made, lead=visible(lead(review)),
        wrong=visible(wrong), token=token,
    )  # fmt: skip


def runs_page(runs: Sequence[Mapping[str, Any]]) -> str:
    """The page of all runs, two of which can be compared."""
    return _page("runs", "Runs", "/runs", runs=visible(list(runs)))


def run_page(run: Mapping[str, Any]) -> str:
    """The report of a run: its whole document, and scores of audits."""
    run = visible(run)
    forget = run["forget"]
    held_out = {when: (forget.get(when) or {}).get("validation") or {} for when in ("before", "after")}
    short = {
        **{key: run[key] for key in ("requests", "ids", "finished")}, **{key: forget[key] for key in FIRST if key in forget},
        **{f"validation accuracy {when}": side["accuracy"] for when, side in held_out.items() if "accuracy" in side},
        "checkpoint": run["checkpoint"], "SHA-256 before": run["before"], "SHA-256 after": run["after"],
    }  # fmt: skip
    rest = {key: value for key, value in forget.items() if key not in (*APART, *FIRST) and value is not None}
    parts = [("In short", lines(short)), ("Facts", lines(rest)), ("Options", lines(run["options"]))]
    parts += [(key.replace("_", " ").capitalize(), _numbered(forget[key])) for key in APART if key in forget]
    audits = [(name, audit["verdict"], scores(audit)) for name, audit in run["audits"].items()]
    return _page("run", f"Run {run['number']}", parts=[(heading, pairs) for heading, pairs in parts if pairs], audits=audits)


def _numbered(value: Any) -> list[tuple[str, str]]:
    """A part of a document as pairs; entries of a list are numbered."""
    if isinstance(value, list):
        return [pair for at, each in enumerate(value, 1) for pair in lines(each, str(at))]
    return lines(value)


def compare_page(sides: Sequence[Mapping[str, Any]], rows: Sequence[tuple[str, list[Any]]]) -> str:
    """Runs side by side.

    Args:
        sides: their facts.
        rows: of each fact its name, and its value in each run.
    """
    shown = [(visible(name), [visible(_value(each)) for each in values], len(set(map(str, values))) == 1) for name, values in rows]
    numbers = [side["number"] for side in sides]
    title = " and ".join(f"Run {number}" for number in numbers)
    return _page("compare", title, numbers=numbers, rows=shown, differ=sum(not same for *_, same in shown))


def _value(value: Any) -> str:
    return "–" if value in (None, "") else as_text(value)


def certificates_page(names: Sequence[str]) -> str:
    """The page of all certificates."""
    return _page("certificates", "Certificates", "/certificates", names=visible(list(names)))


def message_page(title: str, said: str) -> str:
    """A page with one sentence."""
    return _page("said", title, said=visible(said))


def _page(kind: str, title: str, here: str = "", live: bool = False, /, **parts: Any) -> str:
    style = shipped("colours.css") + shipped("style.css") + shipped("review.css") + shipped("service/service.css")
    template = environment().get_template(f"service/{kind}.html")
    return template.render({**parts, "title": visible(title), "style": style, "here": here, "live": live})
