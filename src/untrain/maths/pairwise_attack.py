"""Gains of an attacker who compares a model's outputs on each example with those of models that never saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.maths.conformal import excess

Array = np.ndarray[Any, Any]

_STEEPEST = 2.0  # times as much as the control that an example is taken to move at most
_LEAST = 0.5  # nats of the control below which proportions mean nothing
_SOFTNESS = 4.0  # nats: examples with a margin of so much weigh a quarter of those that retrained models are unsure of


def adjusted(signals: Array, control: Array, others: Array, others_control: Array) -> tuple[Array, Array]:
    """Signals of some models and of others without what a control predicts of them, (a, n) and (b, n).

    A model that is surer of everything is surer of the forget set too; its mean signal on test examples shows how much. What is
    predicted on an example is in proportion to the others' mean signal there, as if models differed by a temperature: nothing
    else is fitted, so that a model to be judged and one that it is compared with are treated alike.

    >>> warmer = 1.5 * np.array([[2.0, 4.0]])
    >>> ours, theirs = adjusted(warmer, np.array([4.5]), np.array([[2.0, 4.0], [2.2, 4.4]]), np.array([3.0, 3.3]))
    >>> np.round(ours, 6).tolist(), np.round(theirs, 6).tolist()
    ([[2.1, 4.2]], [[2.1, 4.2], [2.1, 4.2]])

    Args:
        signals: such as margins, (a, n).
        control: mean signal of each model on other examples, (a,).
        others: signals of the models to compare with, (b, n).
        others_control: their controls, (b,); where their mean is below half a nat, each example moves as the control does.

    Source: control variates, e.g. Glasserman 2003, section 4.1.
    """
    centre = float(others_control.mean())
    slopes = np.clip(others.mean(0) / centre, 0, _STEEPEST) if centre > _LEAST else np.ones(others.shape[1])
    return signals - np.outer(control - centre, slopes), others - np.outer(others_control - centre, slopes)


def difficulty(signals: Array) -> Array:
    """Weight of each example by how unsure models are of it, of sum 1, (n,).

    What models were sure of without having seen it gives nothing away.

    >>> difficulty(np.array([[0.0, 0.0]])).tolist()
    [0.5, 0.5]
    """
    weights = np.exp(-np.logaddexp(0, signals / _SOFTNESS)).mean(0)
    return np.asarray(weights / weights.sum())


def gains(ours: Array, theirs: Array, weights: Array) -> Array:
    """Gain over guessing of the attack that takes the model with the larger signal for the one that saw an example, (a,).

    It is that of a balanced choice between one of our models and one of theirs, in the mean over pairs and, by weight, over
    examples: from -0.5 to 0.5, and 0 in expectation where both are alike, whatever their law.

    >>> gains(np.array([[2.0], [0.5]]), np.array([[0.0], [1.0]]), np.ones(1)).tolist()
    [0.5, 0.0]

    Source: Mann and Whitney 1947; as a U-statistic Hoeffding 1948.
    """
    return np.array([float(_beaten(row, theirs) @ weights) - 0.5 for row in ours])


def distance_gains(ours: Array, theirs: Array, weights: Array) -> Array:
    """Gain of the attack that takes the model whose signal is farther from the other models' mean, (a,).

    It sees examples that are remembered and others that are over-forgotten, which cancel in ``gains``. The mean is over those of
    ``theirs`` that are not compared, so that either model of a pair is as far from it by chance.

    >>> distance_gains(np.array([[9.0]]), np.array([[0.0], [1.0], [2.0]]), np.ones(1)).tolist()
    [0.5]
    """
    middles = (theirs.sum(0) - theirs) / (len(theirs) - 1)
    apart = np.abs(theirs - middles)
    return np.array([float(_beaten(np.abs(row - middles), apart) @ weights) - 0.5 for row in ours])


@dataclass(frozen=True, eq=False)
class Attacked:
    """Findings of attacks on some models: of each its gains, (a,), and the signed distance of its farthest example.

    Args:
        larger: gain of the attack by the larger signal.
        farther: gain of the attack by the distance from other models.
        farthest: distance of its farthest example from other models, in standard errors.
    """

    larger: Array
    farther: Array
    farthest: Array


def attack(signals: Array, control: Array, others: Array, others_control: Array) -> tuple[Attacked, Attacked]:
    """Findings of attacks on some models and, of each other model, against the rest of the others.

    Slopes and weights are those of all others. A model is never compared with itself; as the rest are one fewer, their
    values vary by ``sqrt(k / (k - 1))`` too much (Hoeffding), which is taken off.

    >>> none, others = np.zeros(4), np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> ours, theirs = attack(np.array([[9.0]]), none[:1], others, none)
    >>> ours.larger.tolist(), np.round(theirs.larger, 4).tolist()
    ([0.5], [-0.433, -0.1443, 0.1443, 0.433])

    Args:
        signals: such as margins, (a, n).
        control: mean signal of each model on other examples, (a,).
        others: signals of the models to compare with, (k, n), k at least 4.
        others_control: their controls, (k,).
    """
    ours, theirs = adjusted(signals, control, others, others_control)
    weights, k = difficulty(others), len(others)
    rest = [np.arange(k) != at for at in range(k)]
    each = [np.concatenate([of(theirs[[at]], theirs[rest[at]], weights) for at in range(k)]) for of in (gains, distance_gains)]
    own = [value.mean() + (value - value.mean()) * np.sqrt((k - 1) / k) for value in each]
    far = np.concatenate([_farthest(theirs[[at]], theirs[rest[at]]) for at in range(k)])
    return (
        Attacked(gains(ours, theirs, weights), distance_gains(ours, theirs, weights), _farthest(ours, theirs)),
        Attacked(own[0], own[1], far),
    )


def _farthest(ours: Array, theirs: Array) -> Array:
    """Signed distance of each model's farthest example, in standard errors, (a,)."""
    away = np.stack([excess(one[None], theirs) for one in ours])
    return np.asarray(away[np.arange(len(away)), np.abs(away).argmax(1)])


def _beaten(row: Array, theirs: Array) -> Array:
    """Share of models that a model exceeds on each example, ties by half, (n,)."""
    return np.asarray((row > theirs).mean(0) + (row == theirs).mean(0) / 2)
