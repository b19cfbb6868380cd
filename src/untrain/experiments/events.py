"""Events of a comparison, from its records and its document of scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from untrain.core.events import Event
from untrain.core.spec import Spec
from untrain.data.requests.base import Request
from untrain.experiments.comparison import Comparison
from untrain.experiments.price import Price

Document = Mapping[str, Any]


def begun_event(comparison: Comparison, cost: Price) -> Event:
    """The beginning of a comparison, with its price."""
    scenario = without_ids(comparison.scenario)
    facts = {"scenario": scenario, "methods": ", ".join(map(repr, comparison.methods)), "price": cost.to_text()}
    numbers = {"seeds": comparison.seeds, "oracles": comparison.oracles, "seed": comparison.seed}
    return Event("begun", scenario, None, numbers, facts)


def model_events(label: str, record: Document) -> Iterator[Event]:
    """A model as its record in the store says it, after the points of its curve where that was kept.

    >>> curves = {"step": [0, 5], "loss": [None, 0.7], "forget": [1.0, 0.5]}
    >>> for event in model_events("DEL() 0", {"cost": {"seconds": 2.0, "flops": None}, "curves": curves}):
    ...     print(event.kind, event.step, dict(event.numbers))
    step 0 {'forget': 1.0}
    step 5 {'loss': 0.7, 'forget': 0.5}
    model None {'seconds': 2.0}
    """
    curves = dict(record.get("curves") or {})
    points = {name: values for name, values in curves.items() if isinstance(values, list) and name != "step"}
    for at, step in enumerate(curves.get("step", [])):
        yield Event("step", label, step, finite({name: values[at] for name, values in points.items()}))
    failed = {} if record.get("error") is None else {"error": str(record["error"])}
    yield Event("model", label, None, finite({**record.get("cost", {}), **record.get("guard", {})}), failed)


def score_events(document: Document) -> Iterator[Event]:
    """The scores of each method that have a value, with their intervals, floors and ceilings."""
    for row in document["results"]:
        for name, score in (row["scores"] or {}).items():
            if score["value"] is not None:
                numbers = finite({part: score.get(part) for part in ("value", "low", "high", "floor", "ceiling")})
                yield Event("score", f"{row['method']}/{name}", None, numbers)


def ended_event(document: Document, report: str, scenario: str) -> Event:
    """The end of a comparison of a scenario, by its spelling without ids: how many methods failed, and where the report is."""
    failed = sum(row["error"] is not None for row in document["results"])
    return Event("ended", scenario, None, {"failed": failed}, {"report": report} if report else {})


def without_ids(scenario: Spec) -> str:
    """The spelling of a scenario, in which dots stand for what its requests list: trackers may be on machines of others.

    >>> from untrain.data.requests.ids import Ids
    >>> without_ids(Ids(ids=("ann", "bob")))
    'Ids(...)'
    """
    text = repr(scenario)
    for request in _listing(scenario):
        text = text.replace(repr(request), f"{type(request).__name__}(...)")
    return text


def _listing(value: Any) -> Iterator[Request]:
    """The outermost requests in a value that list ids, owners or inputs, or hold a rule, which may name some."""
    if isinstance(value, tuple):
        for part in value:
            yield from _listing(part)
    if not isinstance(value, Spec):
        return
    own = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
    if isinstance(value, Request) and any(name == "rule" or _lists(each) for name, each in own.items()):
        yield value
        return
    for each in own.values():
        yield from _listing(each)


def _lists(value: Any) -> bool:
    return isinstance(value, tuple) and any(not isinstance(part, Spec) for part in value)


def finite(numbers: Document) -> dict[str, float]:
    """The finite numbers of a mapping.

    >>> finite({"loss": 0.5, "flops": None, "ratio": float("nan"), "met": True})
    {'loss': 0.5}
    """
    real = {name: value for name, value in numbers.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    return {name: float(value) for name, value in real.items() if math.isfinite(value)}
