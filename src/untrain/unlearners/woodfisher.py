"""Influence unlearning."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.fields import Count, Positive
from untrain.core.search_space import SearchHint
from untrain.maths.woodbury import rescaled, woodbury
from untrain.training.gradients import Params, check, flat, movable, of_examples, of_mean, put, unflat
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner

ROOM = 2**30  # bytes of per-example gradients in a block
REFERENCE = 1_002  # samples, of which the code divides by 1,000


class WoodFisher(Unlearner):
    """Add ``scale * (damping I + F)^-1 v``: one Newton step that removes the pull of the forget set.

    ``v`` is ``n_forget / n`` times the mean gradient on forget less that on retain, ``F`` the empirical Fisher information,
    the mean of outer products of retain gradients. Batch-norm buffers stay as they are.

    Args:
        scale: length of the step; 1 is Newton's.
        damping: added to each eigenvalue of F.
        samples: retain examples, drawn at random, on which F is estimated.
        reference: repeat the authors' code: the first 1,002 retain examples, a recursion that rescales the first one's
            gradient and does no more, damping 1.

    Source: Izzo et al. 2021; Jia et al. 2023, arXiv 2304.04934 (IU); code OPTML-Group/Unlearn-Sparse, Wfisher.py, which DEL,
        arXiv 2412.02432, runs with scale 42,000 (CIFAR-10 at random) and 1,900 (two classes).
    Departs: F is inverted exactly, by Woodbury's identity, where the code's recursion only corrects along the first retain
        gradient; the step is Newton's, damped, where the code's damping of 1 needs a length that differs from task to
        task. Under a mask the system is that of the weights that may move. ``reference=True`` repeats the code, with the scale that
        is given: its recursion runs over all weights, and the mask falls on the step.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "labels"})

    scale: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 1.0
    damping: Annotated[Positive, SearchHint(1e-4, 10, log=True)] = 0.01
    samples: Annotated[Count, SearchHint(100, 10_000, log=True, asked=True)] = 1_000
    reference: bool = False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the step."""
        # The code's recursion runs over all weights, and a mask falls on its result.
        params = movable(model, None if self.reference else problem.trainable)
        forget, retain = (of_mean(model, problem.task, e, params) for e in (problem.forget, problem.rest))
        share = len(problem.forget) / (len(problem.forget) + len(problem.rest))
        step = self.scale * self._solved(share * (forget - retain), model, problem, params)
        check(step)
        new = unflat(step, params)
        put(model, {n: p.detach() + new[n] for n, p in params.items()}, problem.trainable)
        return model

    def _solved(self, v: Tensor, model: nn.Module, problem: Problem, params: Params) -> Tensor:
        # Weights that may not move are left out of the system, not of its solution alone.
        n = len(problem.rest)
        free = None if problem.trainable is None or self.reference else flat([problem.trainable.bits[name] for name in params])
        order = np.arange(n)[:REFERENCE] if self.reference else torch.randperm(n)[: self.samples].numpy()

        def rows(start: int, stop: int) -> Tensor:
            blocks = of_examples(model, problem.task, [problem.rest], order[start:stop], params)
            gradients = torch.cat([torch.cat([g.reshape(len(g), -1) for g in grads], 1) for grads in blocks])
            return gradients if free is None else gradients * free

        if self.reference:
            return rescaled(v, (rows(at, at + 1)[0] for at in range(len(order))), REFERENCE - 2)
        v = v if free is None else v * free
        block = max(1, ROOM // (v.numel() * v.element_size()))
        return woodbury(v, rows, len(order), self.damping, block)
