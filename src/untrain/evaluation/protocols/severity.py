"""Distance of a model from retrained ones, in margins of a protocol: one number per model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.evaluation.protocols.endpoints import Endpoint
from untrain.evaluation.protocols.margin_test import width_of
from untrain.evaluation.protocols.protocol import Margin, Protocol

Array = np.ndarray[Any, Any]
_LEAST = 0.1  # share of the variance between retrained models that each resample keeps
MOST = 1e6  # margins; what is farther, as where retrained models do not differ at all, counts as so far, and what is no number


@dataclass(frozen=True, eq=False)
class Yardstick:
    """Values of retrained models on some endpoints, and the margins around their mean.

    Args:
        names: of the endpoints.
        margins: of each endpoint.
        values: of the retrained models, (k, endpoints).
    """

    names: tuple[str, ...]
    margins: tuple[Margin, ...]
    values: Array

    @staticmethod
    def of(found: Sequence[Endpoint], protocol: Protocol) -> Yardstick:
        """That of endpoints by the margins of a protocol."""
        margins = tuple(protocol.margins[e.margin] for e in found)
        return Yardstick(tuple(e.name for e in found), margins, np.stack([e.theirs for e in found], axis=1))


def severities(ours: Array, yardstick: Yardstick, draws: Array | None = None) -> Array:
    """Largest distance of each model from the mean of retrained ones over endpoints, in margins: up to 1 is within all.

    A margin is as wide as ``margin_test.judge`` takes it for several models: the larger of its absolute distance and its spreads
    between retrained models, up to its limit. Distances count in either direction.

    >>> stick = Yardstick(("test",), (Margin(absolute=0.1),), np.array([[0.5], [0.7]]))
    >>> severities(np.array([[0.6], [0.8]]), stick).round(6).tolist()
    [0.0, 2.0]

    Args:
        ours: values of the models, (m, endpoints).
        yardstick: of retrained models.
        draws: for each resample how often each retrained model is in it, spread as ``bootstrap.inflated`` does it or not, (b, k);
            None takes each once.

    Returns:
        (m,), or (b, m) with ``draws``.

    Raises:
        DataError: there are fewer than two retrained models, or other endpoints than those of the models.
    """
    k = len(yardstick.values)
    if k < 2 or ours.shape[1:] != yardstick.values.shape[1:]:
        raise DataError(f"severity needs two retrained models and the same endpoints; got {k} and {ours.shape[1:]}")
    counts = np.ones((1, k)) if draws is None else np.asarray(draws, dtype=np.float64)
    shares = counts / k
    centre = shares @ yardstick.values
    apart = (yardstick.values[None] - centre[:, None]) ** 2
    # The mean of a resample moves towards its own models, which takes so much off their variance on average.
    less = 1 - 1 / k - (0.0 if draws is None else float(shares.var(0).mean() * k))
    variance = np.einsum("bk,bke->be", shares, apart) / less
    floor = _LEAST * yardstick.values.var(0, ddof=1)  # weights below 0 could leave nothing, or less
    spread = np.sqrt(np.maximum(variance, floor))
    width = np.stack([width_of(spread[:, at], m, m.spreads) for at, m in enumerate(yardstick.margins)], axis=1)
    distance = np.abs(ours[None] - centre[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(distance == 0, 0.0, np.where(np.isnan(distance), MOST, distance / width[:, None]))
    worst: Array = np.minimum(ratio, MOST).max(2)
    return np.asarray(worst[0] if draws is None else worst)


def worst_endpoint(ours: Array, yardstick: Yardstick) -> str:
    """The endpoint on which models are farthest in most cases."""
    parts = [
        severities(ours[:, [at]], Yardstick((name,), (yardstick.margins[at],), yardstick.values[:, [at]]))
        for at, name in enumerate(yardstick.names)
    ]
    first = np.stack(parts).argmax(0)
    return yardstick.names[int(np.bincount(first, minlength=len(parts)).argmax())]
