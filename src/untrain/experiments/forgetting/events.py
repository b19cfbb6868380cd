"""Events of a checkpoint that forgets, from its document; how the request is spelled is not among them, since it may hold ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from untrain.core.events import Event
from untrain.experiments.events import finite

SIDES = ("validation", "retain", "forget")
WORK = "forget"


def begun_event(document: Mapping[str, Any]) -> Event:
    """The beginning, with the checkpoint and the size of the request."""
    numbers = {"rows": document["request"]["rows"], "of": document["data"]["rows"], "seed": document["seed"]}
    facts = {
        "checkpoint": document["model"]["path"], "sha256": document["model"]["sha256"], "kind": document["model"]["kind"],
        "request": document["request"]["digest"],
    }  # fmt: skip
    return Event("begun", WORK, None, numbers, {name: str(value) for name, value in facts.items()})


def try_event(finding: Mapping[str, Any]) -> Event:
    """A method that was tried: its cost, how far weights moved and what the model does now; why, where it failed.

    >>> try_event({"method": "DEL()", "failed": "moved no parameter"}).facts
    {'failed': 'moved no parameter'}
    """
    if finding["failed"]:
        return Event("model", finding["method"], None, {}, {"failed": finding["failed"]})
    numbers = {**finding["cost"], **finding["guard"], "share": finding["share"], **_figures(finding)}
    return Event("model", finding["method"], None, finite(numbers))


def ended_events(document: Mapping[str, Any]) -> Iterator[Event]:
    """The figures before and after, those of the audit where one was made, and the end."""
    for when in ("before", "after"):
        yield Event("score", when, None, finite(_figures(document[when])))
    if "audit" in document:
        scores = {name: each.get("value") for name, each in document["audit"]["scores"].items()}
        yield Event("score", "audit", None, finite(scores))
    facts = {"checkpoint": document["out"]["path"], "sha256": document["out"]["sha256"], "method": document["method"]}
    yield Event("ended", WORK, None, {"seconds": document["seconds"]}, facts)


def _figures(finding: Mapping[str, Any]) -> dict[str, Any]:
    figures = {f"{side} {what}": finding[side][what] for side in SIDES for what in ("accuracy", "loss")}
    return figures if finding["alike"] is None else figures | {"area": finding["alike"]["area"]}
