"""One trained population for many uses: subsets are drawn once, and every model records which examples it saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.data.examples import Examples, joined
from untrain.data.readers.convert import examples
from untrain.experiments.populations.pairs import Pair
from untrain.experiments.populations.populate import finished, train_population
from untrain.experiments.populations.population import Population
from untrain.experiments.populations.strategy import Together
from untrain.experiments.populations.subsets import Subsets, drawn
from untrain.runtime.executors.base import Executor
from untrain.runtime.store import Store
from untrain.training.base import Learner

DEFAULT = Subsets()


def train_subsets(
    learner: Learner, train: Any, test: Any, subsets: Subsets = DEFAULT, *, store: Store | str | Path | None = None,
    crew: Executor | None = None, together: Together = "auto",
) -> Population:  # fmt: skip
    """Train models that each see a part of the training data, and ask all of them about all training and test examples.

    Args:
        learner: what trains.
        train: the training data: Examples, or anything that ``examples`` takes.
        test: examples that no model sees.
        subsets: how many models, and what each sees.
        store: where answers are kept, model by model: asked again nothing is trained, and more models add to those there.
        crew: who trains, as in ``train_population``.
        together: how, as in ``train_population``.

    Returns:
        The population; what it serves is told there.

    Raises:
        BadInput: something of the above is wrong; nothing was trained.
        NotFinite: a loss or an answer of a model became NaN or infinite; the model is named.
    """
    known, asked, seen, seeds = _plan(train, test, subsets)
    logits = train_population(learner, known[0], _pairs(seen, seeds), asked, store=store, crew=crew, together=together)
    labels, true, ids = (np.concatenate([_column(e, name) for e in known]) for name in ("y", "true", "ids"))
    return Population(logits, seen, labels, true, ids, seeds)


def count_missing(
    learner: Learner, train: Any, test: Any, subsets: Subsets = DEFAULT, *, store: Store | str | Path | None = None,
    crew: Executor | None = None, together: Together = "auto",
) -> int:  # fmt: skip
    """Number of models that ``train_subsets`` with the same arguments would train; nothing is trained to know it."""
    known, asked, seen, seeds = _plan(train, test, subsets)
    there = finished(learner, known[0], _pairs(seen, seeds), asked, store=store, crew=crew, together=together)
    return there.count(False)


def _plan(train: Any, test: Any, subsets: Subsets) -> tuple[tuple[Examples, Examples], Examples, Any, Any]:
    """Training and test examples, both in one, and what is drawn."""
    known = [e if isinstance(e, Examples) else examples(e) for e in (train, test)]
    shapes = [tuple(e.x.shape[1:]) for e in known]
    if shapes[0] != shapes[1]:
        raise DataError(f"train has examples of shape {shapes[0]} and test of shape {shapes[1]}: they have to be alike")
    seen, seeds = drawn(subsets, len(known[0]))
    return (known[0], known[1]), joined(known[0], known[1]), seen, seeds


def _pairs(seen: Any, seeds: Any) -> list[Pair]:
    return [(np.flatnonzero(row), int(seed)) for row, seed in zip(seen, seeds, strict=True)]  # type: ignore[misc]


def _column(held: Examples, name: str) -> Any:
    if name == "ids":
        return np.asarray(held.ids).astype(str)
    return (held.y if name == "y" or held.true is None else held.true).cpu().numpy()
