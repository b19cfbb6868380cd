"""What an attacker gains who compares a model's outputs on each example with those of models that never saw it."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.maths.conformal import excess

Array = np.ndarray[Any, Any]

_PRIOR = 5.0  # models whose weight the slope of 1 has in each example's slope
_SOFTNESS = 4.0  # nats: examples with a margin of so much weigh a quarter of those that retrained models are unsure of


def adjusted(signals: Array, control: Array, others: Array, others_control: Array) -> tuple[Array, Array]:
    """Signals of some models and of others without what a control predicts of them, (a, n) and (b, n).

    A model that is surer of everything is surer of the forget set too; its mean signal on test examples tells how much. The slope
    on each example is fitted to ``others`` and drawn towards 1, so that few models do not fit noise.

    >>> sharper = np.array([[1.0, 2.0]]) + 3
    >>> ours, theirs = adjusted(sharper, np.array([4.0]), np.array([[1.0, 2.0], [1.5, 2.5]]), np.array([1.0, 1.5]))
    >>> ours.tolist(), theirs.tolist()
    ([[1.25, 2.25]], [[1.25, 2.25], [1.25, 2.25]])

    Args:
        signals: such as margins, (a, n).
        control: mean signal of each model on other examples, (a,).
        others: signals of the models that slopes are fitted to, (b, n).
        others_control: their controls, (b,).

    Source: control variates, e.g. Glasserman 2003, section 4.1.
    """
    centre, away = others_control.mean(), others_control - others_control.mean()
    total = float((away**2).sum())
    pull = total * _PRIOR / len(others)
    slopes = (away @ (others - others.mean(0)) + pull) / (total + pull) if total > 0 else np.zeros(others.shape[1])
    return signals - np.outer(control - centre, slopes), others - np.outer(away, slopes)


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
    beaten = (((row > theirs).mean(0) + (row == theirs).mean(0) / 2) @ weights for row in ours)
    return np.array([share - 0.5 for share in beaten])


def attack(signals: Array, control: Array, others: Array, others_control: Array) -> tuple[Array, Array]:
    """Gain of the attack on each model, and the signed distance of its farthest example from others', in standard errors, (a,).

    >>> others, none = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]), np.zeros(3)
    >>> gain, farthest = attack(np.array([[9.0, 0.5]]), none[:1], others, none)
    >>> gain.round(2).tolist(), farthest.round(1).tolist()
    ([0.25], [14.7])

    Args:
        signals: of our models, such as margins, (a, n).
        control: mean signal of each on other examples, (a,).
        others: signals of the models that they are compared with, (b, n), b at least 2.
        others_control: their controls, (b,).
    """
    ours, theirs = adjusted(signals, control, others, others_control)
    away = np.stack([excess(one[None], theirs) for one in ours])
    farthest = away[np.arange(len(away)), np.abs(away).argmax(1)]
    return gains(ours, theirs, difficulty(others)), farthest


def attack_each(signals: Array, control: Array) -> tuple[Array, Array]:
    """The same for each model against all others of its kind, so that it is never compared with itself; (a,) and (a,).

    >>> gain, _ = attack_each(np.array([[0.0], [1.0], [2.0]]), np.zeros(3))
    >>> gain.tolist()
    [-0.5, 0.0, 0.5]

    Args:
        signals: of all models, (a, n), a at least 3.
        control: mean signal of each on other examples, (a,).
    """
    each = []
    for at in range(len(signals)):
        rest = np.arange(len(signals)) != at
        each.append(attack(signals[[at]], control[[at]], signals[rest], control[rest]))
    return np.concatenate([gain for gain, _ in each]), np.concatenate([far for _, far in each])
