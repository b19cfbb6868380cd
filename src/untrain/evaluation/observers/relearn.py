"""Time that a model takes to learn the forget set again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from untrain.core.errors import DataError, SpecError
from untrain.core.fields import Count
from untrain.data.batching import count
from untrain.data.examples import Batch, Examples, take, walk
from untrain.evaluation.base import Array, Formula, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext, forgets
from untrain.models.inference import signal
from untrain.models.tasks.base import Signal
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.steps import Constant, Steps, epochs_of

LOOKS = 4
_WEAK = "depends on the step size, and stops counting at the last epoch: read it next to the oracles' value"
_BELOW = "hides: it relearns faster than retrained models"
_ABOVE = "over-forgets: it learns the forget set more slowly than retrained models do"


class Relearn(Observer):
    """Epochs of fine-tuning on the forget set until its loss is within a margin of the original models'.

    The loss on the whole forget set is checked four times per epoch, or after every step where an epoch has fewer. A model
    that does not get there counts with all epochs. Batches are the same for all models. An adversary who has a few of the examples
    relearns these, and is measured on the others; one who has none trains on something else, here the test set. Then an epoch is
    once through what is trained on.

    Args:
        steps: step size and the most epochs.
        of: the quantity that has to come back: 'loss', or 'accuracy' as in the source of the ratio.
        within: margin: the loss at most ``1 + within`` times the original's, the accuracy at least ``1 - within`` times, which
            asks for a margin below 1.
        examples: of the forget set that are relearned, drawn; the loss is that of the others. None takes all, and looks at all.
        on: what is trained on: the forget set, or the test set, which is unrelated to it.

    Source: Golatkar, Achille and Soatto 2020, arXiv 1911.04933 (relearn time); Chundawat et al. 2023, arXiv 2201.05629
        (Anamnesis index: the ratio of the unlearned model's time to the retrained model's); Hu et al. 2024, arXiv 2406.13356
        (relearning on a few examples, or on unrelated text).
    """

    steps: Steps = Steps(lr=0.01, epochs=50, batch=64, schedule=Constant(), buffers="freeze")
    of: Literal["loss", "accuracy"] = "loss"
    within: Annotated[float, Field(gt=0)] = 1.0
    examples: Count | None = None
    on: Literal["forget", "test"] = "forget"

    def __post_init__(self) -> None:
        if self.on == "test" and self.examples is not None:
            raise SpecError("Relearn(on='test') relearns none of the forget set: leave examples out")

    by_original: ClassVar[bool] = True
    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "relearn_time": ScoreInfo(
            "epochs of fine-tuning on the forget set until its loss is nearly that of the original models", "epochs",
            "the oracles' value", _WEAK, high=math.inf, below=_BELOW, above=_ABOVE, margin=3.0,
        ),
        "relearn_steps": ScoreInfo(
            "steps of fine-tuning on the forget set until its loss is nearly that of the original models", "steps",
            "the oracles' value", _WEAK, high=math.inf, verdict_of="relearn_time",
        ),
        "relearn_gap": ScoreInfo(
            "oracles' minus unlearned models' epochs of fine-tuning until the forget set is back; above 0: it comes back faster "
            "than in models that never saw it", "epochs", "0", _WEAK, low=-math.inf, high=math.inf, verdict_of="relearn_time",
        ),
        "relearn_ratio": ScoreInfo(
            "unlearned models' epochs until the forget set is back over the oracles' (Anamnesis index)", "ratio", "1", _WEAK,
            high=math.inf, verdict_of="relearn_time",
        ),
    }  # fmt: skip

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Epochs until the forget set is back, (1,)."""
        pupil, epochs = deepcopy(model), epochs_of(self.steps, None)
        shown, asked, rows = self._parts(sight)
        each = count(len(shown), self.steps.batch)
        goal, every, taken, done = self._goal(sight, rows), max(1, each // LOOKS), 0, False

        def there() -> bool:
            if self.of == "accuracy":
                return bool(signal(pupil, asked, sight.task, "correct").mean() >= goal)
            return bool(signal(pupil, asked, sight.task, "loss").mean() <= goal)

        def draw(epoch: int) -> Iterator[tuple[Batch, ...]]:
            nonlocal taken, done
            for batch in walk(shown, self.steps.batch, np.random.default_rng((sight.seed, epoch)), alike=self.steps.alike):
                done = done or (taken % every == 0 and there())
                if done:
                    return
                taken += 1
                yield (batch,)

        def loss(batch: Batch) -> Tensor:
            return sight.task.loss(pupil, batch).mean()

        descend(pupil, loss, Plan(epochs, draw, shown, sight.task, each), self.steps)
        return np.array([taken / each])

    def _parts(self, sight: ObserverContext) -> tuple[Examples, Examples, Array]:
        """Examples to train on, those to measure, and the rows of these in the forget set."""
        n = len(sight.forget)
        if self.on == "test" and not len(sight.test):
            raise DataError("Relearn(on='test') trains on the test set, and there is no test example: give one, or leave on out")
        if self.on == "test" or self.examples is None or self.examples >= n:
            return (sight.test if self.on == "test" else sight.forget), sight.forget, np.arange(n)
        order = np.random.default_rng((sight.seed, n)).permutation(n)
        rows = np.sort(order[self.examples :])
        return take(sight.forget, np.sort(order[: self.examples])), take(sight.forget, rows), rows

    def _goal(self, sight: ObserverContext, rows: Array) -> float:
        labels = sight.forget.y[:].cpu().numpy()
        name: Signal = "correct" if self.of == "accuracy" else "loss"
        value = float(sight.task.signal(sight.original, labels, name)[:, rows].mean())
        return value * (1 - self.within if self.of == "accuracy" else 1 + self.within)

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Time in epochs and in steps, gap and ratio."""
        if self.of == "accuracy" and self.within >= 1:
            return dict.fromkeys(self.scores, f"within={self.within:g} asks for no accuracy at all: take one below 1, such as 0.05")
        ours, theirs = Part(1, "unlearned", "models", trial.unlearned), Part(1, "oracle", "models", trial.oracle)
        trained = int((trial.side == self.on).sum()) if self.on == "test" else forgets(trial, self.examples)
        each = count(max(1, trained), self.steps.batch)
        scores: dict[str, Measured | str] = {
            "relearn_time": Measure((ours,)),
            "relearn_steps": Measure((Part(1, "unlearned", "models", trial.unlearned * each),)),
            "relearn_gap": Measure((theirs, Part(-1, "unlearned", "models", trial.unlearned))),
            "relearn_ratio": Formula((Measure((ours,)), Measure((theirs,))), _ratio),
        }
        if not trial.oracle.mean() > 0:
            scores["relearn_ratio"] = "retrained models do as well on the forget set as the originals: there is nothing to relearn"
        return scores


def _ratio(ours: Array, theirs: Array) -> Array:
    return np.asarray(ours / np.maximum(theirs, 1e-9))
