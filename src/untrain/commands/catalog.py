"""What there is: methods, scores and scenarios by name.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

import math
from typing import Any

from untrain.core.errors import SpecError, suggest

Document = dict[str, Any]


def methods() -> list[Document]:
    """All unlearners and recipes with their fields."""
    return _described("unlearner", "recipe")


def localizers() -> list[Document]:
    """All localizers with their fields."""
    return _described("localizer")


def evaluators() -> list[Document]:
    """All evaluators with their fields, and each score's entry in the glossary."""
    return _scoring("evaluator")


def observers() -> list[Document]:
    """All observers with their fields, and each score's entry in the glossary."""
    return _scoring("observer")


def _scoring(role: str) -> list[Document]:
    from dataclasses import asdict

    from untrain.core import discovery

    def told(about: Any) -> Document:
        """JSON knows no infinity: a bound that there is not is null."""
        return {name: None if value in (math.inf, -math.inf) else value for name, value in asdict(about).items()}

    glossaries = {d["name"]: vars(discovery.load(d["name"]))["scores"] for d in _described(role)}
    return [d | {"scores": {n: told(a) for n, a in glossaries[d["name"]].items()}} for d in _described(role)]


def scenarios() -> list[Document]:
    """All scenarios with their fields."""
    return _described("scenario")


def show(name: str) -> Document:
    """One class, by its name or the dotted name of your own, or one score: what it is, its fields, its source.

    A dotted name is imported, which runs the code of its module.
    """
    from untrain.core import discovery
    from untrain.core.describe import describe, locate
    from untrain.evaluation.glossary import entry

    place = discovery.find(name) or (locate(name) if "." in name else None)
    if place is not None:
        scores = [e["scores"] for e in (*evaluators(), *observers()) if e["name"] == name]
        return describe(place) | {"summary": place.summary} | ({"scores": scores[0]} if scores else {})
    home = {score: e for e in (*evaluators(), *observers()) for score in e["scores"]}
    if name not in home:
        lists = "`untrain methods`, `localizers`, `evaluators`, `observers` and `scenarios` list what there is"
        raise SpecError(f"there is no {name!r}{suggest(name, [*discovery.index(), *home])}; {lists}")
    told: Document = home[name]
    source = told["source"]
    words = entry(vars(discovery.load(told["name"]))["scores"][name], source)
    return {"name": name, "role": "score", **told["scores"][name], "evaluator": told["name"], "source": source, "entry": words}


def _described(*roles: str) -> list[Document]:
    from untrain.core import discovery
    from untrain.core.describe import describe

    return [describe(place) for place in discovery.of_role(*roles)]
