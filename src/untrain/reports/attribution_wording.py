"""Sentences on an attribution: where its values come from, how far to trust them, and which examples are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrain.reports.formatting import counted, digits

Row = Mapping[str, Any]
FAR = 0.5  # a multiplier that shrinks values of a population by more than a reader expects
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
    multiplier = document["multiplier"]
    if multiplier:
        lack = f"{multiplier['models']} models that each lack {counted(document['forget'], 'random example')}"
        done = f"are in logits, multiplied by {_spread(multiplier)}: what fits {lack}"
        left = f"stand as the attributor gives them, since what fits {lack} is no factor above 0: {_spread(multiplier)}"
        sentences.append(f"Values {done if multiplier['value'] > 0 else left}.")
    return sentences


def doubts(document: Row) -> list[str]:
    """What speaks against the values as a whole."""
    weak = [SETS.get(name, name) for name, score in document["lds"].items() if score["low"] <= 0]
    sentences = []
    if weak:
        sentences.append(
            f"The score on {' and on '.join(weak)} is not above chance: what is shown there may be noise. More models would tell."
        )
    if document["multiplier"] and document["multiplier"]["low"] <= 0:
        sentences.append("The interval of the multiplier reaches 0: the sizes of the values, and even their signs, are not known.")
    elif document["multiplier"] and document["multiplier"]["high"] < FAR and any(row["chance"] for row in document["asked"]):
        sentences.append(
            "The multiplier is far below 1: before it, values are mostly noise of so few models, or hold among half of the data "
            "alone. It shrinks all alike, those too that stand out."
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
