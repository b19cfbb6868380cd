"""Selective synaptic dampening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import RunFailed
from untrain.core.fields import Positive
from untrain.core.search_space import SearchHint
from untrain.data.batching import in_order
from untrain.data.examples import Examples
from untrain.training.gradients import Grads, Params, Rows, mean_square, movable, of_batches, of_examples, put
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner

BATCH = 128  # of the authors' code


class SSD(Unlearner):
    """Multiply by ``min(1, dampen * I(all) / I(forget))`` each weight with ``I(forget) > select * I(all)``.

    ``I`` is the mean of squared gradients over a set: the forget set, or all training data. Batch-norm buffers stay as
    they are.

    Args:
        select: how many times as important for the forget set a weight must be to be dampened.
        dampen: strength of what is left of a dampened weight.
        squares: of the gradients of single 'examples' (the paper's expectation); of the mean gradients of shuffled 'batches' of 128
            or a little more, of one size in both sets, which is that of the forget set where it has fewer; or of the 'reference'
            code's batches of 128, the last of each set smaller.

    Source: Foster, Schoepf and Brintrup 2024, arXiv 2308.07707, eqs. 3-5; code if-loops/selective-synaptic-dampening. The
        code of DEL, arXiv 2412.02432, has (select, dampen) = (1, 1) for CIFAR-10 at random and (16, 1) for two classes.
    Departs: a run that selects no weight fails, where the authors' returns the model as it was. The square of a mean gradient
        falls with the size of the batch: in the authors' code a few forget examples are compared with batches of 128, so that
        weights are dampened which matter no more to them than to all.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    select: Annotated[Positive, SearchHint(0.5, 50, log=True)] = 10.0
    dampen: Annotated[Positive, SearchHint(0.1, 5, log=True)] = 1.0
    squares: Literal["examples", "batches", "reference"] = "batches"

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The dampened model.

        Raises:
            RunFailed: no weight matters so much more to the forget set.
        """
        params = movable(model, problem.trainable)
        ours = self._importance(model, problem, [problem.forget], params)
        if problem.trainable is not None:
            # Weights that may not move have no importance: they are not dampened and appear in no message.
            ours = [f * problem.trainable.bits[n].to(f.device) for n, f in zip(params, ours, strict=True)]
        whole = self._importance(model, problem, [problem.rest, problem.forget], params)
        factors = {n: factor(f, a, self.select, self.dampen) for n, f, a in zip(params, ours, whole, strict=True)}
        if not any(bool((f < 1).any()) for f in factors.values()):
            most = max(float((f / a.clamp(min=torch.finfo(a.dtype).tiny)).max()) for f, a in zip(ours, whole, strict=True))
            raise RunFailed(
                f"no weight would be dampened: the most important for the forget set is {most:.3g} times as important for it as "
                f"for all data; lower select={self.select} (or dampen={self.dampen})"
            )
        put(model, {n: params[n].detach() * f for n, f in factors.items()}, problem.trainable)
        return model

    def _importance(self, model: nn.Module, problem: Problem, sets: Sequence[Examples], params: Params) -> Grads:
        n, forget = sum(map(len, sets)), len(problem.forget)
        if self.squares == "examples":
            return mean_square(of_examples(model, problem.task, sets, np.arange(n), params), params)
        batches = shuffled_batches(n, forget, BATCH, equal=self.squares == "batches")
        gradients = of_batches(model, problem.task, sets, batches, params)
        return mean_square(([g[None] for g in grads] for grads in gradients), params)


def shuffled_batches(n: int, forget: int, batch: int, equal: bool) -> list[Rows]:
    """Rows of ``range(n)`` in batches, drawn by torch's global generator.

    Args:
        n: examples of a set.
        forget: examples of the forget set.
        batch: their size.
        equal: whether it is a little more instead, one size in all sets, so that the mean gradients of their batches compare: that
            of the forget set where it has fewer.
    """
    order = torch.randperm(n).numpy()
    size = forget / max(1, forget // batch)
    parts = np.array_split(np.arange(n), round(n / size)) if equal else in_order(n, batch)
    return [np.sort(order[rows]) for rows in parts]


def factor(forget: Tensor, every: Tensor, select: float, dampen: float) -> Tensor:
    """Factor of each weight.

    >>> factor(torch.tensor([4.0, 1.0]), torch.tensor([1.0, 1.0]), select=2.0, dampen=1.0)
    tensor([0.2500, 1.0000])

    Args:
        forget: importance for the forget set, >= 0.
        every: importance for all training data, of the same shape, >= 0.
        select: least ratio of the two, exclusive.
        dampen: strength.

    Returns:
        Factors in [0, 1].
    """
    chosen = forget > select * every
    return torch.where(chosen, (dampen * every / torch.where(chosen, forget, 1.0)).clamp(max=1.0), 1.0)
