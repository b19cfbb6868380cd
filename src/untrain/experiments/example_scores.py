"""Scores of examples by which requests draw, made of the outputs of an ensemble, and how well a choice by them is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from untrain.attribution.principal_examples import component_scores_of_models
from untrain.attribution.split_half import choice
from untrain.data.examples import MEMORIZATION, Examples
from untrain.data.requests._fraction import eligible
from untrain.data.requests.base import Request
from untrain.experiments.populations.population import Population, memorization
from untrain.experiments.populations.subsets import BLOCK
from untrain.models.tasks.base import success_of

Array = np.ndarray[Any, Any]
Pick = Callable[[Array], Array]


def scores_of(population: Population, n: int, column: str) -> Array:
    """Scores of n training examples, (n,): 'memorization', or 'component K' of what they do to each other's margins."""
    if column == MEMORIZATION:
        return memorization(population).value
    margins = population.signal("margin")[:, :n]
    return component_scores_of_models(margins, population.seen, int(column.rpartition(" ")[2]))


def describe_choice(population: Population, by: Request, train: Examples, column: str, pick: Pick) -> dict[str, Any]:
    """Facts about what a request chooses, one of them a line for people.

    Args:
        population: of the ensemble.
        by: the request.
        train: the training data.
        column: of the scores that it draws by.
        pick: scores -> the rows that it chooses.
    """
    models = len(population.seen)
    # Within a block every example is seen equally often; halves are made of whole ones.
    half = np.arange(models) // BLOCK % 2 == 1 if models >= 2 * BLOCK else None
    if column == MEMORIZATION:
        about, tell = _memorized(population, by, train, half, pick), _tell_memorized
    else:
        about, tell = _of_component(population, train, half, pick, column), _tell_component
    facts = {"request": repr(by), "models": models, **about}
    return facts | {"told": tell(facts)}


def _memorized(population: Population, by: Request, train: Examples, half: Array | None, pick: Pick) -> dict[str, Any]:
    success = success_of(population.task)
    right, pool = population.signal(success.signal)[:, : len(train)], eligible(train, getattr(by, "classes", ()))
    known = choice(right, population.seen, half, pick, pool)
    return {"pool": len(pool), "chance": known.count / len(pool), "of": success.mean, **asdict(known)}


def _of_component(population: Population, train: Examples, half: Array | None, pick: Pick, column: str) -> dict[str, Any]:
    """The share of a choice common to two halves of an ensemble; a component of a half has the sign that suits the whole's."""
    n, agreement = len(train), None
    whole = scores_of(population, n, column)
    if half is not None:
        chosen = []
        for some in (half, ~half):
            part = replace(
                population, outputs={name: array[some] for name, array in population.outputs.items()},
                seen=population.seen[some], seeds=population.seeds[some],
            )  # fmt: skip
            scores = scores_of(part, n, column)
            chosen.append(pick(scores if scores @ whole >= 0 else -scores))
        agreement = len(np.intersect1d(chosen[0], chosen[1])) / len(chosen[0])
    count = len(pick(whole))
    return {"pool": n, "chance": count / n, "of": column, "count": count, "agreement": agreement}


def _tell_component(known: Mapping[str, Any]) -> str:
    head = f"{known['request']} chose {known['count']} of {known['pool']} examples by {known['models']} models"
    if known["agreement"] is None:
        return f"{head}; {2 * BLOCK} models or more show how steady the choice is"
    chance = 100 * known["chance"]
    return f"{head}; two halves of them agree on {100 * known['agreement']:.0f} % of it, by chance on {chance:.0f} %"


def _tell_memorized(known: Mapping[str, Any]) -> str:
    """The reliability of a choice by memorization, in one line."""
    head = (
        f"{known['request']} chose {known['count']} of {known['pool']} examples by {known['models']} models: their mean "
        f"memorization, a difference in {known['of']}, is {known['mean']:.3f} by all of them, which chose and so flatter it"
    )
    if known["held_out"] is None:
        head += f"; {2 * BLOCK} models or more show by how much, and how steady the choice is"
    else:
        head += (
            f", and {known['held_out']:.3f} ({known['low']:.3f} to {known['high']:.3f}) where one half chooses and the other "
            f"measures; the halves agree on {100 * known['agreement']:.0f} % of it, by chance on {100 * known['chance']:.0f} %"
        )
    if known["drawn"] == known["equals"]:
        return head
    return f"{head}; {known['drawn']} of {known['equals']} that are equal at {known['cut']:.3f} were drawn by lot"
