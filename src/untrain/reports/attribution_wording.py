"""Sentences on an attribution: where its values come from, how far to trust them, and which examples are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from untrain.reports.formatting import counted, digits

Row = Mapping[str, Any]
FAR = 0.5  # a multiplier that shrinks values of a population by more than a reader expects
MARGINS = {"own": "certainty of the example itself", "others": "certainty of others"}
SETS = {"train": "training examples", "test": "test examples"}


def trust(document: Row) -> list[str]:
    """The source of values; how they rank what held-out models put out; what they are multiplied by."""
    sentences = [
        f"Effects of {document['train']:,} training examples by {document['attributor']}, estimated from "
        f"{counted(document['models'], 'model')}."
    ]
    if document["lds"]:
        parts = [f"{_spread(score)} on {SETS.get(name, name)}" for name, score in document["lds"].items()]
        sentences.append(
            f"Linear datamodeling score: {', '.join(parts)}; it is the rank correlation of predicted and actual certainty of "
            f"{document['held_out']} held-out models, 1 at best and 0 by chance."
        )
    if document["multipliers"]:
        own, others = (document["multipliers"][name] for name in ("own", "others"))
        lack = f"{own['models']} models that each lack {counted(document['forget'], 'random example')}"
        parts = [
            f"{_by(one)} for what an example does to {of}" for one, of in ((own, "certainty of itself"), (others, "that of others"))
        ]
        sentences.append(f"Values are in logits, by what fits {lack}: {', and '.join(parts)}.")
    return sentences


def _by(multiplier: Row) -> str:
    """The multipliers of values, if they are known."""
    if multiplier["low"] > 0:
        return f"multiplied by {_spread(multiplier)}"
    return f"as the attributor gives them, since a multiplier of {_spread(multiplier)} may be 0,"


def doubts(document: Row) -> list[str]:
    """Evidence against the values as a whole."""
    weak = [SETS.get(name, name) for name, score in document["lds"].items() if score["low"] <= 0]
    sentences = []
    if weak:
        sentences.append(
            f"The score on {' and on '.join(weak)} is not above chance: what is shown there may be noise. More models would tell."
        )
    multipliers = document["multipliers"] or {}
    if unknown := [MARGINS[name] for name, one in multipliers.items() if one["low"] <= 0]:
        sentences.append(
            f"The multiplier of effects on {' and on '.join(unknown)} may be 0: their sizes, and even their signs, are not "
            "known, and no method would subtract them."
        )
    small = [MARGINS[name] for name, one in multipliers.items() if one["low"] > 0 and one["high"] < FAR]
    if small and any(row["chance"] for row in document["asked"]):
        sentences.append(
            f"The multiplier of effects on {' and on '.join(small)} is far below 1: before it, they are mostly noise of so few "
            "models, or hold among half of the data alone. It shrinks all alike, those too that stand out."
        )
    return sentences


def shown_examples(document: Row) -> str:
    """A line on the queried examples."""
    return f"Asked about: {document['rule'][:1].lower()}{document['rule'][1:]}."


def _spread(score: Row) -> str:
    return f"{digits(score['value'], 2)} ({digits(score['low'], 2)} to {digits(score['high'], 2)})"


def signed(value: float) -> str:
    """A value in two significant digits, and its sign.

    >>> signed(0.5), signed(-0.0213), signed(12.3)
    ('+0.5', '−0.021', '+12')
    """
    return f"{value:+.2g}".replace("-", "−")
