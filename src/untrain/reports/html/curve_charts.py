"""Charts of loss and accuracy by step, of methods that kept them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from untrain.reports import formatting
from untrain.reports.formatting import PERCENT
from untrain.reports.html.chart_spec import Axis, Chart, Trace
from untrain.reports.html.drawing import Drawn

_SETS = {"forget": ("Forget set", "ours", "circle"), "retain": ("Retain set", "oracle", "dash")}


def by_step(key: str, document: Mapping[str, Any], drawn: Drawn) -> list[dict[str, Any]]:
    """Label and number of each method with curves, whose charts go to ``drawn``."""
    rows = [row for row in document["results"] if any(len(each["step"]) > 1 for each in row.get("curves", ()))]
    names = formatting.distinct([row["method"] for row in rows])
    methods = []
    for at, row in enumerate(rows):
        for part, chart in charts(row["curves"]).items():
            drawn.add(f"{key}-steps-{part}-{at}", chart)
        methods.append({"at": at, "label": names[row["method"]], "spec": row["method"], "measure": row["curves"][0]["measure"]})
    return methods


def charts(curves: list[dict[str, Any]]) -> dict[str, Chart]:
    """Charts of what the samples measure and of the loss that was minimised: means over seeds with the same steps as the first.

    >>> one = {"measure": "correct", "step": [0, 5], "loss": [None, 2.0], "forget": [1.0, 0.5]}
    >>> made = charts([one])
    >>> made["samples"].traces[0].y, made["loss"].traces[0].x
    ((100.0, 50.0), (5.0,))
    """
    alike = [each for each in curves if each["step"] == curves[0]["step"]]
    steps, correct = curves[0]["step"], curves[0]["measure"] == "correct"
    axis = Axis("Step")
    lines = []
    for name, (title, colour, dash) in _SETS.items():
        if all(name in each for each in alike):
            lines.append(_line(title, steps, [each[name] for each in alike], 100.0 if correct else 1.0, colour, dash))
    up = Axis("Accuracy", PERCENT, 0.0, 100.0) if correct else Axis("Loss, nats")
    trained = [at for at, value in enumerate(alike[0]["loss"]) if value is not None]
    losses = [[each["loss"][at] for at in trained] for each in alike]
    loss = _line("", [steps[at] for at in trained], losses, 1.0, "ours", "circle")
    return {"samples": Chart(tuple(lines), axis, up, 260), "loss": Chart((loss,), axis, Axis("Loss that is minimised"), 260)}


def _line(name: str, steps: list[int], values: list[list[float]], scale: float, colour: str, dash: str) -> Trace:
    mean = scale * np.mean(np.array(values, dtype=np.float64), axis=0)
    return Trace(name, tuple(map(float, steps)), tuple(np.round(mean, 4).tolist()), colour, "line", dash)
