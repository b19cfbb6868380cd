"""Margins in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from untrain.evaluation.protocols.margin_test import allowed
from untrain.evaluation.protocols.outcome_wording import called, listed
from untrain.evaluation.protocols.protocol import Margin, Protocol


def margin_in_words(given: Margin, spreads: float, unit: str) -> str:
    """A margin as a reader meets it: the larger of two distances, and what spreads never exceed.

    >>> margin_in_words(Margin(3.0, 0.05, 0.25), 3.0, "fraction"), margin_in_words(Margin(absolute=0.1), 0.0, "nats")
    ('5 points or 3 spreads, at most 25 points', '11 %')
    """
    parts = [_absolute(given.absolute, unit)] if given.absolute else []
    most = f", at most {_absolute(given.most, unit)}" if given.most and spreads else ""
    return " or ".join([*parts, *([_spreads(spreads)] if spreads else [])]) + most


def margins_in_words(protocol: Protocol, models: int, units: Mapping[str, str]) -> str:
    """The margins of a protocol in a sentence; every endpoint is in it, and both attacks have the same.

    >>> margins_in_words(Protocol("strict"), 5, {"forget": "nats", "test": "nats"})
    'within 2 spreads of retrained models or, where that is wider, within 5 % for loss on the forget set and 5 % for test loss'

    Args:
        protocol: whose margins they are.
        models: number of unlearned models.
        units: endpoint -> the unit in which it was available.
    """
    kept = {name: protocol.margins["forget" if unit == "nats" else name] for name, unit in units.items() if name != "distance"}
    given = {name: (margin, allowed(margin, models)) for name, margin in kept.items()}
    words = {
        name: "each of two attacks" if name == "attack" and "distance" in units else called(name, units[name]) for name in kept
    }
    shared = {spreads for _, spreads in given.values()}
    if len(shared) == 1 and all(shared):
        sizes = [f"{_absolute(m.absolute, units[n])} for {words[n]}" for n, (m, _) in given.items() if m.absolute]
        rest = f" or, where that is wider, within {listed(sizes)}" if sizes else ""
        bare = [words[n] for n, (m, _) in given.items() if sizes and not m.absolute]
        alone = f"; for {listed(bare)} spreads alone count" if bare else ""
        mosts = [f"{_absolute(m.most, units[n])} for {words[n]}" for n, (m, _) in given.items() if m.most]
        limit = f"; spreads count up to {listed(mosts)}" if mosts else ""
        return f"within {_spreads(shared.pop())} of retrained models{rest}{alone}{limit}"
    each = [f"{margin_in_words(m, spreads, units[name])} for {words[name]}" for name, (m, spreads) in given.items()]
    return f"within {listed(each)}; of two the wider counts, and spreads are those of retrained models"


def _absolute(size: float, unit: str) -> str:
    if unit == "nats":
        return f"{100 * math.expm1(size):.0f} %"
    return f"{100 * size:.3g} point{'' if size == 0.01 else 's'}" if unit == "fraction" else f"{size:g}"


def _spreads(number: float) -> str:
    return f"{number:g} spread{'' if number == 1 else 's'}"
