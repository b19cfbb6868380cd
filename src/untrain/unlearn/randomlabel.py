"""Random labels for the forget set."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.records import Batch, Examples, Problem
from untrain.core.roles import Unlearner
from untrain.core.steps import Steps
from untrain.learn.descend import descend


class RandomLabel(Unlearner):
    """Minimise ``L(retain) + L(forget with random labels)``.

    Labels are uniform over all classes, so one in c stays true. Batch-norm buffers follow ``steps.buffers``.

    Args:
        draw: 'step' draws new labels at every step and walks the forget set, then the retain set, each epoch (SalUn);
            'once' draws them once and walks the shuffled union (the code of DEL).
        steps: step size and length.

    Source: Golatkar et al. 2020; Fan et al. 2023 (SalUn), arXiv 2310.12508, eq. 5 ('step'); the code of DEL,
        arXiv 2412.02432 ('once').
    """

    draw: Literal["step", "once"] = "step"
    steps: Steps = Steps(lr=0.015, epochs="30%")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model trained on the changed labels."""
        task = problem.task
        if self.draw == "once":
            both = replace(problem, retain=_union(problem.retain, relabelled(problem.forget)))
            # Batch statistics are re-estimated on the retain set alone.
            plan = replace(both.retains(self.steps), retain=problem.retain)
            return descend(model, lambda batch: task.loss(model, batch).mean(), plan, self.steps, problem.mask)

        def loss(retain: Batch | None, forget: Batch | None) -> Tensor:
            if retain is not None:
                return task.loss(model, retain).mean()
            logits = task.logits(model, cast(Batch, forget))
            labels = torch.randint(problem.forget.classes, (len(logits),)).to(logits.device)
            return F.cross_entropy(logits, labels)

        return descend(model, loss, problem.turns(self.steps), self.steps, problem.mask)


def relabelled(forget: Examples) -> Examples:
    """The forget set with labels drawn uniformly over all classes."""
    return replace(forget, y=torch.randint(forget.classes, forget.y.shape).to(forget.y.device))


def _union(a: Examples, b: Examples) -> Examples:
    ids = np.concatenate([a.ids, b.ids])
    return replace(a, x=torch.cat([a.x, b.x]), y=torch.cat([a.y, b.y]), ids=ids, true=None, columns={})
