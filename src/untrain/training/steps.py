"""Gradient steps: step size, length, optimizer, schedule, and what becomes of batch statistics.

A new optimizer or schedule is one class here: a subclass of ``Optimizer`` or ``Schedule``.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field

from untrain.core.errors import SpecError
from untrain.core.fields import Count, NonNegative, Positive, Share
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec
from untrain.training.eager_optimizers import EagerAdamW, EagerSGD


def _percent(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?%", text):
        raise ValueError("should be a whole number >= 0, or a share of the learner's epochs such as '30%'")
    return text


Epochs = Annotated[int, Field(ge=0)] | Annotated[str, AfterValidator(_percent), SearchHint(10, 100, log=True, unit="%")]


Decayed = Literal["all", "weights"]


class Optimizer(Spec, role=True):
    """Turns gradients into steps: constructed here by ``make``, stepped by ``descend`` alone."""

    slots: ClassVar[int]
    """Numbers that it keeps per weight, at most; the memory of a stack of models is estimated from it."""

    decay_on: Decayed
    """Parameters that decay; ``descend`` sorts them into groups."""

    @abstractmethod
    def make(self, groups: Sequence[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
        """Torch's optimizer.

        Args:
            groups: parameter groups as torch takes them; one that sets its own ``weight_decay`` keeps it.
            lr: the first step size.
        """


class SGD(Optimizer):
    """Stochastic gradient descent: ``v <- momentum * v + g + decay * w``, ``w <- w - lr * v``.

    Args:
        momentum: share of the last velocity that is kept; at 1 every step goes along the sum of all gradients so far, as where
            gradients are never cleared.
        decay: weight decay, added to the gradient.
        nesterov: whether the gradient is taken at the looked-ahead point.
        decay_on: 'all' parameters decay, or 'weights' alone: neither biases nor scales and shifts of norm layers, which
            have one dimension.

    Source: torch.optim.SGD.
    """

    slots: ClassVar[int] = 1
    momentum: Annotated[float, Field(ge=0, le=1), SearchHint(0.0, 0.99)] = 0.9
    decay: Annotated[NonNegative, SearchHint(1e-6, 1e-2, log=True)] = 0.0
    nesterov: bool = False
    decay_on: Decayed = "all"

    def make(self, groups: Sequence[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
        """Torch's SGD; without momentum there is no point to look ahead to."""
        nesterov = self.nesterov and self.momentum > 0
        return EagerSGD(groups, lr=lr, momentum=self.momentum, weight_decay=self.decay, nesterov=nesterov)


