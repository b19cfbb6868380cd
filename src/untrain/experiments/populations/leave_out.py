"""One trained population for many uses: subsets are drawn once, and it is recorded which examples each model saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from untrain.data.examples import Examples, joined
from untrain.experiments.populations.pairs import Pair
from untrain.experiments.populations.populate import are_stored, as_examples, train_population
from untrain.experiments.populations.population import Population
from untrain.experiments.populations.strategy import Together
from untrain.experiments.populations.subsets import Subsets, draw
from untrain.experiments.run_record import stacked
from untrain.experiments.scene import targets
from untrain.runtime.executors.base import Executor, Pool
from untrain.runtime.progress import OnProgress
from untrain.runtime.store import Store
from untrain.training.base import Learner

DEFAULT = Subsets()


def train_subsets(
    learner: Learner, train: Any, test: Any, subsets: Subsets = DEFAULT, *, store: Store | str | Path | None = None,
    executor: Executor | Pool | None = None, together: Together = "auto", on_progress: OnProgress | None = None,
) -> Population:  # fmt: skip
    """Train models that each see a part of the training data, and ask all of them about all training and test examples.

    Args:
        learner: what trains.
        train: the training data: Examples, or anything that ``examples`` takes.
        test: examples that no model sees.
        subsets: how many models, and what each sees.
        store: where outputs are kept, model by model: a second call trains nothing, and more models add to those there.
        executor: who trains, as in ``train_population``.
        together: how, as in ``train_population``.
        on_progress: called with progress, as in ``train_population``.

    Returns:
        The population, whose docstring says what it is good for.

    Raises:
        BadInput: something of the above is wrong; nothing was trained.
        NotFinite: a loss or an output of a model became NaN or infinite; the model is named.
    """
    parts, observed, seen, seeds = _plan(learner, train, test, subsets)
    outputs = train_population(
        learner, parts[0], _pairs(seen, seeds), observed, store=store, executor=executor, together=together,
        on_progress=on_progress,
    )  # fmt: skip
    labels, true = (stacked([targets(e, true=before_noise) for e in parts]) for before_noise in (False, True))
    ids = np.concatenate([np.asarray(e.ids).astype(str) for e in parts])
    return Population(outputs, seen, labels, true, ids, seeds, learner.task.resolve(parts[0]))


def count_missing(
    learner: Learner, train: Any, test: Any, subsets: Subsets = DEFAULT, *, store: Store | str | Path | None = None,
    executor: Executor | Pool | None = None, together: Together = "auto",
) -> int:  # fmt: skip
    """Number of models that ``train_subsets`` with the same arguments would train; nothing is trained to know it."""
    parts, observed, seen, seeds = _plan(learner, train, test, subsets)
    pairs = _pairs(seen, seeds)
    return are_stored(learner, parts[0], pairs, observed, store=store, executor=executor, together=together).count(False)


def _plan(learner: Learner, train: Any, test: Any, subsets: Subsets) -> tuple[tuple[Examples, Examples], Examples, Any, Any]:
    """Training and test examples, both in one, and what is drawn."""
    parts = as_examples(learner, {"train": train, "test": test})
    seen, seeds = draw(subsets, len(parts[0]))
    return (parts[0], parts[1]), joined(parts[0], parts[1]), seen, seeds


def _pairs(seen: Any, seeds: Any) -> list[Pair]:
    return [(np.flatnonzero(row), int(seed)) for row, seed in zip(seen, seeds, strict=True)]  # type: ignore[misc]
