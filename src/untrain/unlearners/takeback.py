"""Taking examples back from a model that learned them one at a time."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import nn

from untrain.data.batching import in_order
from untrain.data.examples import batch_of
from untrain.models.online.base import Online
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class TakeBack(Unlearner):
    """Call the model's own ``forget_one`` on each forget example.

    Exact where what the model learned is a sum over examples. It has no batch-norm buffers.

    Source: Cao and Yang 2015, Towards making systems forget with machine unlearning, section 3.
    """

    works_on: ClassVar[type] = Online
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels"})

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model without them."""
        device = next(model.parameters()).device
        with torch.no_grad():
            for rows in in_order(len(problem.forget), 256):
                batch = batch_of(problem.forget, np.asarray(rows), device)
                for x, y in zip(batch.x, batch.y, strict=True):
                    model.forget_one(x, y)  # type: ignore[operator]
        return model