class AdamW(Optimizer):
    """Adam with decoupled weight decay.

    Args:
        beta1: decay of the mean of gradients.
        beta2: decay of the mean of squared gradients.
        decay: weight decay, applied to the weights.
        decay_on: 'all' parameters decay, or 'weights' alone: neither biases nor scales and shifts of norm layers, which
            have one dimension.

    Source: Loshchilov and Hutter 2019 (AdamW), torch.optim.AdamW.
    """

    slots: ClassVar[int] = 2
    beta1: Annotated[float, Field(ge=0, lt=1), SearchHint(0.8, 0.99)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1), SearchHint(0.9, 0.9999)] = 0.999
    decay: Annotated[NonNegative, SearchHint(1e-6, 1e-2, log=True)] = 0.0
    decay_on: Decayed = "all"

    def make(self, groups: Sequence[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
        """Torch's AdamW."""
        return EagerAdamW(groups, lr=lr, betas=(self.beta1, self.beta2), weight_decay=self.decay)


@dataclass(frozen=True)
class Moment:
    """One step within a run: ``step`` of the ``length`` steps of ``epoch``, itself one of ``epochs``, all counted from zero."""

    epoch: int
    epochs: int
    step: int = 0
    length: int = 1

    @property
    def done(self) -> float:
        """Share of the run that is over in the middle of this step, in (0, 1)."""
        return (self.epoch * self.length + self.step + 0.5) / (self.epochs * self.length)


class Schedule(Spec, role=True):
    """Changes the step size during a run."""

    by_step: ClassVar[bool] = False
    """True if the step size changes within an epoch, which takes the number of its steps."""

    @abstractmethod
    def size(self, lr: float, moment: Moment) -> float:
        """Step size of one step, where ``lr`` is that of ``Steps``."""


class Cosine(Schedule):
    """Half a cosine from the step size towards ``floor`` times it, once per epoch.

    Args:
        floor: share of the first step size that the cosine would reach after the last epoch; the last epoch itself is
            one short of it (0.01 gives 1.27 % of the first in the last of 30).

    Source: Loshchilov and Hutter 2017, eq. 5, without restarts; torch's CosineAnnealingLR.
    """

    floor: Share = 0.01

    def size(self, lr: float, moment: Moment) -> float:
        """Step size of the epoch."""
        low = self.floor * lr
        return low + (lr - low) * (1 + math.cos(math.pi * moment.epoch / moment.epochs)) / 2


class Exponential(Schedule):
    """The step size times ``factor`` after each epoch.

    Args:
        factor: what is left of the step size after an epoch.

    Source: torch's ExponentialLR.
    """

    factor: Annotated[float, Field(gt=0, le=1), SearchHint(0.5, 1.0)] = 0.95

    def size(self, lr: float, moment: Moment) -> float:
        """Step size of the epoch."""
        return lr * self.factor**moment.epoch


class Constant(Schedule):
    """The same step size in every step.

    Source: no schedule.
    """

    def size(self, lr: float, moment: Moment) -> float:
        """The step size itself."""
        return lr


class Geometric(Schedule):
    """Multiply the step size by one factor per epoch, on the way to ``floor`` times the first.

    >>> [round(Geometric(floor=0.01).size(1.0, Moment(epoch, 2)), 6) for epoch in range(2)]
    [1.0, 0.1]

    Args:
        floor: share of the first step size that one more epoch would reach.

    Source: torch's ExponentialLR, with the factor that follows from where it ends.
    """

    floor: Annotated[float, Field(gt=0, le=1)] = 0.2

    def size(self, lr: float, moment: Moment) -> float:
        """Step size of the epoch."""
        return float(lr * self.floor ** (moment.epoch / moment.epochs))


class Triangular(Schedule):
    """Raise the step size from zero linearly over the first ``peak`` of the run, then lower it to zero, in every step.

    A step takes the height of the triangle at its own middle, so that neither the first nor the last is of size zero.

    Args:
        peak: share of the steps after which the step size is largest; 0 only falls, 1 only rises.

    Source: Smith and Topin 2017, arXiv 1708.07120, with one cycle and no phase below the first step size.
    """

    by_step: ClassVar[bool] = True
    peak: Share = 0.2

    def size(self, lr: float, moment: Moment) -> float:
        """Height of the triangle in the middle of the step."""
        done = min(moment.done, 1.0)
        return lr * (done / self.peak if done < self.peak else (1 - done) / (1 - self.peak) if self.peak < 1 else 1.0)


class Steps(Spec):
    """Gradient steps: size, number and optimizer.

    Args:
        lr: largest step size; the schedule says when it is reached.
        epochs: passes over the data; a whole number, or a share of the learner's epochs such as '30%'.
        batch: examples per step.
        optimizer: SGD or AdamW with their own fields.
        schedule: how the step size changes: Cosine, Exponential, Geometric or Constant from epoch to epoch, Triangular from step to
            step.
        buffers: what becomes of batch-norm statistics: 'move' (train mode), 'freeze' (the stored statistics
            normalise and stay) or 'reestimate' (reset at the end and averaged over the retain set).
        warmup: share of the steps over which the scheduled step size is raised from zero in a line; 0 for none.
        clip: largest Euclidean norm of a step's gradient over all that may move, a larger one is scaled down to it; None for
            none.
        smoothing: share of each label spread evenly over all classes, in training from scratch; an unlearner has a loss of
            its own and refuses it.
        alike: number of batches among which rows of tokens of alike length are put together, so that less is padded; 1 leaves each
            row where it was drawn. It changes which rows meet in a batch, and is drawn from the seed as the order is.

    Source: none; it is what every gradient method has in common.
    """

    lr: Annotated[Positive, SearchHint(1e-4, 1.0, log=True, usual=True)] = 0.015
    epochs: Epochs = "100%"
    batch: Annotated[Count, SearchHint(16, 512, log=True)] = 128
    optimizer: Optimizer = SGD()
    schedule: Schedule = Cosine()
    buffers: Literal["move", "freeze", "reestimate"] = "move"
    warmup: Share = 0.0
    clip: Positive | None = None
    smoothing: Share = 0.0
    alike: Count = 1


def epochs_of(steps: Steps, learner: Steps | None) -> int:
    """Number of epochs; a share above zero of the learner's is at least one epoch.

    Raises:
        SpecError: ``steps`` asks for a share, and there is no learner to take it of.
    """
    if isinstance(steps.epochs, int):
        return steps.epochs
    if learner is None or not isinstance(learner.epochs, int):
        raise SpecError(
            f"epochs={steps.epochs!r} is a share of the learner's epochs, and this Problem names none with epochs: "
            "give Problem(recipe=Train(...)) or a whole number, Steps(epochs=5)"
        )
    share = float(steps.epochs.rstrip("%")) / 100
    return max(1, round(share * learner.epochs)) if share > 0 else 0


def step_size(steps: Steps, epoch: int, epochs: int, step: int = 0, length: int = 1) -> float:
    """Step size of one step.

    Args:
        steps: step size, schedule and warm-up.
        epoch: counted from zero.
        epochs: how many there are.
        step: within the epoch, counted from zero.
        length: steps per epoch.

    Raises:
        SpecError: the step size changes within an epoch, and ``length`` is 0: not known.
    """
    if length == 0:
        if steps.warmup or steps.schedule.by_step:
            raise SpecError(
                f"warmup={steps.warmup:g} and {steps.schedule!r} need to know the steps of an epoch: use Constant or Cosine"
            )
        length = 1
    moment = Moment(epoch, epochs, step, length)
    size = steps.schedule.size(steps.lr, moment)
    return size * min(1.0, moment.done / steps.warmup) if steps.warmup else size
