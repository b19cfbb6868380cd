"""Examples as tiles: those that a method forgot least and most, and those by which a test separates it from the oracles."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from untrain.evaluation.observation import Observation
from untrain.reports import formatting
from untrain.reports.html import data_uris
from untrain.reports.html.charts import SideOutputs
from untrain.reports.material import Material
from untrain.reports.shown import Shown

Array = np.ndarray[Any, Any]

SHOWN = 8
RECOGNISED = 16
LONGEST = 280  # characters of a text


@dataclass(frozen=True)
class Tile:
    """One example as a page shows it.

    Args:
        id: of the example.
        label: as given: a class by name or number, or a quantity.
        true: the true label where it is another.
        ours: what the page says of it in a number, such as the mean margin of the unlearned models.
        oracle: what that is compared with, such as the mean margin of the retrained ones; empty where it stands alone.
        picture: the image as a data URI, if the example is one.
        quote: the beginning of the text, if it is one.
        cells: name and value of each column, if it is a row of a table.
        more: a further remark.
    """

    id: str
    label: str
    true: str
    ours: str
    oracle: str
    picture: str = ""
    quote: str = ""
    cells: tuple[tuple[str, str], ...] = ()
    more: str = ""


def unseen(material: Material) -> str:
    """The reason why no examples can be shown; empty where they can."""
    if material.shown is None:
        return "The examples of the forget set are not shown: they were left out on request, or the inputs were not given."
    return misshapen(material.shown)


def misshapen(shown: Sequence[Shown]) -> str:
    """The reason why inputs cannot be drawn; empty where they can."""
    images = [s.image for s in shown if s.kind == "image" and s.image is not None]
    if len(images) == len(shown) and images and not data_uris.is_image(images[0][None]):
        return f"The inputs, of shape {images[0].shape}, are not images of one or three channels and no texts, so none are shown."
    return ""


def extremes(material: Material, ours: SideOutputs, oracle: SideOutputs) -> tuple[list[Tile], list[Tile]]:
    """The least and the most forgotten: mean margin of the unlearned models farthest above and below the oracles'."""
    mine, theirs = ours.margins.mean(0), oracle.margins.mean(0)
    order = np.argsort(theirs - mine, kind="stable")
    tile = _tiler(material, mine, theirs)
    count = min(SHOWN, max(1, len(order) // 2))
    return [tile(i) for i in order[:count]], [tile(i) for i in order[::-1][:count]]


def recognised(listed: Sequence[Mapping[str, Any]], material: Material, ours: SideOutputs, oracle: SideOutputs) -> list[Tile]:
    """Forget examples that a test singles out, with p and excess.

    Args:
        listed: of each its 'id', 'p' and 'excess', as the verdict on the method lists them.
        material: of the run.
        ours: outputs of the unlearned models on the forget set.
        oracle: outputs of the oracles.
    """
    ids = np.asarray(material.oracle.ids)[_forget(material.oracle)]
    place = {str(name): at for at, name in reversed(list(enumerate(ids)))}
    tile = _tiler(material, ours.margins.mean(0), oracle.margins.mean(0))
    return [
        replace(tile(place[e["id"]]), more=f"{formatting.digits(e['excess'])} s.e., {formatting.probability(e['p'], 'p')}")
        for e in listed[:RECOGNISED]
        if e["id"] in place
    ]


def snippet(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text on one line, cut between words where one ends near; what cannot be printed is replaced."""
    plain = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    plain = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) == "Cc" else c for c in plain)
    if len(plain) <= longest:
        return plain
    head = plain[:longest]
    words = head.rpartition(" ")[0]
    return f"{words if len(words) > longest // 2 else head}…"


def _forget(outputs: Observation) -> Array:
    return np.flatnonzero(np.asarray(outputs.side) == "forget")


def _tiler(material: Material, mine: Array, theirs: Array) -> Callable[[int], Tile]:
    """A function from the place of an example in the forget set to its tile."""
    outputs, drawn = material.oracle, _drawn(material)
    here = _forget(outputs)

    def tile(at: int) -> Tile:
        given, true = (formatting.label_text(labels[here[at]], material.classes) for labels in (outputs.labels, outputs.true))
        bare = Tile(
            str(outputs.ids[here[at]]), given, "" if true == given else true,
            formatting.digits(mine[at]), formatting.digits(theirs[at]),
        )  # fmt: skip
        return replace(bare, **drawn(at))

    return tile


def _drawn(material: Material) -> Callable[[int], dict[str, Any]]:
    """A function from the place of an example in the forget set to the fields of a tile that show it."""
    return (lambda at: {}) if material.shown is None else drawings(material.shown)


def drawings(shown: Sequence[Shown], side: int = data_uris.LARGEST) -> Callable[[int], dict[str, Any]]:
    """A function from a place to the fields of a tile that show the example there; images are scaled by the range of all.

    Args:
        shown: the examples.
        side: pixels of a picture at most.
    """
    if misshapen(shown):
        return lambda at: {}
    images = {at: s.image for at, s in enumerate(shown) if s.kind == "image" and s.image is not None}
    pixels = dict(zip(images, data_uris.to_bytes(list(images.values())), strict=True))

    def fields(at: int) -> dict[str, Any]:
        if at in pixels:
            return {"picture": data_uris.data_uri(pixels[at], side)}
        return {"quote": snippet(shown[at].text), "cells": tuple((snippet(n, 40), snippet(v, 80)) for n, v in shown[at].cells)}

    return fields
