"""Facts of a run on the page of its certificate: in short, before and after side by side, and all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from untrain.reports.formatting import moment

Pairs = list[tuple[str, str]]
SHOWN = ("method", "why", "seed", "budget", "versions", "cost", "share", "guard", "before", "after", "aim", "measured_on", "plan",
         "model", "valid", "accepted_damage")  # fmt: skip
SIDES = {"forget": "forgotten rows", "retain": "retained rows", "validation": "validation rows"}
UNLIKE = "Chance that a forgotten row has a larger loss than an unseen one"


def in_short(run: Mapping[str, Any]) -> Pairs:
    """Method, cost and size in a few lines; facts that are not known are left out.

    >>> in_short({"method": "Retrain()", "share": 1.0, "cost": {"seconds": 5.2}, "plan": {"rows": 4, "of": 900}})
    [('Method', 'Retrain()'), ('Rows forgotten', '4 of 900'), ('Cost', '100 % of training again, 5.2 s')]
    """
    plan, cost, model = (run.get(name) or {} for name in ("plan", "cost", "model"))
    costs = [f"{run['share']:.0%} of training again".replace("%", " %")] if isinstance(run.get("share"), float | int) else []
    costs += [f"{cost['seconds']:.1f} s"] if isinstance(cost.get("seconds"), float | int) else []
    facts = {
        "Method": run.get("method"), "Why this one": run.get("why"),
        "Rows forgotten": f"{plan['rows']} of {plan['of']}" if {"rows", "of"} <= plan.keys() else None,
        "Model": model.get("kind"), "Cost": ", ".join(costs), "Seed": run.get("seed"), "Measured on": run.get("measured_on"),
    }  # fmt: skip
    return [(name, shown(value)) for name, value in facts.items() if value not in (None, "")]


def before_and_after(run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Accuracy and loss on each set, and how forgotten rows stand beside unseen ones: name, before, after.

    >>> before_and_after({"before": {"retain": {"accuracy": 0.9989}}, "after": {"retain": {"accuracy": 0.9911}}})
    [('Accuracy on retained rows', '0.9989', '0.9911')]
    """
    return list(_before_and_after(*(run.get(when) or {} for when in ("before", "after"))))


def _before_and_after(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for side, rows in SIDES.items():
        both = [each.get(side) or {} for each in (before, after)]
        for what in ("accuracy", "loss"):
            if any(what in each for each in both):
                yield f"{what.capitalize()} on {rows}", shown(both[0].get(what)), shown(both[1].get(what))
    alike = [each.get("alike") or {} for each in (before, after)]
    if any("area" in each for each in alike):
        yield UNLIKE, shown(alike[0].get("area")), shown(alike[1].get("area"))
        yield "Its aim, and whether it was met", _aim(alike[0]), _aim(alike[1])


def _aim(alike: Mapping[str, Any]) -> str:
    if not {"aim", "within", "met"} <= alike.keys():
        return shown(None)
    return f"{shown(alike['aim'])} ± {shown(alike['within'])}: {'met' if alike['met'] else 'not met'}"


def all_facts(run: Mapping[str, Any]) -> Pairs:
    """Every fact of the run that the signed document has, by name."""
    return [(f"{name} {key}".strip(), value) for name in SHOWN if name in run for key, value in lines(run[name]) if value]


def lines(value: Any, name: str = "") -> Pairs:
    """A nested document as pairs of a name and a text.

    >>> lines({"cost": {"seconds": 1.5}, "kind": "a"})
    [('cost seconds', '1.5'), ('kind', 'a')]
    """
    if isinstance(value, Mapping):
        return [pair for key, each in value.items() for pair in lines(each, f"{name} {key}".strip())]
    if isinstance(value, list | tuple):
        return [(name, ", ".join(shown(each) for each in value))] if value else []
    return [(name, shown(value))]


def shown(value: Any) -> str:
    """A value as a page shows it.

    >>> shown(0.123456789), shown(True), shown(None)
    ('0.1235', 'yes', 'not known')
    """
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return moment(str(value))
