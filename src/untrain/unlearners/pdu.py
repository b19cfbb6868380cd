"""Flat outputs on forget under a bound on the retain loss, by primal and dual steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from untrain.core.errors import BadInput, NotFinite
from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.maths.forget_losses import mean_over, peakedness
from untrain.training.batch_norm import untracked_statistics
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE, process_group
from untrain.training.steps import Constant, Steps
from untrain.unlearners.base import Unlearner
from untrain.unlearners.scrub import signals


class PDU(Unlearner):
    """Minimise ``(max z - mean z) ** 2`` of the logits z on forget, while ``L(retain) <= L_before(retain) + room``.

    The loss of a step is the first and ``price * (L(retain) - bound)``; after it the price rises by ``rate`` times what the retain
    loss has above its bound, and falls where it is below, to 0 at least. Batch-norm buffers follow ``steps.buffers``; the forget
    batches never enter them.

    Args:
        room: by how many nats the retain loss may rise above its mean before.
        price: of a nat above the bound, at first.
        rate: by how much the price moves at each step, per nat.
        warm: epochs in which the price stays what it is.
        steps: step size and length; an epoch is once through the retain set.

    Source: Entesari et al. 2025, arXiv 2506.05314; price, rate and epochs of the code locuslab/open-unlearning@d3d7cf9.
    Departs: places are those whose logits predict a scored token, where that code is off by one; the bound is relative to the loss
        before, where it is a number there; any task that has logits. Default step size is ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "logits", "loss"})

    room: Annotated[NonNegative, SearchHint(0.0, 0.5)] = 0.05
    price: Annotated[NonNegative, SearchHint(1, 200, log=True)] = 50.0
    rate: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 1.0
    warm: Annotated[int, Field(ge=0)] = 5
    steps: Steps = Steps(lr=1e-4, epochs=10, schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after both kinds of steps.

        Raises:
            NotFinite: the loss of a retain example is not finite.
            BadInput: several processes work together; each would have a price of its own.
        """
        if process_group() is not SINGLE:
            raise BadInput("PDU moves its price by the retain loss, which differs between processes: take a single one")
        task, plan = problem.task, problem.paired_batches(self.steps)
        with np.errstate(invalid="ignore"):  # what is not finite is told below
            losses = signals(model, task, problem.rest, "loss")
        if not np.isfinite(losses).all():
            raise NotFinite("the loss of a retain example is NaN or infinite before the first step: look at the model and the data")
        bound = float(losses.mean()) + self.room
        price, seen = self.price, list[tuple[float, int]]()  # of the retain batch, which may come in pieces: loss and size

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            nonlocal price
            for batches in plan.draw(epoch):
                seen.clear()
                yield batches
                if epoch >= self.warm:
                    mean = sum(value * size for value, size in seen) / sum(size for _, size in seen)
                    price = max(0.0, price + self.rate * (mean - bound))

        def loss(retain: Batch, forget: Batch) -> Tensor:
            held = task.loss(model, retain).mean()
            seen.append((float(held.detach()), len(retain)))
            with untracked_statistics(model):
                logits, scored = task.logits(task.forward(model, forget), forget)
            return mean_over(peakedness(logits), scored).mean() + price * (held - bound)

        return descend(model, loss, replace(plan, draw=draw), self.steps, problem.trainable)
