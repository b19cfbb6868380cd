"""Refusals of what cannot be attributed, before anything is trained."""

from __future__ import annotations

import numpy as np

from untrain.attribution.base import TrainingEvidence, check_population
from untrain.attribution.estimate import ROOM
from untrain.attribution.estimation import Estimation
from untrain.core.errors import DataError, ModelError, NotFinite
from untrain.core.foreign import foreign
from untrain.data.examples import Examples, take
from untrain.experiments.attributions import plain
from untrain.experiments.estimation_plan import half_subsets
from untrain.experiments.populations.subsets import draw
from untrain.models.tasks.base import Task
from untrain.training.base import Learner

TRIED = 64  # training examples on which an attributor is tried
SURE = 4096  # and on which again, where these were too few


def check_attributable(learner: Learner, train: Examples, estimation: Estimation, asked: int = 0) -> None:
    """Refuse what cannot be attributed, before anything is trained.

    Args:
        learner: what trains the models.
        train: the training data.
        estimation: how effects are estimated.
        asked: number of queried examples.

    Raises:
        ModelError: models have no logits, or the attributor does not work on such models.
        DataError: ids are not unique, the query is too large, or too few models are to see, or to miss, a training example.
        SpecError: the population is too small.
    """
    models = estimation.sizes[0]
    task, name = learner.task.resolve(train), type(estimation.attributor).__name__
    if "logits" not in task.outputs:
        raise ModelError(
            f"effects are estimated of logits, and models of {type(task).__name__} put out {', '.join(task.outputs)}: take a "
            "scenario that classifies"
        )
    if len(np.unique(train.ids)) < len(train):
        raise DataError("several training examples have the same id, and a table has one row per id: give each an id of its own")
    most = max(1, ROOM // (len(train) * train.classes))
    if asked > most:
        raise DataError(
            f"effects on {asked:,} examples were requested: {most:,} at a time is the most for {len(train):,} training examples"
        )
    if estimation.attributor.needs == "population":
        seen, _ = draw(half_subsets(estimation), len(train))
        nothing = np.broadcast_to(np.float32(0), (models, len(train), 1))
        evidence = TrainingEvidence(train, train, task, nothing, seen[:models])
        try:
            check_population(name, evidence, np.arange(len(train)), np.arange(1))
        except DataError as error:
            raise DataError(f"{error}: take more models than {models}") from None
    else:
        _try(learner, task, train, estimation)


def _try(learner: Learner, task: Task, train: Examples, estimation: Estimation) -> None:
    """Have an attributor work on a model that is not trained, and a few examples.

    Raises:
        ModelError: it does not take such models.
        DataError: it solves what is singular, of many examples too.
    """
    with foreign(learner, draws=True):
        model = learner.init(train, 0)
    for most in (TRIED, SURE):
        few = plain(take(train, np.arange(min(len(train), most))))
        try:
            estimation.attributor(TrainingEvidence(few, few, task, models=(model,)), [0], [0])
        except DataError:  # of so few examples a matrix may be singular that is not of more
            if most == SURE or len(few) == len(train):
                raise
        except NotFinite:  # a model that is not trained may put out anything
            return
        else:
            return
