"""The trainable parts of a model, in compact parameters: the optimizer knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.core.precision import HALF
from untrain.core.sharding import is_sharded, local_part
from untrain.training.process_group import process_group
from untrain.training.sharded_model import check_sharding

NOTHING = "no weight may move, as the mask is empty or all parameters are frozen: widen the mask, or let some ask for gradients"


@dataclass(frozen=True, eq=False)
class TrainablePart:
    """The part of one parameter that may move.

    Args:
        parameter: the model's parameter.
        optimized: the parameter that the optimizer steps: ``parameter`` itself when all of it may move, or a copy of the part
            that may; of a weight that is sharded over processes, the part on this process. Of one in half precision it is
            a copy in float32: small steps would be rounded away, and Adam's divide by zero.
        index: rows of the first dimension, or places of the storage, that make up ``optimized``; None for all.
        by_rows: whether ``index`` names rows.
    """

    parameter: nn.Parameter
    optimized: nn.Parameter
    index: Tensor | None = None
    by_rows: bool = False

    @property
    def _in_place(self) -> bool:
        """True when ``optimized`` is the parameter, or the local shard of it in the same type."""
        return self.index is None and self.optimized.dtype == self.parameter.dtype

    def gather(self) -> None:
        """Move the gradient from the model's parameter to ``optimized``."""
        grad = self.parameter.grad
        if grad is not None and is_sharded(grad):
            grad = local_part(grad)
            if self.index is None:
                self.optimized.grad = grad
        if self._in_place or grad is None:
            return
        # A layer that computes the gradient of its rows alone has left it at ``optimized`` already.
        part = self._part(grad).to(self.optimized.dtype)
        self.optimized.grad = part if self.optimized.grad is None or self.index is None else self.optimized.grad + part
        self.parameter.grad = None

    def _part(self, grad: Tensor) -> Tensor:
        if self.index is None:
            return grad
        laid_out = grad if self.by_rows else flat(_as(grad, local_part(self.parameter)))
        return laid_out.index_select(0, self.index)

    def write(self) -> None:
        """Write the optimized values into the model; no other value is ever written."""
        if self._in_place:
            return
        with torch.no_grad():
            values = self.optimized.to(self.parameter.dtype)
            if self.index is None:
                local_part(self.parameter).copy_(values)
            elif self.by_rows:
                local_part(self.parameter).index_copy_(0, self.index, values)
            else:
                flat(local_part(self.parameter.detach())).index_copy_(0, self.index, values)


def flat(tensor: Tensor) -> Tensor:
    """All elements in the order of the storage, as a view of a dense tensor.

    >>> flat(torch.tensor([[0, 1], [2, 3]]).T)
    tensor([0, 1, 2, 3])

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


def trainable_parts(model: nn.Module, mask: Mask | None) -> list[TrainablePart]:
    """Return the trainable parts, parameter by parameter; a parameter without one stops asking for a gradient.

    >>> layer = nn.Linear(2, 2)
    >>> bits = {"weight": torch.tensor([[True, True], [False, False]]), "bias": torch.tensor([False, False])}
    >>> [part.optimized.numel() for part in trainable_parts(layer, Mask(bits, ""))]
    [2]

    Raises:
        ModelError: nothing may move.
    """
    sharded = check_sharding(dict(model.named_parameters()))
    parts = _of_shards(model, mask) if sharded else _of_weights(model, mask)
    if not parts:
        raise ModelError(NOTHING)
    return parts


def _of_weights(model: nn.Module, mask: Mask | None) -> list[TrainablePart]:
    parts = []
    for name, p in model.named_parameters():
        bits = None if mask is None else mask.bits[name]
        if not p.requires_grad:
            continue
        if bits is None or bool(bits.all()):
            parts.append(_whole(name, p))
        elif bool(bits.any()):
            parts.append(_part(p, bits.to(p.device)))
        else:
            p.requires_grad_(False)
    return parts


def _of_shards(model: nn.Module, mask: Mask | None) -> list[TrainablePart]:
    """The trainable parts of each shard. A parameter without one on any process asks for no gradient on all; one with a part
    on some has one on all, with no rows where there are none: all processes do the same."""
    asking = {n: p for n, p in model.named_parameters() if p.requires_grad}
    bits = {
        n: torch.ones_like(local_part(p), dtype=torch.bool) if mask is None else local_part(mask.bits[n]) for n, p in asking.items()
    }
    totals = process_group().total(*(float(b.sum()) for b in bits.values()))
    parts = []
    for (name, p), total in zip(asking.items(), totals, strict=True):
        if total == p.numel():
            parts.append(TrainablePart(p, nn.Parameter(_full(local_part(p.detach())))))
        elif total:
            parts.append(_part(p, bits[name]))
        else:
            p.requires_grad_(False)
    return parts


def _whole(name: str, p: nn.Parameter) -> TrainablePart:
    if any(stride == 0 and size > 1 for stride, size in zip(p.stride(), p.shape, strict=True)):
        raise ModelError(f"elements of {name!r} share their memory with each other: give it memory of its own, by clone()")
    return TrainablePart(p, p if p.dtype not in HALF else nn.Parameter(_full(p.detach())))


def _full(values: Tensor) -> Tensor:
    """Numbers in float32 where they are in half precision."""
    return values.float() if values.dtype in HALF else values


def _part(p: nn.Parameter, bits: Tensor) -> TrainablePart:
    table = bits.reshape(len(bits), bits[:1].numel() or 1) if bits.ndim else bits.reshape(1, 1)
    full_rows = table.all(1)
    weight = _full(local_part(p.detach()))
    if bits.ndim and bool((full_rows | ~table.any(1)).all()):
        index = full_rows.nonzero().squeeze(1)
        layout = torch.channels_last if _nhwc(weight) else torch.contiguous_format
        return TrainablePart(p, nn.Parameter(weight.index_select(0, index).contiguous(memory_format=layout)), index, by_rows=True)
    index = flat(_as(bits, weight)).nonzero().squeeze(1)
    return TrainablePart(p, nn.Parameter(flat(weight).index_select(0, index)), index)


def _nhwc(tensor: Tensor) -> bool:
    return tensor.ndim == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
