"""Potion: dampening of the weights that answer most to the forget set, until the model no longer knows it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from untrain.core.errors import RunFailed
from untrain.core.fields import Positive, Share
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.data.examples import Examples
from untrain.training.gradients import Grads, Params, length_of_outputs, mean_absolute, movable, of_batches, put
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner
from untrain.unlearners.scrub import error
from untrain.unlearners.ssd import factor, shuffled_batches

BATCH = 512  # of the authors' code
GROWTH, MOST = 1.1, 500  # of the share of weights, and of attempts


class Potion(Unlearner):
    """Dampen a growing share of the weights, as SSD does, until the model gets few forget examples right.

    A weight's importance for a set is the mean absolute gradient of the length of the outputs, which heeds no label and weighs no
    outlier by its square. An attempt multiplies the weights of the model before by ``min(1, I(retain) / I(forget))`` where
    ``I(forget) / I(retain)`` is among the ``log(1 + 100 * share)`` percent largest; each has a share 1.1 times that of the last.
    It stops where the accuracy on the forget set has fallen to ``stop`` times that of the model before. So the forget set may be
    a part of what is to go, such as the poisoned examples that were found. Batch-norm buffers stay as they are.

    Args:
        stop: accuracy on the forget set at which it ends, as a share of the model's before (the paper's rho).
        start: first share, in those of the forget set among all examples.
        batches: of 'equal' size in both sets, that of the forget set where it has fewer than 512; or of the 'reference' code, 512
            and a smaller one at the end.

    Source: Schoepf, Foster and Brintrup 2024, arXiv 2406.09173; code if-loops/towards_poison_unlearning@5b5e83f, XALFSSD in
        src/methods.py and src/utils.py, whose first share is 1/25. It runs eight values of ``stop`` from 0 to 0.75; which is the
        default here is our choice.
    Departs: the mean gradient of a batch falls with its size, and in the code a few forget examples meet batches of 512; where
        500 attempts end above ``stop``, the last one is returned with a note.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels", "correct"})

    stop: Annotated[Share, SearchHint(0.0, 0.75, usual=True)] = 0.2
    start: Annotated[Positive, SearchHint(1e-3, 1.0, log=True)] = 0.04
    batches: Literal["equal", "reference"] = "equal"

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The dampened model.

        Raises:
            RunFailed: no weight answers to both sets, or none was dampened.
        """
        params = movable(model, problem.trainable)
        ours, theirs = (self._importance(model, problem, each, params) for each in (problem.forget, problem.rest))
        before = {n: p.detach().clone() for n, p in params.items()}
        ratios = sorted_ratios(self._moving(ours, params, problem), theirs)
        if not len(ratios):
            raise RunFailed("no weight that may move has a gradient on the retain set: take another method, such as SSD()")
        task, forget = problem.task, problem.forget
        wanted = self.stop * (1 - error(model, task, forget))
        share = self.start * len(forget) / (len(forget) + len(problem.rest))
        chosen, right = -1, float("inf")
        for attempt in count(1):
            select = percentile(ratios, 100 - float(torch.log1p(torch.tensor(100 * share, dtype=torch.float64))))
            now = int((ratios > select).sum())
            if now != chosen:  # the same weights make the same model
                factors = {n: factor(f, a, select, 1.0) for n, f, a in zip(params, ours, theirs, strict=True)}
                put(model, {n: before[n] * f for n, f in factors.items()}, problem.trainable)
                chosen, right = now, 1 - error(model, task, forget)
            if right <= wanted or attempt == MOST:
                break
            share *= GROWTH
        if right > wanted:
            add_note(f"{MOST} attempts left {right:.0%} of the forget set right, and it was to be {wanted:.0%} at most")
        if all(torch.equal(before[n], p) for n, p in params.items()):
            raise RunFailed(f"no weight would be dampened with start={self.start}: raise it")
        return model

    def _importance(self, model: nn.Module, problem: Problem, examples: Examples, params: Params) -> Grads:
        batches = shuffled_batches(len(examples), len(problem.forget), BATCH, equal=self.batches == "equal")
        gradients = of_batches(model, problem.task, [examples], batches, params, length_of_outputs)
        return mean_absolute(gradients, params, [1 / len(batches)] * len(batches))

    def _moving(self, importance: Grads, params: Params, problem: Problem) -> Grads:
        """The importance of weights that may move; NaN for others, which so take no part."""
        if problem.trainable is None:
            return importance
        bits = problem.trainable.bits
        return [f.masked_fill(~bits[n].to(f.device), torch.nan) for n, f in zip(params, importance, strict=True)]


def sorted_ratios(forget: Sequence[Tensor], retain: Sequence[Tensor]) -> Tensor:
    """Finite ratios of importances of all weights together, in ascending order, float64.

    >>> sorted_ratios([torch.tensor([4.0, 0.0, 1.0])], [torch.tensor([1.0, 0.0, 0.0])]).tolist()
    [4.0]
    """
    ratios = torch.cat([(f / r).flatten().double() for f, r in zip(forget, retain, strict=True)])
    return ratios[torch.isfinite(ratios)].sort().values


def percentile(ascending: Tensor, percent: float) -> float:
    """Percentile of sorted numbers, linear between two of them as NumPy has it.

    >>> percentile(torch.tensor([1.0, 2.0, 4.0]), 75)
    3.0
    """
    place = (len(ascending) - 1) * min(max(percent, 0.0), 100.0) / 100
    low = int(place)
    high = min(low + 1, len(ascending) - 1)
    return float(ascending[low] + (ascending[high] - ascending[low]) * (place - low))
