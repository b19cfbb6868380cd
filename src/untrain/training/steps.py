"""How weights move: step size, length, optimizer, schedule, and what becomes of batch statistics."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from untrain.core.errors import SpecError
from untrain.core.fields import Count, NonNegative, Positive, Share
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec


def _percent(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?%", text):
        raise ValueError("should be a whole number >= 0, or a share of the learner's epochs such as '30%'")
    return text


Epochs = Annotated[int, Field(ge=0)] | Annotated[str, AfterValidator(_percent), SearchHint(10, 100, log=True, unit="%")]


class SGD(Spec):
    """Stochastic gradient descent: ``v <- momentum * v + g + decay * w``, ``w <- w - lr * v``.

    Args:
        momentum: share of the last velocity that is kept.
        decay: weight decay, added to the gradient.
        nesterov: whether the gradient is taken at the looked-ahead point.

    Source: torch.optim.SGD.
    """

    momentum: Annotated[float, Field(ge=0, lt=1), SearchHint(0.0, 0.99)] = 0.9
    decay: Annotated[NonNegative, SearchHint(1e-6, 1e-2, log=True)] = 0.0
    nesterov: bool = False


class AdamW(Spec):
    """Adam with decoupled weight decay.

    Args:
        beta1: decay of the mean of gradients.
        beta2: decay of the mean of squared gradients.
        decay: weight decay, applied to the weights.

    Source: Loshchilov and Hutter 2019 (AdamW), torch.optim.AdamW.
    """

    beta1: Annotated[float, Field(ge=0, lt=1), SearchHint(0.8, 0.99)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1), SearchHint(0.9, 0.9999)] = 0.999
    decay: Annotated[NonNegative, SearchHint(1e-6, 1e-2, log=True)] = 0.0


class Cosine(Spec):
    """Half a cosine from the step size towards ``floor`` times it, once an epoch.

    Args:
        floor: share of the first step size that the cosine would reach after the last epoch; the last epoch itself is
            one short of it (0.01 gives 1.27 % of the first in the last of 30).

    Source: Loshchilov and Hutter 2017, eq. 5, without restarts; torch's CosineAnnealingLR.
    """

    floor: Share = 0.01


class Constant(Spec):
    """The same step size in every epoch.

    Source: no schedule.
    """


class Steps(Spec):
    """How weights move.

    Args:
        lr: step size of the first epoch.
        epochs: passes over the data; a whole number, or a share of the learner's epochs such as '30%'.
        batch: examples in a step.
        optimizer: SGD or Adam with their own fields.
        schedule: how the step size changes from epoch to epoch.
        buffers: what becomes of batch-norm statistics: 'move' (train mode), 'freeze' (the stored statistics
            normalise and stay) or 'reestimate' (reset at the end and averaged over the retain set).

    Source: none; it is what every gradient method has in common.
    """

    lr: Annotated[Positive, SearchHint(1e-4, 1.0, log=True, usual=True)] = 0.015
    epochs: Epochs = "100%"
    batch: Annotated[Count, SearchHint(16, 512, log=True)] = 128
    optimizer: SGD | AdamW = SGD()
    schedule: Cosine | Constant = Cosine()
    buffers: Literal["move", "freeze", "reestimate"] = "move"


def epochs_of(steps: Steps, learner: Steps | None) -> int:
    """Number of epochs; a share above zero of the learner's is at least one epoch.

    Raises:
        SpecError: ``steps`` asks for a share, and there is no learner to take it of.
    """
    if isinstance(steps.epochs, int):
        return steps.epochs
    if learner is None or not isinstance(learner.epochs, int):
        raise SpecError(
            f"epochs={steps.epochs!r} is a share of the learner's epochs, and this Problem names no learner: "
            "give Problem(recipe=Train(...)) or a whole number, Steps(epochs=5)"
        )
    share = float(steps.epochs.rstrip("%")) / 100
    return max(1, round(share * learner.epochs)) if share > 0 else 0


def step_size(steps: Steps, epoch: int, epochs: int) -> float:
    """Step size in ``epoch`` of ``epochs``, both counted from zero."""
    match steps.schedule:
        case Cosine(floor=floor):
            low = floor * steps.lr
            return low + (steps.lr - low) * (1 + math.cos(math.pi * epoch / epochs)) / 2
        case _:
            return steps.lr
