"""Sentences on an attribution: where its values come from, how far to trust them, and which examples are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrain.reports.formatting import counted, digits

Row = Mapping[str, Any]
FAR = 0.5  # a multiplier that says so much of noise that a reader should know
SETS = {"train": "training examples", "test": "test examples"}


def trust(document: Row) -> list[str]:
    """Where values come from; how they rank what held-out models put out; what they are multiplied by."""
    sentences = [
        f"Effects of {document['train']:,} training examples by {document['attributor']}, estimated from "
        f"{counted(document['models'], 'model')}."
    ]
    if document["lds"]:
        parts = [f"{_spread(score)} on {SETS.get(name, name)}" for name, score in document["lds"].items()]
        sentences.append(
            f"Linear datamodeling score: {', '.join(parts)}; it is the rank correlation of predicted and actual margins of "
            f"{document['held_out']} held-out models, 1 at best and 0 by chance."
        )
    if document["multiplier"]:
        sentences.append(
            f"Values are in logits, multiplied by {_spread(document['multiplier'])}: what fits {document['multiplier']['models']} "
            f"models that each lack {counted(document['forget'], 'random example')}."
        )
    return sentences


def doubts(document: Row) -> list[str]:
    """What speaks against the values as a whole."""
    weak = [SETS.get(name, name) for name, score in document["lds"].items() if score["low"] <= 0]
    sentences = []
    if weak:
        sentences.append(
            f"The score on {' and on '.join(weak)} is not above chance: what is shown there may be noise. More models make it better."
        )
    if document["multiplier"] and document["multiplier"]["low"] <= 0:
        sentences.append("The interval of the multiplier reaches 0: the sizes of the values, and even their signs, are not known.")
    elif document["multiplier"] and document["multiplier"]["high"] < FAR:
        sentences.append(
            "The multiplier is far below 1: before it, most of what values say is noise of so few models. It shrinks all of them alike, "
            "those too that stand out of the noise."
        )
    return sentences


def shown_examples(document: Row) -> str:
    """Which examples were asked about."""
    return f"Asked about: {document['rule'][:1].lower()}{document['rule'][1:]}."


def _spread(score: Row) -> str:
    return f"{digits(score['value'], 2)} ({digits(score['low'], 2)} to {digits(score['high'], 2)})"


def signed(value: float) -> str:
    """A value in two significant digits, and its sign.

    >>> signed(0.5), signed(-0.0213), signed(12.3)
    ('+0.5', '−0.021', '+12')
    """
    return f"{value:+.2g}".replace("-", "−")
