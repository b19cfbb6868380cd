"""Gradients that a method changes before the gradient loop steps: clipped, masked, projected, or taken elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput
from untrain.core.mask import Mask
from untrain.training.gradients import Grads, Params, check_depends, movable
from untrain.training.process_group import SINGLE, process_group
from untrain.training.row_gradients import whole_gradients


def steerable(model: nn.Module, mask: Mask | None, who: str) -> Params:
    """The parameters with a weight that may move, by name, for a method that changes their gradients.

    Raises:
        ModelError: there are none.
        BadInput: several processes work together, each of which would change the gradients of its own examples; or the model
            is sharded.
    """
    if process_group() is not SINGLE:
        raise BadInput(f"{who} changes gradients of whole batches: take one process")
    return movable(model, mask)


def gradients_of(model: nn.Module, loss: Callable[[], Tensor], params: Params, mask: Mask | None) -> tuple[Tensor, Grads]:
    """A loss, and its gradient by each parameter where the mask lets it move, zero elsewhere.

    Args:
        model: the model that the loss asks.
        loss: computes a scalar.
        params: parameters to differentiate.
        mask: which of their weights may move; None lets all move.
    """
    with whole_gradients(model):
        value = loss()
        check_depends(value)
        found = torch.autograd.grad(value, list(params.values()), allow_unused=True)
    grads = [torch.zeros_like(p) if g is None else g for p, g in zip(params.values(), found, strict=True)]
    if mask is not None:
        grads = [g * mask.bits[name].to(g.device) for name, g in zip(params, grads, strict=True)]
    return value.detach(), grads


def steered(value: Tensor, params: Params, grads: Sequence[Tensor]) -> Tensor:
    """A scalar of that value whose gradient by each parameter is the one given.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> loss = steered(torch.tensor(5.0), {"weight": weight}, [torch.tensor([0.5, -1.0])])
    >>> loss.backward()
    >>> loss.item(), weight.grad.tolist()
    (5.0, [0.5, -1.0])
    """
    pull = torch.stack([(p * g.detach()).sum().to(value.dtype) for p, g in zip(params.values(), grads, strict=True)]).sum()
    return value.detach() + pull - pull.detach()
