"""Training examples that made some outputs so: a table of estimated effects, and what each does to the margin of a label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from untrain.attribution.base import TrainingEvidence
from untrain.attribution.calibration import Multipliers
from untrain.attribution.estimation import Estimation
from untrain.attribution.lds import LinearDatamodelingScore
from untrain.attribution.result import Attribution
from untrain.data.examples import joined
from untrain.experiments.attributions import AttributionWork, attribution_of, sets_of, train_halves
from untrain.experiments.scene import Scene
from untrain.models.tasks.base import Task

Array = np.ndarray[Any, Any]
EACH = 4  # examples that are asked about by default, of the test set and of the forget set
DEFAULT_RULE = (
    f"Up to {EACH} test examples that more than half of the originals get wrong, and {EACH} of the forget set: in both, those of "
    "the lowest mean margin"
)


@dataclass(frozen=True, eq=False)
class AttributionTable:
    """Values of all training examples for the queried examples, and what chance would give.

    Args:
        attribution: the values, how far to trust them, and their multipliers.
        chance: values of the same attributor where the models' memberships are shuffled, (n, t, c); None where it takes none.
        about: line on where the values come from.
    """

    attribution: Attribution
    chance: Array | None
    about: str


def choose_asked(scene: Scene, logits: Array) -> Array:
    """Places, among training examples followed by test examples, of those that ``DEFAULT_RULE`` queries, (t,).

    Args:
        scene: whose examples they are.
        logits: of the originals on all of them, (m, n + tests, c).
    """
    margins, correct = (scene.task.signal({"logits": logits}, labels_of(scene), name).mean(0) for name in ("margin", "correct"))
    n = len(scene.data.train)
    wrong = n + np.flatnonzero(correct[n:] < 0.5)
    sets = (wrong, np.sort(np.asarray(scene.forget_set.rows)))
    return np.concatenate([rows[np.argsort(margins[rows], kind="stable")[:EACH]] for rows in sets]).astype(np.int64)


def labels_of(scene: Scene, true: bool = False) -> Array:
    """Labels of training examples followed by test examples, as given or before noise, (n + tests,)."""
    both = (scene.data.train, scene.data.test)
    return np.concatenate([(e.true if true and e.true is not None else e.y)[:].cpu().numpy() for e in both])


def attribution_table(scene: Scene, estimation: Estimation, asked: Array, seed: int, work: AttributionWork) -> AttributionTable:
    """Values of all training examples for the outputs on some, by models of the store, which are trained where they are missing.

    Args:
        scene: data, learner and request.
        estimation: how effects are estimated.
        asked: places of the queried examples, among training examples followed by test examples, (t,).
        seed: of the run whose originals some attributors work on.
        work: how models are trained.
    """
    record = attribution_of(scene, estimation, seed, work).record
    evidence = _evidence(scene, estimation, work)
    attributor, chance = estimation.attributor, None
    values = attributor(evidence, None, asked)
    if evidence.seen is not None:
        shuffled = np.random.default_rng(estimation.seed).permutation(len(evidence.seen))
        chance = attributor(replace(evidence, seen=evidence.seen[shuffled]), None, asked)
    facts = {"scenario": repr(scene.scenario), "models": estimation.sizes[0], "held_out": estimation.held_out, "seed": seed}
    lds = {name: LinearDatamodelingScore(**score) for name, score in record["lds"].items()}
    table = Attribution(
        values, evidence.train.ids, evidence.asked.ids[asked], repr(attributor), Multipliers.of(record["multipliers"]), lds, facts,
        trained=asked < len(evidence.train),
    )  # fmt: skip
    return AttributionTable(table, chance, record["about"])


def _evidence(scene: Scene, estimation: Estimation, work: AttributionWork) -> TrainingEvidence:
    """Models for the attributor: the same as those of the effects of a forget set."""
    models = estimation.sizes[0]
    train, test = sets_of(scene, work)
    both = (train, joined(train, test), scene.task)
    if estimation.attributor.needs == "models":
        return TrainingEvidence(*both, models=tuple(work.originals(models)))
    population = train_halves(scene, estimation, work)
    return TrainingEvidence(*both, population.outputs["logits"][:models], population.seen[:models])


def margin_effects(values: Array, factors: Array, base: Array, labels: Array, task: Task) -> Array:
    """Contributions of training on each example to the margins of some labels, (n, t): the margin less that without its values.

    >>> from untrain.models.tasks.classification import Classification
    >>> values = np.array([[[1.0, 0.0]], [[0.0, 2.0]]], np.float32)
    >>> base, factors = np.zeros((1, 2), np.float32), np.full((2, 1), 0.5)
    >>> margin_effects(values, factors, base, np.array([0]), Classification(classes=2)).round(2).tolist()
    [[0.5], [-1.0]]

    Args:
        values: of n training examples for t outputs, (n, t, c).
        factors: what they are multiplied by, (n, t).
        base: outputs of models of all training data, (t, c).
        labels: of the queried examples, (t,).
        task: which says what a margin is.
    """
    columns = []
    for at in range(len(labels)):
        without = base[at][None] - factors[:, at, None] * values[:, at]
        outputs = np.concatenate([base[at][None], without])[:, None].astype(np.float32)
        margins = task.signal({"logits": outputs}, labels[at : at + 1], "margin")[:, 0]
        columns.append(margins[0] - margins[1:])
    return np.stack(columns, axis=1)


def strongest(effects: Array, count: int) -> Mapping[str, Array]:
    """Rows of the training examples that raise a margin most, and of those that lower it most, strongest first.

    >>> {name: rows.tolist() for name, rows in strongest(np.array([0.1, -3.0, 2.0, 0.0]), 2).items()}
    {'raise': [2, 0], 'lower': [1]}
    """
    order = np.argsort(-effects, kind="stable")
    high, low = order[:count], order[::-1][:count]
    return {"raise": high[effects[high] > 0], "lower": low[effects[low] < 0]}
