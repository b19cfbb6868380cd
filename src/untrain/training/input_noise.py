"""Gaussian noise on inputs."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from untrain.core.errors import ModelError
from untrain.core.fields import Count, Positive
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec
from untrain.data.examples import Batch, Examples, unit_scaled
from untrain.data.ragged import Ragged

LOW, HIGH = "lowest input of the batch", "highest input of the batch"


class InputNoise(Spec):
    """Independent Gaussian noise on every model input; uint8 images are scaled to [0, 1] first.

    Args:
        scale: standard deviation, in units of the inputs.
        draws: noises per example and step.
        clamp: whether noised inputs are cut to the range of the whole batch's.

    Source: Foster et al. 2024, arXiv 2402.01401, algorithm 1; code jwf40/Information-Theoretic-Unlearning, AddGaussianNoise
        ('clamp').
    """

    scale: Annotated[Positive, SearchHint(0.01, 2.0, log=True, usual=True)] = 0.5
    draws: Annotated[Count, SearchHint(5, 100, log=True)] = 25
    clamp: bool = False

    def noised(self, batch: Batch) -> Batch:
        """The same examples with new noise; to be clamped, they have gone through ``with_range``."""
        x = unit_scaled(batch.x)
        moved = x + self.scale * torch.randn_like(x)
        if self.clamp:
            low, high = (_along(batch.fields[name], x) for name in (LOW, HIGH))
            moved = torch.minimum(torch.maximum(moved, low), high)
        return batch.with_fields(**{next(iter(batch.fields)): moved})


def clean(batch: Batch) -> Batch:
    """The same examples as the model is shown them, of a type that noise can be added to."""
    return batch.with_fields(**{next(iter(batch.fields)): unit_scaled(batch.x)})


def with_range(batch: Batch) -> Batch:
    """Note the range of a whole batch next to each of its examples, so that a batch that is cut later knows it."""
    x = unit_scaled(batch.x)
    (name, inputs), *others = batch.fields.items()
    known = {bound: value.expand(len(batch)) for bound, value in ((LOW, x.min()), (HIGH, x.max()))}
    return Batch({name: inputs, **known, **dict(others)}, batch.rows)


def check_real(examples: Examples, who: str) -> None:
    """Refuse inputs that no noise can be added to.

    Raises:
        ModelError: they are tokens or other whole numbers.
    """
    if isinstance(examples.x, Ragged):
        raise ModelError(f"{who} adds noise to inputs, and these are rows of tokens: take another method")
    if not examples.x.dtype.is_floating_point and examples.x.dtype != torch.uint8:
        raise ModelError(f"{who} adds noise to inputs, and these are {examples.x.dtype}: real numbers are needed")


def _along(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (x.ndim - 1))
