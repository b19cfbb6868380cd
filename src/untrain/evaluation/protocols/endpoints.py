"""The primary endpoints of a protocol: one value per model, so that models and not examples are what is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.protocol import ENDPOINTS
from untrain.maths import pairwise_attack

Array = np.ndarray[Any, Any]
Harm = Literal["remembers", "hides", "over-forgets", "broke", ""]
FEWEST = 6  # retrained models without which each cannot be held against the others
ATTACKS = ("attack", "distance", "example")
TINY = 1e-300  # a loss of which nothing is left in float64


@dataclass(frozen=True)
class EndpointInfo:
    """The measure of an endpoint, its unit, and the harm of a value above or below retrained models'; empty where there is none."""

    means: str
    unit: str
    above: Harm
    below: Harm

    @property
    def way(self) -> int:
        """The sign of harmful differences: 1 those above 0, -1 those below, 0 both."""
        return bool(self.above) - bool(self.below)


def about(name: str, unit: str) -> EndpointInfo:
    """The measure of an endpoint of a protocol, by the unit in which it was available.

    >>> about("test", "nats").means
    'logarithm of the mean loss on the test set'
    """
    return ABOUT[f"{name} loss" if f"{name} loss" in ABOUT and unit == "nats" else name]


ABOUT: Mapping[str, EndpointInfo] = {
    "attack": EndpointInfo(
        "what an attacker gains over guessing who compares a model's certainty on each forget example, less what its test examples "
        "predict, with retrained models'; examples count by how unsure retrained models are of them",
        "fraction", "remembers", "over-forgets",
    ),
    "forget": EndpointInfo("logarithm of the mean loss on the forget set", "nats", "over-forgets", "remembers"),
    "distance": EndpointInfo(
        "the same for an attacker who looks how far a model's certainty is from other retrained models', in whichever direction",
        "fraction", "remembers", "",
    ),
    "example": EndpointInfo(
        "distance of the farthest forget example from retrained models', in either direction", "standard errors", "remembers", "",
    ),
    "test": EndpointInfo("test accuracy", "fraction", "", "broke"),
    "retain": EndpointInfo("accuracy on the retain set", "fraction", "", "broke"),
    "test loss": EndpointInfo("logarithm of the mean loss on the test set", "nats", "broke", ""),
    "retain loss": EndpointInfo("logarithm of the mean loss on the retain set", "nats", "broke", ""),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Endpoint:
    """An endpoint with its values.

    Args:
        name: one of ``ENDPOINTS``.
        about: what it measures.
        ours: of the unlearned models, (m,).
        theirs: of the retrained models, (k,).
        error: standard error over examples, where all retrained models are one and cannot show how models differ.
        step: between values that an endpoint can have, as of accuracy on few examples; 0 where it has none.
        plain: the same values without the control variate, (m,) and (k,), where there is one: no model is convicted by its test
            examples alone.
    """

    name: str
    about: EndpointInfo
    ours: Array
    theirs: Array
    error: float | None = None
    step: float = 0.0
    plain: tuple[Array, Array] | None = None

    @property
    def margin(self) -> str:
        """The measure whose margin it has to keep: a loss that of the forget set's loss, since accuracies have another unit."""
        return "forget" if self.about.unit == "nats" else self.name

    @property
    def way(self) -> int:
        """The sign of harmful differences: 1 those above 0, -1 those below, 0 both."""
        return self.about.way


@dataclass(frozen=True, eq=False)
class Measured:
    """Inputs of endpoints from some models: signals on the forget set, means of each model, and of each example over models."""

    signals: Array | None
    control: Array
    wholes: Mapping[str, Array]
    each: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Retrained:
    """Inputs of endpoints from retrained models, measured once for all that is compared with them.

    Args:
        models: how many there are.
        measured: of them, or of one where all are the same.
        alike: whether all are the same.
    """

    models: int
    measured: Measured
    alike: bool


def retrained(oracle: Observation) -> Retrained:
    """Measure retrained models."""
    alike = oracle.coincide()
    return Retrained(oracle.models, measured(oracle.of_models(slice(0, 1)) if alike else oracle), alike)


def endpoints(unlearned: Observation, oracle: Observation | Retrained) -> tuple[list[Endpoint], dict[str, str]]:
    """The endpoints of some models against retrained ones, and why others lack.

    Args:
        unlearned: outputs of the models that forgot.
        oracle: outputs of the retrained models on the same examples, or what ``retrained`` measured of them.

    Returns:
        The endpoints, in the order of ``ENDPOINTS``; and name -> reason of those that are missing.
    """
    known = oracle if isinstance(oracle, Retrained) else retrained(oracle)
    ours, theirs = measured(unlearned), known.measured
    copies = known.models if known.alike else 0
    found: dict[str, Endpoint] = {}
    lacks: dict[str, str] = {}
    for name, values in ours.wholes.items():
        other = theirs.wholes[name]
        end = name.split()[0]
        examples = len(theirs.each[name])
        if copies and examples < 2:
            lacks[end] = "one example does not show how examples differ, and retrained models do not differ"
        elif copies:
            error = _over_examples(ours.each[name], theirs.each[name], ABOUT[name].unit)
            found[end] = Endpoint(end, ABOUT[name], values, np.repeat(other, copies), error)
        else:
            step = 1 / examples if ABOUT[name].unit == "fraction" else 0.0
            found[end] = Endpoint(end, ABOUT[name], values, other, step=step)
    if ours.signals is None or theirs.signals is None:
        lacks |= dict.fromkeys(ATTACKS, "certainty of the forget examples is not known")
    elif copies:
        lacks |= dict.fromkeys(ATTACKS, "retrained models do not differ, so any difference at all betrays a model")
    elif len(theirs.signals) < FEWEST:
        lacks |= dict.fromkeys(ATTACKS, too_few(len(theirs.signals)))
    else:
        found |= _attacks(ours.signals, ours.control, theirs.signals, theirs.control)
    for name in ENDPOINTS:
        if name not in found and name not in lacks:
            side = "forget" if name == "forget" else name
            lacks[name] = f"there are no {side} examples, or no loss of them is known"
    return [found[name] for name in ENDPOINTS if name in found], lacks


def _attacks(signals: Array, control: Array, others: Array, others_control: Array) -> dict[str, Endpoint]:
    """Endpoints of the attacks, each beside its values without the control variate."""
    both = pairwise_attack.attack(signals, control, others, others_control)
    plain = pairwise_attack.attack(signals, np.zeros_like(control), others, np.zeros_like(others_control))
    values = {"attack": [a.larger for a in (*both, *plain)], "distance": [a.farther for a in (*both, *plain)]}
    values["example"] = [np.abs(a.farthest) for a in (*both, *plain)]
    way: Harm = "remembers" if both[0].farthest.sum() >= 0 else "over-forgets"
    abouts = {name: ABOUT[name] if name == "attack" else replace(ABOUT[name], above=way) for name in values}
    return {name: Endpoint(name, abouts[name], v[0], v[1], plain=(v[2], v[3])) for name, v in values.items()}


def too_few(oracles: int) -> str:
    """Return why endpoints are missing that take some retrained models more."""
    return f"it takes {FEWEST} retrained models, and there {'is' if oracles == 1 else 'are'} {oracles}"


def measured(seen: Observation) -> Measured:
    """Inputs of endpoints from some models."""
    side = np.asarray(seen.side)
    rows = {name: np.flatnonzero(side == name) for name in ("forget", "test", "retain")}
    parts = {name: seen.at(at) for name, at in rows.items() if len(at)}
    wholes, each = {}, {}
    for name, part in parts.items():
        if name != "forget" and part.has("correct"):
            wholes[name], each[name] = _means(part.signal("correct"))
        elif part.has("loss"):
            label = name if name == "forget" else f"{name} loss"
            losses, each[label] = _means(part.signal("loss"))
            wholes[label] = np.log(np.maximum(losses, TINY))
    signals = parts["forget"].signal("margin").astype(np.float64) if "forget" in parts and seen.has("margin") else None
    control = _means(parts["test"].signal("margin"))[0] if "test" in parts and seen.has("margin") else None
    return Measured(signals, np.zeros(seen.models) if control is None else control, wholes, each)


def _means(table: Array) -> tuple[Array, Array]:
    """Means of models and of examples; the table is not copied."""
    return table.mean(1, dtype=np.float64), table.mean(0, dtype=np.float64)


def _over_examples(ours: Array, theirs: Array, unit: str) -> float:
    """Standard error over examples of the difference of means between our models and one other; of logarithms where in nats."""
    if unit == "nats":
        ours, theirs = ours / max(ours.mean(), TINY), theirs / max(theirs.mean(), TINY)
    difference = ours - theirs
    return float(difference.std(ddof=1) / np.sqrt(len(difference)))
