"""Effects of some training examples on outputs, scaled and checked on models that no attributor saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from untrain.attribution.base import TrainingEvidence
from untrain.attribution.calibration import Multipliers, fit_multipliers
from untrain.attribution.estimation import Estimation
from untrain.attribution.lds import LinearDatamodelingScore, linear_datamodeling_score, predicted_outputs
from untrain.data.batching import in_order
from untrain.data.examples import Examples, joined
from untrain.models.tasks.base import Task

Array = np.ndarray[Any, Any]
Attribute = Callable[[Array | None, Array], Array]
ROOM = 100_000_000  # numbers of a table of values that are in memory at once
TARGETS = 500  # examples whose outputs check an attributor


@dataclass(frozen=True, eq=False)
class EstimationModels:
    """Training and test data, and outputs of models on both, which make an attribution and check it.

    Args:
        train: the training data.
        test: further examples.
        fitted: logits of the models that an attributor works on, (m, n + tests, c); of none where it takes originals.
        fitted_seen: what these saw, bool (m, n).
        checked: logits of held-out half-subset models.
        checked_seen: what these saw.
        left_out: logits on the training data of models without some of it.
        removed: which examples these lack, bool (k, n).
        labels: of all examples.
        originals: models of all training data, for attributors that take these.
    """

    train: Examples
    test: Examples
    fitted: Array
    fitted_seen: Array
    checked: Array
    checked_seen: Array
    left_out: Array
    removed: Array
    labels: Array
    originals: tuple[nn.Module, ...]


@dataclass(frozen=True, eq=False)
class EffectEstimate:
    """Effects of some training examples on all, and how far to trust them.

    Args:
        effects: on the logits of each training example, multiplied, float32 (n, c).
        multipliers: of effects on the examples' own outputs and on those of others, fitted on models that lack other examples.
        scores: linear datamodeling scores on held-out models, of 'train' and 'test' examples.
        about: all of it in a line.
    """

    effects: Array
    multipliers: Multipliers
    scores: dict[str, LinearDatamodelingScore]
    about: str


def evidence_of(models: EstimationModels, task: Task) -> TrainingEvidence:
    """The input of an attributor that queries training and then test examples."""
    both = joined(models.train, models.test)
    return TrainingEvidence(models.train, both, task, models.fitted, models.fitted_seen, models.originals)


def checked_rows(models: EstimationModels, estimation: Estimation) -> tuple[Array, Array]:
    """Places of the training and of the test examples whose outputs check an attributor, whatever the forget set, ascending."""
    n, tests = len(models.train), len(models.test)
    draw, room = np.random.default_rng(estimation.seed), max(1, ROOM // (2 * n * models.fitted.shape[2]))
    return _some(draw, np.arange(n), room), _some(draw, n + np.arange(tests), room)


def estimate_effects(
    models: EstimationModels, estimation: Estimation, rows: Array, task: Task, attribute: Attribute | None = None
) -> EffectEstimate:  # fmt: skip
    """Sum what an attributor says of some training examples, and check it.

    Args:
        models: what they put out.
        estimation: how effects are estimated.
        rows: the training examples whose effects are wanted, ascending.
        task: of the models, resolved on the training data.
        attribute: what the attributor says of some rows, all of them for None, for the outputs on some queried examples;
            None asks the attributor.

    Raises:
        DataError: the models are too few, or do not cover an example.
    """
    say = partial(estimation.attributor, evidence_of(models, task)) if attribute is None else attribute
    n, classes = len(models.train), models.fitted.shape[2]
    train, test = checked_rows(models, estimation)
    # Of few examples that were drawn at random does a held-out model lack the example itself, so some that they lack stand beside.
    draw, lacking = np.random.default_rng((estimation.seed, 1)), np.flatnonzero(models.removed.any(0))
    lacked = np.setdiff1d(_some(draw, lacking, max(1, ROOM // (2 * n * classes))), train)
    of_test = _score(models, say(None, test), test, task)
    asked = np.concatenate([train, lacked])
    values = say(None, asked)
    multipliers = fit_multipliers(values, models.removed, np.asarray(models.left_out[:, asked]), asked)
    scores = {"train": _score(models, values[:, : len(train)], train, task), "test": of_test}
    parts = [say(rows, some).sum(0) for some in in_order(n, max(1, ROOM // (len(rows) * classes)))]
    effects = multipliers.factors(np.isin(np.arange(n), rows))[:, None] * np.concatenate(parts)
    about = describe(estimation, len(rows), multipliers, scores)
    return EffectEstimate(effects.astype(np.float32), multipliers, scores, about)


def _some(draw: np.random.Generator, rows: Array, room: int) -> Array:
    """Some of the rows, ascending."""
    return np.sort(rows[draw.permutation(len(rows))[: min(TARGETS, room)]])


def _score(models: EstimationModels, values: Array, rows: Array, task: Task) -> LinearDatamodelingScore:
    """Linear datamodeling score of margins on held-out models."""
    actual = np.asarray(models.checked[:, rows])
    predicted = predicted_outputs(values, models.checked_seen, actual.mean(0)).astype(np.float32)
    margins = [task.signal({"logits": each}, models.labels[rows], "margin") for each in (predicted, actual)]
    return linear_datamodeling_score(margins[0], margins[1])


def describe(estimation: Estimation, count: int, multipliers: Multipliers, scores: dict[str, LinearDatamodelingScore]) -> str:
    """Say in a line where effects come from, and how far to trust them."""
    models, held_out = estimation.sizes
    trust = ", ".join(f"{s.value:.2f} ({s.low:.2f} to {s.high:.2f}) on {name} examples" for name, s in scores.items())
    own, others = (f"{m.value:.2f} ({m.low:.2f} to {m.high:.2f})" for m in (multipliers.own, multipliers.others))
    return (
        f"effects of {count} examples by {estimation.attributor!r} of {models} models: linear datamodeling score {trust}; "
        f"multiplied by {own} on their own outputs and by {others} on those of others, fitted on {held_out} models that each lack "
        f"{count} random examples" + (f"; {multipliers.doubt}" if multipliers.doubt else "")
    )
