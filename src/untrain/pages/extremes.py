"""The forget examples that a method forgot least and most, seen from the oracles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.records import Observation
from untrain.pages import images, text
from untrain.pages.figures import Answers

Array = np.ndarray[Any, Any]

SHOWN = 8


@dataclass(frozen=True)
class Tile:
    """One example: picture, id, label as given, true label where it is another, and mean margins."""

    picture: str
    id: str
    label: str
    true: str
    ours: str
    oracle: str


def unseen(inputs: Array | None) -> str:
    """Why no pictures can be shown; empty where they can."""
    if inputs is None:
        return "No pictures of the forget set are shown: they were left out on request, or the inputs were not given."
    if not images.is_image(np.asarray(inputs)):
        return f"The inputs, of shape {tuple(inputs.shape[1:])}, are no images of one or three channels, so none are shown."
    return ""


def extremes(inputs: Array, seen: Observation, ours: Answers, oracle: Answers) -> tuple[list[Tile], list[Tile]]:
    """The least and the most forgotten: mean margin of the unlearned models farthest above and below the oracles'."""
    here = np.flatnonzero(np.asarray(seen.side) == "forget")
    mine, theirs = ours.margins.mean(0), oracle.margins.mean(0)
    order = np.argsort(theirs - mine, kind="stable")
    pixels = images.to_bytes(np.asarray(inputs))

    def tile(at: int) -> Tile:
        given, true = str(seen.labels[here[at]]), str(seen.true[here[at]])
        return Tile(
            images.data_uri(pixels[at]), str(seen.ids[here[at]]), given, "" if true == given else true,
            text.digits(mine[at]), text.digits(theirs[at]),
        )  # fmt: skip

    count = min(SHOWN, max(1, len(order) // 2))
    return [tile(i) for i in order[:count]], [tile(i) for i in order[::-1][:count]]
