"""ROC curves of the loss attack, on logarithmic axes: what an attack finds where it may hardly ever be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.evaluation.attacks.thresholdmia import class_weights
from untrain.evaluation.observation import Observation
from untrain.maths.roc import sensitivity
from untrain.reports.html.chart_spec import Axis, Chart, Trace
from untrain.reports.html.charts import LOOKS, band
from untrain.reports.material import Material

Array = np.ndarray[Any, Any]

POINTS = 48


@dataclass(frozen=True, eq=False)
class RocCurve:
    """What is the same for all methods of a run.

    Args:
        rates: false-positive rates, (g,).
        others: original and retrained models' true-positive rates, (m, g) each.
        members: number of forget examples.
    """

    rates: Array
    others: Mapping[str, Array]
    members: int


def known(material: Material) -> RocCurve:
    """The curves of original and retrained models."""
    rates = grid(material.oracle)
    seen = {"Original": material.original, "Retrained": material.oracle}
    found = {who: sensitivities(s, rates) for who, s in seen.items() if s is not None}
    members = int((np.asarray(material.oracle.side) == "forget").sum())
    return RocCurve(rates, {who: each for who, each in found.items() if each is not None}, members)


def chart(held: RocCurve, unlearned: Observation) -> Chart | None:
    """The curves of a method beside the others; None where the test set lacks a class of the forget set."""
    ours = sensitivities(unlearned, held.rates)
    return None if ours is None else roc_chart({**held.others, "Unlearned": ours}, held.rates, held.members)


def grid(seen: Observation) -> Array:
    """False-positive rates from one non-member to all of them, evenly on a logarithmic axis."""
    others = int((np.asarray(seen.side) == "test").sum())
    return np.geomspace(1 / max(others, 2), 1.0, POINTS)


def sensitivities(seen: Observation, rates: Array) -> Array | None:
    """True-positive rate of each model at false-positive rates (g,), forget examples against test examples weighted to their
    class mix: (m, g); None where the test set lacks a class."""
    side, strata = np.asarray(seen.side), seen.strata
    forget, test = side == "forget", side == "test"
    weights = class_weights(strata[forget], strata[test])
    if weights is None:
        return None
    here = np.flatnonzero(forget | test)
    certain = -seen.at(here).signal("loss")
    return np.stack([sensitivity(row[forget[here]], row[test[here]], rates, weights) for row in certain])


def roc_chart(shown: Mapping[str, Array], rates: Array, members: int) -> Chart:
    """Mean curve of each kind of models, the retrained ones' from the least to the greatest of them, and what guessing gives.

    Args:
        shown: kind of models -> true-positive rates, (m, g).
        rates: false-positive rates, (g,).
        members: number of forget examples; half of one is the least rate that is drawn.
    """
    least = 0.5 / max(members, 1)
    x = tuple(np.round(100 * rates, 5).tolist())

    def percent(values: Array) -> Array:
        return np.asarray(100 * np.maximum(values, least))

    traces = [Trace("Guessing", x, tuple(np.maximum(x, 100 * least).tolist()), "quiet", "line", "dash")]
    for who, each in shown.items():
        colour, dash, _ = LOOKS[who]
        if who == "Retrained":
            traces.append(band(x, percent(each), "ribbon"))
        traces.append(Trace(who, x, tuple(np.round(percent(each.mean(0)), 4).tolist()), colour, "line", dash))
    across, up = _axis("False-positive rate, %", float(rates[0])), _axis("True-positive rate, %", least)
    return Chart(tuple(traces), across, up, height=400)


def _axis(title: str, least: float) -> Axis:
    """A logarithmic axis of percent that ends at 100, with a place at each power of ten and, where these are few, between."""
    start = 100 * least
    tens = [10.0**e for e in range(int(np.ceil(np.log10(start) - 1e-9)), 3)]
    places = tens if len(tens) > 3 else [m * t for t in (tens[0] / 10, *tens) for m in (1, 2, 5) if start <= m * t <= 100]
    return Axis(title, "", start, 115.0, tuple(places), tuple(f"{p:g}" for p in places), log=True)
