"""The plan of a request before anything is changed: what goes, what stays that is like it, by which method, at which price."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from untrain.data.examples import take
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.experiments.forgetting.price import Method, StepPrice
from untrain.experiments.forgetting.requests import DrawnRequest
from untrain.experiments.forgetting.surrogate import surrogate_line
from untrain.experiments.price import duration

Finding = dict[str, Any]
SHOWN = 5


def class_counts(opened: OpenedModel, rows: np.ndarray[Any, Any]) -> list[Finding]:
    """Classes with their names, how many of their rows go and how many there are."""
    if not opened.train.categories:
        return []
    y = np.asarray(opened.train.y[:].cpu().numpy())
    gone, there = Counter(y[rows].tolist()), Counter(y.tolist())
    names = opened.train.categories
    return [{"number": at, "name": name, "forget": gone[at], "rows": there[at]} for at, name in enumerate(names)]


def plan_document(
    opened: OpenedModel, drawn: DrawnRequest, twins: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]], price: StepPrice,
    method: Method | None, included: int,
) -> Finding:  # fmt: skip
    """The plan as plain values.

    Args:
        opened: the model.
        drawn: the request.
        twins: rows that stay although they are exact, and near, twins of one that goes.
        price: of a step.
        method: to run; None for 'auto'.
        included: number of twins that go too, by the user's choice.
    """
    rows = np.asarray(drawn.forget_set.rows)
    exact, near = twins
    ids = opened.train.ids
    retain = len(opened.train) - len(rows)
    return {
        "rows": len(rows), "of": len(opened.train), "ids": len(np.unique(take(opened.train, rows).ids)),
        "request": drawn.spelled, "listed": drawn.listed, "missing": [*drawn.missing],
        "classes": class_counts(opened, rows),
        "twins": {
            "exact": len(exact), "near": len(near), "such_as": [ids[row].item() for row in [*exact, *near][:SHOWN]],
            "included": included,
        },
        "model": opened.kind, "parameters": sum(p.numel() for p in opened.model.parameters()),
        "method": "auto" if method is None else repr(method),
        "seconds": None if method is None else price.seconds_of(method, opened.learner, retain, len(rows)),
        "retraining": {
            "learner": repr(opened.learner), "assumed": opened.assumed, "seconds": price.retraining_seconds,
            "operations": price.retraining_operations, "steps": price.steps, "exact": opened.exact,
            "obstacle": opened.obstacle,
        },
        "memory": price.memory,
    }  # fmt: skip


def plan_lines(plan: Finding) -> list[str]:
    """The plan in words, line by line."""
    ids = f"{plan['ids']:,} id{'s'[: plan['ids'] != 1]}"
    named = plan["request"] if plan["request"].startswith(f"{ids} of ") else f"{ids} ({plan['request']})"
    lines = [f"goes: {plan['rows']:,} of {plan['of']:,} rows, {named}"]
    gone = [f"{each['name']} {each['forget']:,} of {each['rows']:,}" for each in plan["classes"] if each["forget"]]
    lines += [f"classes: {', '.join(gone[:12])}{', ...' if len(gone) > 12 else ''}"] if gone else []
    if plan["missing"]:
        some = ", ".join(map(str, plan["missing"][:20]))
        lines.append(f"passed over: {len(plan['missing'])} of {plan['listed']} listed ids, which the data lack: {some}")
    lines += _twin_lines(plan["twins"])
    memory = f"about {plan['memory'] / 1e6:,.0f} MB" if plan["memory"] >= 1e6 else "below 1 MB"
    lines.append(f"model: {plan['model']}, {plan['parameters']:,} parameters; memory {memory} besides the data")
    again = plan["retraining"]
    cost = (
        "one exact fit"
        if again["exact"]
        else f"about {duration(again['seconds'])}, {again['steps']:,} steps"
        if again["seconds"]
        else ""
    )
    if again["obstacle"]:
        lines.append(again["obstacle"])
    elif cost:
        assumed = f"; {again['assumed']}" if again["assumed"] else ""
        lines.append(f"training again: {cost}{assumed}")
    own = "" if plan["seconds"] is None else f", about {duration(plan['seconds'])}"
    lines.append(f"method: {plan['method']}{own}")
    if plan["auto"] and plan["auto"]["surrogates"]:
        lines.append(surrogate_line(plan["auto"]["surrogates"]))
    if again["seconds"] and again["seconds"] < 60 and not again["obstacle"] and plan["method"] not in ("auto", "Retrain()"):
        lines.append("training again is as cheap as this: --method Retrain is surer")
    return lines


def _twin_lines(twins: Finding) -> list[str]:
    if twins["included"]:
        return [f"twins: {twins['included']:,} rows like a forgotten one go too"]
    if not twins["exact"] + twins["near"]:
        return ["twins: no row that stays is like one that goes"]
    such = ", ".join(map(str, twins["such_as"]))
    return [
        f"twins: {twins['exact']:,} rows that stay have the inputs of one that goes, and {twins['near']:,} nearly ({such}): the "
        "model keeps what these teach; --twins exact or --twins near takes them too"
    ]
