"""Methods, scores and scenarios by name.

Heavy modules are imported where they are used, so that a list of names or a ``--help`` costs no torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from untrain.commands.arguments import Document
from untrain.core.errors import SpecError, suggest

if TYPE_CHECKING:
    from untrain.evaluation.base import ScoreInfo


def methods() -> list[Document]:
    """List methods, each with the data that it sees.

    Examples:
        untrain methods
        untrain show DEL
    """
    return [_with_access(entry) for entry in _described("unlearner", "recipe")]


def localizers() -> list[Document]:
    """List localizers, which select the weights that may change.

    Examples:
        untrain localizers
        untrain show WeightedGrad
    """
    return [_with_access(entry) for entry in _described("localizer")]


def evaluators() -> list[Document]:
    """List evaluators, which turn outputs into scores.

    Examples:
        untrain evaluators
        untrain show forget_gap
    """
    return _scoring("evaluator")


def observers() -> list[Document]:
    """List observers: scores that need the model itself.

    Examples:
        untrain observers
        untrain show Relearn
    """
    return _scoring("observer")


def _scoring(role: str) -> list[Document]:
    from dataclasses import asdict

    from untrain.core import discovery

    def document(about: ScoreInfo) -> Document:
        """A score's entry for JSON, which has no infinity: a missing bound is null."""
        return {name: None if value in (math.inf, -math.inf) else value for name, value in asdict(about).items()}

    glossaries = {d["name"]: vars(discovery.load(d["name"]))["scores"] for d in _described(role)}
    return [d | {"scores": {n: document(a) for n, a in glossaries[d["name"]].items()}} for d in _described(role)]


def scenarios() -> list[Document]:
    """List scenarios, requests, label noise and networks.

    Examples:
        untrain scenarios
        untrain show Digits
    """
    return _described("scenario")


def executors() -> list[Document]:
    """List executors, which run the work here or elsewhere.

    Examples:
        untrain executors
        untrain run Digits DEL --executor "Processes(4)"
    """
    return _described("executor")


def loggers() -> list[Document]:
    """List loggers, which send events of a run to trackers.

    Examples:
        untrain loggers
        untrain show TensorBoard
    """
    return _described("logger")


def show(name: str) -> Document:
    """Explain a class, a score or a word of reports and tables.

    Examples:
        untrain show DEL
        untrain show forget_gap
        untrain show oracle

    A dotted name is imported, which runs the code of its module.

    Args:
        name: a class, such as DEL, or the dotted name of your own; a score, such as forget_gap; or a word, such as oracle.
    """
    from untrain.core import discovery
    from untrain.core.describe import describe, locate
    from untrain.core.spelling import named_in
    from untrain.evaluation.glossary import entry
    from untrain.evaluation.vocabulary import all_words, find_term

    term = None if discovery.find(name) else find_term(name)
    if term is not None:
        return {"name": term.word, "role": "word", "summary": term.means, "source": term.page, "also": list(term.also)}
    name = named_in(_as_score(name))
    place = discovery.find(name) or (locate(name) if "." in name else None)
    if place is not None:
        scores = [e["scores"] for e in (*evaluators(), *observers()) if e["name"] == name]
        about = _with_access(describe(place)) if place.role in ("unlearner", "recipe", "localizer") else describe(place)
        return about | {"summary": place.summary} | ({"scores": scores[0]} if scores else {})
    home = {score: e for e in (*evaluators(), *observers()) for score in e["scores"]}
    if name not in home:
        lists = (
            "`untrain methods`, `localizers`, `evaluators`, `observers`, `scenarios`, `executors` and `loggers` list what there is"
        )
        raise SpecError(f"there is no {name!r}{suggest(name, [*discovery.index(), *home, *all_words()])}; {lists}")
    evaluator: Document = home[name]
    source = evaluator["source"]
    words = entry(vars(discovery.load(evaluator["name"]))["scores"][name], source)
    score = evaluator["scores"][name]
    return {"name": name, "role": "score", **score, "evaluator": evaluator["name"], "source": source, "entry": words}


def _as_score(heading: str) -> str:
    """The name of a score from its heading in a table, such as forget_gap from 'forget gap'; all else as it is."""
    words = heading.lower().split()
    name = "_".join(words)
    return name if len(words) > 1 and any(name in e["scores"] for e in (*evaluators(), *observers())) else heading


def _with_access(entry: Document) -> Document:
    """The entry of a method with what it sees: None where it cannot be made of defaults."""
    from untrain.core import discovery
    from untrain.core.access import access

    try:
        method = discovery.load(entry["name"])()
    except SpecError:
        return entry | {"sees": None}
    return entry | {"sees": access(method.needed())}


def _described(*roles: str) -> list[Document]:
    from untrain.core import discovery
    from untrain.core.describe import describe

    return [describe(place) for place in discovery.of_role(*roles)]
