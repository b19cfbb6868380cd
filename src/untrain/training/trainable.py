"""What of a model may move, held in compact parameters: the optimizer knows of nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.core.precision import HALF
from untrain.core.sharding import here, is_sharded
from untrain.training.process_group import sharding, team

NOTHING = "no weight may move, as the mask is empty or all parameters are frozen: widen the mask, or let some ask for gradients"


@dataclass(frozen=True, eq=False)
class TrainablePart:
    """The part of one parameter that may move.

    Args:
        weight: the model's parameter.
        held: what the optimizer steps: ``weight`` itself when all of it may move, or a copy of what may; of a weight that is
            sharded over processes, what this process holds. Of one in half precision it is a copy in float32: small steps
            would be rounded away, and Adam's divide by zero.
        index: which rows of the first dimension, or which places of the storage, ``held`` is made of; None for all.
        rows: whether ``index`` names rows.
    """

    weight: nn.Parameter
    held: nn.Parameter
    index: Tensor | None = None
    rows: bool = False

    def gather(self) -> None:
        """Take to ``held`` what has come to the model's parameter as a gradient."""
        grad = self.weight.grad
        if grad is not None and is_sharded(grad):
            grad = here(grad)
            if self.index is None:
                self.held.grad = grad
        if (self.index is None and self.held.dtype == self.weight.dtype) or grad is None:
            return
        # A layer that computes the gradient of its rows alone has left it at ``held`` already.
        part = self._part(grad).to(self.held.dtype)
        self.held.grad = part if self.held.grad is None or self.index is None else self.held.grad + part
        self.weight.grad = None

    def _part(self, grad: Tensor) -> Tensor:
        if self.index is None:
            return grad
        return grad.index_select(0, self.index) if self.rows else flat(_as(grad, here(self.weight))).index_select(0, self.index)

    def write(self) -> None:
        """Bring the moved values back into the model; what may not move is never written."""
        if self.index is None and self.held.dtype == self.weight.dtype:
            return
        with torch.no_grad():
            values = self.held.to(self.weight.dtype)
            if self.index is None:
                here(self.weight).copy_(values)
            elif self.rows:
                here(self.weight).index_copy_(0, self.index, values)
            else:
                flat(here(self.weight.detach())).index_copy_(0, self.index, values)


def flat(tensor: Tensor) -> Tensor:
    """All elements in the order of the storage, as a view of a dense tensor.

    Raises:
        ModelError: it is a view that leaves elements of its storage out, or takes some twice.
    """
    room = 1
    for stride, size in sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1):
        if stride != room:
            raise ModelError("a weight is a view that leaves out parts of another tensor: give it memory of its own")
        room *= size
    return tensor.as_strided((tensor.numel(),), (1,))


def _as(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor with the strides of another of its shape."""
    return tensor if tensor.stride() == like.stride() else torch.empty_like(like).copy_(tensor)


def moving(model: nn.Module, mask: Mask | None) -> list[TrainablePart]:
    """What may move, parameter by parameter; a parameter of which nothing may stops asking for a gradient.

    Raises:
        ModelError: nothing may move.
    """
    if sharding(dict(model.named_parameters())):
        return _sharded(model, mask)
    free = []
    for name, p in model.named_parameters():
        bits = None if mask is None else mask.bits[name]
        if not p.requires_grad:
            continue
        if bits is None or bool(bits.all()):
            free.append(_whole(name, p))
        elif bool(bits.any()):
            free.append(_part(p, bits.to(p.device)))
        else:
            p.requires_grad_(False)
    if not free:
        raise ModelError(NOTHING)
    return free


def _sharded(model: nn.Module, mask: Mask | None) -> list[TrainablePart]:
    """What of each shard may move. A parameter that stays on all processes asks for no gradient on any, and one that moves
    on some is held by all, with no rows where there are none: all are to do the same."""
    crew = team()
    asking = {n: p for n, p in model.named_parameters() if p.requires_grad}
    bits = {n: torch.ones_like(here(p), dtype=torch.bool) if mask is None else here(mask.bits[n]) for n, p in asking.items()}
    counts = [float(b.sum()) for b in bits.values()]
    totals = counts if crew is None or not counts else crew.total(*counts)
    free = []
    for (name, p), total in zip(asking.items(), totals, strict=True):
        if total == p.numel():
            free.append(TrainablePart(p, nn.Parameter(_full(here(p.detach())))))
        elif total:
            free.append(_part(p, bits[name]))
        else:
            p.requires_grad_(False)
    if not free:
        raise ModelError(NOTHING)
    return free


def _whole(name: str, p: nn.Parameter) -> TrainablePart:
    if any(stride == 0 and size > 1 for stride, size in zip(p.stride(), p.shape, strict=True)):
        raise ModelError(f"elements of {name!r} share their memory with each other: give it memory of its own, by clone()")
    return TrainablePart(p, p if p.dtype not in HALF else nn.Parameter(_full(p.detach())))


def _full(values: Tensor) -> Tensor:
    """Numbers in float32 where they are in half precision."""
    return values.float() if values.dtype in HALF else values


def _part(p: nn.Parameter, bits: Tensor) -> TrainablePart:
    table = bits.reshape(len(bits), bits[:1].numel() or 1) if bits.ndim else bits.reshape(1, 1)
    whole = table.all(1)
    weight = _full(here(p.detach()))
    if bits.ndim and bool((whole | ~table.any(1)).all()):
        index = whole.nonzero().squeeze(1)
        layout = torch.channels_last if _nhwc(weight) else torch.contiguous_format
        return TrainablePart(p, nn.Parameter(weight.index_select(0, index).contiguous(memory_format=layout)), index, rows=True)
    index = flat(_as(bits, weight)).nonzero().squeeze(1)
    return TrainablePart(p, nn.Parameter(flat(weight).index_select(0, index)), index)


def _nhwc(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
