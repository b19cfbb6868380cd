"""Products of a vector with the Hessian of a model's loss, which is never made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import NotFinite
from untrain.core.metering import Counter
from untrain.core.out_of_memory import in_halves
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.gradients import SIZE, Params, Rows, flat, unflat, wide
from untrain.training.input_gradients import twice_differentiable


class HessianProducts:
    """The second derivative of the mean loss over examples, by what it does to a vector.

    Of ``(w x - y)^2 / 2`` with x = 3 it is 9:

    >>> from untrain.models.tasks.regression import Regression
    >>> line = nn.Linear(1, 1, bias=False)
    >>> examples = Examples({"x": torch.tensor([[3.0]]), "y": torch.tensor([1.0])}, np.arange(1))
    >>> HessianProducts(line, Regression(), examples, dict(line.named_parameters())).times(torch.tensor([2.0])).tolist()
    [18.0]

    Args:
        model: in eval mode; its own ``grad`` fields are left alone.
        task: the model's task.
        examples: whose mean loss it is of.
        params: parameters to differentiate; a vector is as long as all of them together, p.
    """

    def __init__(self, model: nn.Module, task: Task, examples: Examples, params: Params):
        self.model, self.task, self.examples, self.params = model, task, examples, params
        self.counter, self.size = Counter(), SIZE

    def times(self, v: Tensor, rows: Rows | None = None) -> Tensor:
        """The product with v, (p,); the examples are gone through once.

        Args:
            v: (p,).
            rows: examples over which the mean is taken; None for all.

        Raises:
            NotFinite: it is NaN or infinite.
        """
        rows = np.arange(len(self.examples)) if rows is None else rows
        directions = unflat(v, self.params)
        total = torch.zeros_like(v, dtype=wide(*self.params.values()))
        with twice_differentiable(self.model), _recurrent_too():
            for at in in_order(len(rows), SIZE):
                total += in_halves(partial(self._sum, directions, rows[at]), self.size, "multiplying by the Hessian")
        total /= len(rows)
        if not bool(torch.isfinite(total).all()):
            raise NotFinite("the second derivative of the loss is NaN or infinite: no step can follow it")
        return total.to(v)

    def _sum(self, directions: dict[str, Tensor], rows: Rows, at_once: int) -> Tensor:
        self.size, device = at_once, next(self.model.parameters()).device
        parts = []
        for piece in np.array_split(rows, -(-len(rows) // at_once)):
            batch = batch_of(self.examples, piece, device)
            parts.append(self.counter.step(len(piece), partial(self._product, batch, directions), shape=cost_shape(batch)))
        return torch.stack(parts).sum(0)

    def _product(self, batch: Batch, directions: dict[str, Tensor]) -> Tensor:
        params = list(self.params.values())
        slope = torch.autograd.grad(self.task.loss(self.model, batch).sum(), params, create_graph=True, allow_unused=True)
        # A parameter on which the loss depends linearly has a gradient that depends on none of them.
        along = sum((g * directions[n]).sum() for n, g in zip(self.params, slope, strict=True) if g is not None and g.requires_grad)
        if not isinstance(along, Tensor):
            return torch.zeros_like(flat(params))
        found = torch.autograd.grad(along, params, allow_unused=True)
        return flat([torch.zeros_like(p) if g is None else g for p, g in zip(params, found, strict=True)]).detach()


@contextmanager
def _recurrent_too() -> Iterator[None]:
    """Within, recurrent layers are computed step by step: cuDNN's own have no second derivative."""
    with torch.backends.cudnn.flags(enabled=False):
        yield
