"""A test of whether further training on what was kept brings back what was forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from untrain.core.errors import DataError
from untrain.data.batching import count
from untrain.data.examples import Batch, walk
from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers._weakened import certainty, compared, infos
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.steps import Constant, Steps, epochs_of


class Continued(Observer):
    """Probability of the targets in the forget set after the model was trained further on the retain set.

    Whoever keeps a model trains it further, and what was only hidden may come back by that alone. Batches are the same for all
    models, and none holds an example of the forget set.

    Args:
        steps: step size and length of the further training.

    Source: Hu et al. 2024, arXiv 2406.13356, section 4 (benign relearning, on data that share no example with the forget set).
    """

    steps: Steps = Steps(lr=0.01, epochs=1, batch=64, schedule=Constant(), buffers="freeze")

    by_labels: ClassVar[bool] = True
    by_retain: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = infos(
        "continued", "that were trained further on the retain set", "hides: further training on other examples brings it back"
    )

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Probability before and after, (n, 2).

        Raises:
            DataError: there is no retain set.
        """
        if sight.retain is None or not len(sight.retain):
            raise DataError("Continued() trains on the retain set, and there is none: leave it out")
        retain, pupil = sight.retain, deepcopy(model)

        def draw(epoch: int) -> Iterator[tuple[Batch, ...]]:
            drawn = np.random.default_rng((sight.seed, epoch))
            return ((batch,) for batch in walk(retain, self.steps.batch, drawn, alike=self.steps.alike))

        def loss(batch: Batch) -> Tensor:
            return sight.task.loss(pupil, batch).mean()

        plan = Plan(epochs_of(self.steps, None), draw, retain, sight.task, count(len(retain), self.steps.batch))
        descend(pupil, loss, plan, self.steps)
        return np.stack([certainty(each, sight.forget, sight.task) for each in (model, pupil)], axis=-1)

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Probability after the training, and its change."""
        return compared("continued", trial)
