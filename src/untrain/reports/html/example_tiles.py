"""The forget examples that a method forgot least and most, and those by which a test tells it from the oracles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from untrain.evaluation.observation import Observation
from untrain.reports import formatting
from untrain.reports.html import data_uris
from untrain.reports.html.charts import Answers

Array = np.ndarray[Any, Any]

SHOWN = 8
RECOGNISED = 16


@dataclass(frozen=True)
class Tile:
    """One example: picture if any, id, label as given, true label where it is another, mean margins, and a further remark."""

    picture: str
    id: str
    label: str
    true: str
    ours: str
    oracle: str
    more: str = ""


def unseen(inputs: Array | None) -> str:
    """Why no pictures can be shown; empty where they can."""
    if inputs is None:
        return "No pictures of the forget set are shown: they were left out on request, or the inputs were not given."
    if not data_uris.is_image(np.asarray(inputs)):
        return f"The inputs, of shape {tuple(inputs.shape[1:])}, are no images of one or three channels, so none are shown."
    return ""


def extremes(inputs: Array, seen: Observation, ours: Answers, oracle: Answers) -> tuple[list[Tile], list[Tile]]:
    """The least and the most forgotten: mean margin of the unlearned models farthest above and below the oracles'."""
    mine, theirs = ours.margins.mean(0), oracle.margins.mean(0)
    order = np.argsort(theirs - mine, kind="stable")
    tile = _tiler(inputs, seen, mine, theirs)
    count = min(SHOWN, max(1, len(order) // 2))
    return [tile(i) for i in order[:count]], [tile(i) for i in order[::-1][:count]]


def recognised(
    found: Sequence[Mapping[str, Any]], inputs: Array | None, seen: Observation, ours: Answers, oracle: Answers
) -> list[Tile]:
    """Forget examples that a test found, with p and excess.

    Args:
        found: of each its 'id', 'p' and 'excess', as ``evaluate.audit`` gives them.
        inputs: of the forget examples, (n, ...); None where they are not shown.
        seen: the ids, labels and sides of all examples.
        ours: what the unlearned models answered on the forget set.
        oracle: what the oracles did.
    """
    here = np.flatnonzero(np.asarray(seen.side) == "forget")
    place = {str(seen.ids[row]): at for at, row in reversed(list(enumerate(here)))}
    tile = _tiler(inputs, seen, ours.margins.mean(0), oracle.margins.mean(0))
    return [
        replace(tile(place[e["id"]]), more=f"{formatting.digits(e['excess'])} s.e., {formatting.probability(e['p'], 'p')}")
        for e in found[:RECOGNISED]
        if e["id"] in place
    ]


def _tiler(inputs: Array | None, seen: Observation, mine: Array, theirs: Array) -> Callable[[int], Tile]:
    """What makes the tile of a forget example."""
    here = np.flatnonzero(np.asarray(seen.side) == "forget")
    pixels = None if inputs is None or unseen(inputs) else data_uris.to_bytes(np.asarray(inputs))

    def tile(at: int) -> Tile:
        given, true = (_written(targets[here[at]]) for targets in (seen.labels, seen.true))
        return Tile(
            "" if pixels is None else data_uris.data_uri(pixels[at]), str(seen.ids[here[at]]), given, "" if true == given else true,
            formatting.digits(mine[at]), formatting.digits(theirs[at]),
        )  # fmt: skip

    return tile


def _written(target: Any) -> str:
    """A target as a reader meets it: a class as it is, a real number in few digits."""
    return formatting.digits(float(target)) if np.asarray(target).dtype.kind == "f" else str(target)
