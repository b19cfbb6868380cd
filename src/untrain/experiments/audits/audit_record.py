"""The end of every audit: its models by role, its price, and the document of its scores."""

from __future__ import annotations

from typing import Any

from untrain.evaluation.scoring.design import LEVEL, can_decide
from untrain.experiments.price import Price
from untrain.experiments.publish import publish
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.runtime.store import Entry, Store

Document = dict[str, Any]
FOR_ONE, FOR_SEVERAL = 19, 12  # oracles trained by default: one checkpoint needs 19 for a test at 5 %


def models_by_role(unlearned: list[str], oracles: list[str], originals: list[str], name: str) -> Document:
    """Keys of the models of a run, as ``entries_of`` reads them."""
    return {"original": originals, "oracle": oracles, "methods": [{"method": name, "keys": unlearned}]}


def stand_in(oracles: list[str], unlearned: int) -> list[str]:
    """Keys of oracles of a deterministic learner: where all are one model, it stands for as many as a test needs.

    Args:
        oracles: keys of those that are there.
        unlearned: number of the models that forgot.
    """
    enough = can_decide(unlearned, len(oracles), LEVEL) and len(oracles) >= 2 * unlearned
    if len(set(oracles)) != 1 or enough:
        return oracles
    return oracles[:1] * (FOR_ONE if unlearned == 1 else max(FOR_SEVERAL, 2 * unlearned))


def price_without_training(stored: int) -> Document:
    """Price of an audit in which nothing is trained."""
    return Price(0, stored, 0.0, 1, "nothing", {"original": 0, "oracle": 0, "unlearned": 0}).document()


def publish_audit(entry: Entry, store: Store, options: RunOptions, page: ReportOptions, price: Document) -> Document:
    """Write the pages of a recorded run and return its document."""
    shown = publish([entry], store, page.out, page.images, page.command, options.chosen, page.replace, options.on_progress)
    document: Document = shown["runs"][0]
    return document | {"price": price}
