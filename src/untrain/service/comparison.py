"""Runs of a service side by side: method, cost, validation, gap to unseen rows, and scores of audits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrain.core.errors import RequestError
from untrain.runtime.database import Row
from untrain.service.audits import audit_of
from untrain.service.folder import Service
from untrain.service.ledger import document_of

SIDES = ("validation", "retain", "forget")


def run_named(service: Service, name: str) -> Row:
    """A run by its number, or by a request that it served.

    Raises:
        RequestError: there is none.
    """
    runs = service.ledger.runs()
    if name.isascii() and name.isdigit():
        found = [run for run in runs if str(run["number"]) == name.lstrip("0")]
    else:
        batch = service.ledger.request(name)["batch"]
        found = [run for run in runs if run["id"] == batch]
    if not found:
        raise RequestError(f"there is no request or run {name[:40]!r} that made a checkpoint; there are {len(runs)} runs")
    return found[0]


def run_facts(service: Service, run: Row) -> dict[str, Any]:
    """The document of a run with the scores of the audits of its requests.

    >>> from untrain.service.comparison import rows_of_table
    >>> rows_of_table([{"method": "DEL()"}, {"method": "Retrain()"}])
    [('method', ['DEL()', 'Retrain()'])]
    """
    document = document_of(run)
    requests = [str(each) for each in document.get("requests") or ()]
    audits = {name: audit_of(service, name) for name in requests}
    return {
        "number": run["number"], "finished": run["finished"], "requests": requests, "ids": document.get("ids"),
        "before": run["before"], "after": run["after"], "checkpoint": run["checkpoint"],
        "options": document.get("options") or {}, "forget": document.get("forget") or {},
        "audits": {name: audit for name, audit in audits.items() if audit is not None},
    }  # fmt: skip


def compared(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a run that are compared, flat, in the order of a table."""
    forget = facts["forget"]
    plan, cost = (forget.get(key) or {} for key in ("plan", "cost"))
    found: dict[str, Any] = {
        "requests": ", ".join(facts["requests"]), "finished": facts["finished"], "ids": facts["ids"], "rows": plan.get("rows"),
        "method": forget.get("method"), "why": forget.get("why"), "seed": forget.get("seed"),
        "share of retraining's cost": _share(forget.get("share")), **{f"cost, {key}": value for key, value in cost.items()},
    }  # fmt: skip
    for side in SIDES:
        for what in ("accuracy", "loss"):
            found[f"{side} {what} before"], found[f"{side} {what} after"] = (
                ((forget.get(when) or {}).get(side) or {}).get(what) for when in ("before", "after")
            )
    for when in ("before", "after"):
        alike = (forget.get(when) or {}).get("alike") or {}
        found[f"chance that a forgotten row has a larger loss than an unseen one, {when}"] = alike.get("area")
        if when == "after":
            found["gap, within the limit"] = alike.get("met")
    found["measured on"] = forget.get("measured_on")
    for name, audit in facts["audits"].items():
        for score, each in audit["scores"].items():
            found[f"score {score} ({name})" if len(facts["audits"]) > 1 else f"score {score}"] = _interval(each)
    return {**found, "SHA-256 before": facts["before"], "SHA-256 after": facts["after"]}


def _share(value: Any) -> Any:
    return f"{value:.1%}" if isinstance(value, float) else value


def _interval(score: Mapping[str, Any]) -> Any:
    value, low, high = (score.get(key) for key in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return value if value is not None else score.get("reason")
    return f"{value:.4g} ({low:.4g} to {high:.4g})"


def rows_of_table(sides: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Facts of several runs by name, those that no run has left out."""
    names = dict.fromkeys(name for side in sides for name in side)
    rows = [(name, [side.get(name) for side in sides]) for name in names]
    return [(name, values) for name, values in rows if any(value not in (None, "", []) for value in values)]
