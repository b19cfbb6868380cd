"""ROC curves of attacks on logarithmic axes: what an attack finds where it may hardly ever be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.evaluation.base import Curve, Evaluator, Prepared
from untrain.evaluation.observation import Observation
from untrain.evaluation.observers.base import Observer
from untrain.evaluation.scoring.assessment import lacks
from untrain.reports.html.chart_spec import Axis, Chart, Trace
from untrain.reports.html.charts import LOOKS, band
from untrain.reports.material import Material

Array = np.ndarray[Any, Any]

_AGAINST = {"test": "test examples", "oracle": "retrained models"}


@dataclass(frozen=True, eq=False)
class Attack:
    """An attack, prepared once for all methods of a run.

    Args:
        evaluator: the attack.
        ready: what it prepared of the 'oracle' models and, where there are any, of the 'original' ones.
        curves: curve name -> population -> its curve, of original and retrained models.
    """

    evaluator: Evaluator
    ready: Mapping[str, Array]
    curves: Mapping[str, Mapping[str, Curve]]


def attacks(material: Material) -> list[Attack]:
    """The attacks of a run that have curves and what these are computed of, prepared once for all its methods."""
    able = (e for e in material.evaluators if has_curves(e) and not lacks(e, material.oracle))
    return [_attack(e, material) for e in able]


def has_curves(evaluator: Evaluator) -> bool:
    """Return whether an evaluator gives curves; others would prepare all outputs anew for nothing."""
    return type(evaluator).curves not in (Evaluator.curves, Observer.curves)


def charts(attack: Attack, unlearned: Observation, scores: Mapping[str, Any]) -> dict[str, tuple[str, Chart]]:
    """Curve name -> title and chart of one method, for each curve whose area is among the method's scores.

    Args:
        attack: prepared for the run.
        unlearned: outputs of the method's models.
        scores: the method's scores by name, as the document holds them.
    """
    ours = _curves(attack.evaluator, attack.evaluator.prepare(unlearned), attack.ready, unlearned)
    members = int((np.asarray(unlearned.side) == "forget").sum())
    return {
        name: (curve.title, roc_chart({**attack.curves.get(name, {}), "Unlearned": curve}, members))
        for name, curve in ours.items()
        if (scores.get(f"{name}_auc") or {}).get("value") is not None
    }


def _attack(evaluator: Evaluator, material: Material) -> Attack:
    populations = {"oracle": material.oracle} | ({} if material.original is None else {"original": material.original})
    ready = {name: evaluator.prepare(outputs) for name, outputs in populations.items()}
    by_name: dict[str, dict[str, Curve]] = {}
    for who, name in (("Original", "original"), ("Retrained", "oracle")):
        if name in ready:
            for attack, curve in _curves(evaluator, ready[name], ready, material.oracle).items():
                by_name.setdefault(attack, {})[who] = curve
    return Attack(evaluator, ready, by_name)


def _curves(evaluator: Evaluator, ours: Array, ready: Mapping[str, Array], outputs: Observation) -> Mapping[str, Curve]:
    noisy = bool(np.any(np.asarray(outputs.labels) != np.asarray(outputs.true)))
    return evaluator.curves(Prepared(ours, ready["oracle"], np.asarray(outputs.side), noisy, ready.get("original")))


def roc_chart(curves: Mapping[str, Curve], members: int) -> Chart:
    """Mean curve of each population, that of retrained models from the least to the greatest of them, and what guessing gives.

    Where the non-members are retrained models, these are what guessing gives, and have no curve of their own.

    Args:
        curves: population -> its curve, all of one attack.
        members: number of forget examples; half of one is the least rate that is drawn.
    """
    least = 0.5 / max(members, 1)
    first = next(iter(curves.values()))
    x = _percent(first.fpr)
    traces = [Trace("Guessing", x, tuple(np.maximum(x, 100 * least).tolist()), "quiet", "line", "dash")]
    for who, curve in curves.items():
        colour, dash, _ = LOOKS[who]
        if who == "Retrained" and curve.against == "oracle":
            continue
        if who == "Retrained":
            traces.append(band(x, np.asarray(100 * np.maximum(curve.tpr, least)), "ribbon"))
        mean = np.round(100 * np.maximum(curve.tpr.mean(0), least), 4)
        traces.append(Trace(who, _percent(curve.fpr), tuple(mean.tolist()), colour, "line", dash))
    across = _axis(f"False-positive rate on {_AGAINST[first.against]}, %", float(first.fpr[0]))
    return Chart(tuple(traces), across, _axis("True-positive rate, %", least), height=360)


def _percent(rates: Array) -> tuple[float, ...]:
    return tuple(np.round(100 * rates, 5).tolist())


def _axis(title: str, least: float) -> Axis:
    """A logarithmic axis of percent that ends at 100, with a place at each power of ten and, where these are few, between."""
    start = 100 * least
    tens = [10.0**e for e in range(int(np.ceil(np.log10(start) - 1e-9)), 3)]
    places = tens if len(tens) > 3 else [m * t for t in (tens[0] / 10, *tens) for m in (1, 2, 5) if start <= m * t <= 100]
    return Axis(title, "", start, 115.0, tuple(places), tuple(f"{p:g}" for p in places), log=True)
