"""A test of whether a push along the direction that separates the forget set from other inputs brings it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import DataError
from untrain.core.fields import Positive
from untrain.data.examples import Examples
from untrain.data.ragged import Ragged
from untrain.evaluation.base import Array, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers._weakened import certainty, compared, infos
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.models.hidden import hidden_outputs, middle_layer
from untrain.models.inference import predict
from untrain.models.tasks.base import Task


class Steering(Observer):
    """Probability of the targets in the forget set while what a layer gives out is pushed toward, or away from, the forget set.

    The push is the difference of the layer's mean outputs on the forget and on the test set, times a strength; of both signs the
    one counts that makes the targets likelier, as an adversary would choose.

    Args:
        strength: of the push; 1 moves the mean of the test set onto that of the forget set.
        layer: whose outputs are pushed; empty takes the one in the middle.

    Source: Seyitoğlu et al. 2024, arXiv 2411.02631 (activation steering brings back forgotten answers); Turner et al. 2023,
        arXiv 2308.10248.
    Departs: their direction is from prompts in which names were replaced; here it is from test examples.
    """

    strength: Positive = 1.0
    layer: str = ""

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = infos(
        "steered", "pushed within toward or away from the forget set", "hides: steered it knows more than retrained models"
    )

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Probability of each target of the forget set before and under the better push, (n, 2)."""
        if not len(sight.test):
            raise DataError("Steering pushes from the test set's mean to the forget set's, and there is no test example: give one")
        layer = self.layer or middle_layer(model)
        push = _mean_output(model, layer, sight.forget, sight.task) - _mean_output(model, layer, sight.test, sight.task)
        plain, pushed = certainty(model, sight.forget, sight.task), []
        for sign in (1, -1):
            with _pushed(model, layer, sign * self.strength * push):
                pushed.append(certainty(model, sight.forget, sight.task))
        return np.stack([plain, max(pushed, key=lambda p: float(p.mean()))], axis=-1)

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Probability under the push, and what it adds."""
        return compared("steered", trial)


def _mean_output(model: nn.Module, layer: str, examples: Examples, task: Task) -> Tensor:
    """Mean of what a layer gives out, over the places of all examples, (d,)."""
    with hidden_outputs(model, layer) as found:
        predict(model, examples, task, 1 if isinstance(examples.x, Ragged) else None)  # row by row there is no padding to count
    sums, places = torch.stack([part.double().sum((0, 1)) for part in found]).sum(0), sum(p.shape[0] * p.shape[1] for p in found)
    return sums / places


@contextmanager
def _pushed(model: nn.Module, layer: str, push: Tensor) -> Iterator[None]:
    """Within, a vector is added to what a layer gives out, at every place."""

    def add(part: nn.Module, inputs: Any, out: Any) -> Any:
        first = out[0] if isinstance(out, tuple) else out
        at = push.to(first)[:, None, None] if first.ndim > 3 else push.to(first)  # of an image: of each channel
        moved = first + at
        return (moved, *out[1:]) if isinstance(out, tuple) else moved

    hook = dict(model.named_modules())[layer].register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()
