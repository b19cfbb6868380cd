"""Adversarial examples: the nearest inputs that a model calls something else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.metering import Counter
from untrain.core.precision import HALF
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.gradients import check
from untrain.training.input_gradients import input_gradient, with_real_inputs

TINY = 1e-10
AT_ONCE = 256
DOUBLINGS = 12
# An input is at the end of its ball where the edge of that, or of the range, shortens its steps and its loss grows by less than so
# large a share in so many steps.
GROWTH, IDLE = 0.01, 5


@dataclass(frozen=True)
class Ball:
    """A ball around an input that is searched and, where nothing is found in it, doubled.

    Args:
        radius: of the first ball, Euclidean, in units of inputs.
        steps: gradient steps in each ball at most, each a tenth of its radius long; an input whose loss no longer grows at the
            edge takes no more.
    """

    radius: float
    steps: int


def nearest_wrong(model: nn.Module, task: Task, examples: Examples, ball: Ball, who: str) -> tuple[Examples, np.ndarray]:
    """Inputs near those of examples that a model calls something else, with what it calls them for targets.

    From each input steps go up the loss of its label, within the ball, until the label is no longer the likeliest class; rows
    where it stays the likeliest come back apart. Inputs stay within the range of all of them, images of uint8 within [0, 1].

    Args:
        model: in eval mode.
        task: one with classes.
        examples: labelled.
        ball: where to look.
        who: the method, in messages.

    Returns:
        The examples, in their order, with real inputs; and the rows for which nothing was found.

    Raises:
        NotFinite: a gradient is NaN or infinite.
        ModelError: inputs are tokens, or outputs do not depend on them.
    """
    device, counter = next(model.parameters()).device, Counter()
    xs, ys, lost = [], [], []
    low, high = range_of(examples)
    for rows in in_order(len(examples), AT_ONCE):
        batch = with_real_inputs(task, batch_of(examples, rows, device), who)
        search = _Search(model, task, batch, ball, low, high, counter)
        search.run()
        xs.append(search.x.to(examples.y.device))
        ys.append(search.said.to(examples.y.device))
        lost.append(search.right.cpu().numpy())
    missing = np.flatnonzero(np.concatenate(lost))
    return examples.with_inputs(torch.cat(xs)).with_targets(torch.cat(ys)), missing


def range_of(examples: Examples) -> tuple[float, float]:
    """Least and largest number that inputs may be: of images of uint8 0 and 1, or else of all inputs."""
    x = examples.x[:]
    return (0.0, 1.0) if x.dtype == torch.uint8 else (float(x.min()), float(x.max()))


class _Search:
    """The search for one batch: inputs ``x``, what is said of them, and which are still called by their labels."""

    def __init__(self, model: nn.Module, task: Task, batch: Batch, ball: Ball, low: float, high: float, counter: Counter):
        self.model, self.task, self.batch, self.ball, self.counter = model, task, batch, ball, counter
        self.low, self.high = low, high
        self.center = batch.x.detach()
        self.x = self.center.clone()
        self.radius = torch.full((len(batch),), ball.radius, device=self.x.device, dtype=self.x.dtype)
        self.taken, self.doubled, self.idle = (torch.zeros_like(batch.y) for _ in range(3))
        self.best = torch.zeros_like(self.radius)
        self.said = torch.zeros_like(batch.y)
        self.right = torch.ones(len(batch), dtype=torch.bool, device=self.x.device)

    def run(self) -> None:
        """Search ball after ball until none is called by its label; each input goes on to its next ball by itself."""
        while True:
            at = (self.right & (self.doubled < DOUBLINGS)).nonzero().squeeze(1)
            if not len(at):
                break
            piece = self.batch[at].with_fields(**{next(iter(self.batch.fields)): self.x[at]})
            self.counter.step(len(at), partial(self._step, at, piece), shape=cost_shape(piece))
        # The last step may have found one.
        self._look()

    def _look(self) -> None:
        at = self.right.nonzero().squeeze(1)
        if len(at):
            with torch.no_grad():
                piece = self.batch[at].with_fields(**{next(iter(self.batch.fields)): self.x[at]})
                self._note(at, self.task.forward(self.model, piece).argmax(1))

    def _note(self, at: Tensor, said: Tensor) -> Tensor:
        """Write down what is said of some; which of them are still right."""
        self.said[at] = said
        right = said == self.batch.y[at]
        self.right[at] = right
        return right

    def _step(self, at: Tensor, piece: Batch) -> None:
        real = with_real_inputs(self.task, piece, "the search")
        outputs = self.task.forward(self.model, real)
        losses = self.task.loss_of(outputs, real)
        slope, losses = input_gradient(losses.sum(), real.x), losses.detach().to(self.best)
        check(slope)
        on = self._note(at, outputs.detach().argmax(1))
        at, slope, x = at[on], slope[on], real.x.detach()[on]
        moved = x + scaled(slope, self.radius[at] / 10 / (length_of(slope) + TINY))
        away = moved - self.center[at]
        inside = self.center[at] + scaled(away, (self.radius[at] / length_of(away).clamp(min=TINY)).clamp(max=1))
        self.x[at] = inside = inside.clamp(self.low, self.high)
        self.taken[at] += 1
        grown = losses[on] > (1 + GROWTH) * self.best[at]
        self.best[at] = torch.where(grown, losses[on], self.best[at])
        free = length_of(inside - x) > (1 - GROWTH) * self.radius[at] / 10
        self.idle[at] = torch.where(grown | free, 0, self.idle[at] + 1)
        through = at[(self.idle[at] == IDLE) | (self.taken[at] == self.ball.steps)]
        self.taken[through] = self.idle[through] = 0
        self.radius[through] *= 2
        self.doubled[through] += 1


def length_of(vectors: Tensor) -> Tensor:
    """Euclidean length of each, (b,)."""
    return _full(vectors).flatten(1).square().sum(1).sqrt()


def scaled(vectors: Tensor, factors: Tensor) -> Tensor:
    """Each times its factor, (b,)."""
    return (_full(vectors) * factors.reshape(-1, *[1] * (vectors.ndim - 1))).to(vectors.dtype)


def _full(vectors: Tensor) -> Tensor:
    """Numbers of half precision in float32, in which small squares are not zero."""
    return vectors.float() if vectors.dtype in HALF else vectors
