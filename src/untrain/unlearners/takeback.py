"""Taking examples back from a model that learned them one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.models.online.base import Online
from untrain.models.tasks.base import Task
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class TakeBack(Unlearner):
    """Call the model's own ``forget_one`` on each forget example, and ``learn_one`` on its replacement.

    Exact where what the model learned is a sum over examples. It has no batch-norm buffers.

    Source: Cao and Yang 2015, Towards making systems forget with machine unlearning, section 3.
    """

    works_on: ClassVar[type] = Online
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels"})

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model without them, and with their corrections where the request corrects."""
        _each(model.forget_one, model, problem.forget, problem.task)  # type: ignore[arg-type]
        if problem.replacement is not None:
            _each(model.learn_one, model, problem.replacement, problem.task)  # type: ignore[arg-type]
        return model


def _each(call: Callable[[Tensor, Tensor], None], model: nn.Module, examples: Examples, task: Task) -> None:
    """Call a method of a model on each example, as the task shows it."""
    device = next(model.parameters()).device
    with torch.no_grad():
        for rows in in_order(len(examples), 256):
            batch = batch_of(examples, np.asarray(rows), device)
            for x, y in zip(task.inputs(batch), batch.y, strict=True):
                call(x, y)
