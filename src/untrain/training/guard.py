"""Changes of the weights in a run, and the promises that every run makes about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, BrokenPromise, MaskError, ModelError, NotFinite
from untrain.core.mask import Head, Mask
from untrain.core.precision import HALF
from untrain.core.sharding import local_part
from untrain.models.state import State, same, weights
from untrain.training.memory_change import measure_memory
from untrain.training.process_group import process_group
from untrain.training.sharded_model import check_sharding, shard_group

# Promises of contracts that every run is held to.
OUTSIDE = "it leaves what is outside the mask"
UNMOVED = "it moves some parameter"
LENT = "it leaves the model alone"
INPUT = "it leaves its input alone"


def resolve_mask(model: nn.Module, mask: Mask | None, head: Head, names: tuple[str, ...]) -> Mask | None:
    """Return all that may move: the mask and, by ``head``, the classifier in full, where masked, or not at all.

    A parameter that asks for no gradient may not move, whatever the mask says. None lets all move.

    >>> mask = Mask({"weight": torch.zeros(2, 2, dtype=torch.bool), "bias": torch.zeros(2, dtype=torch.bool)}, "")
    >>> moves = resolve_mask(nn.Linear(2, 2), mask, "full", ("bias",))
    >>> {name: int(bits.sum()) for name, bits in moves.bits.items()}
    {'weight': 0, 'bias': 2}

    Raises:
        MaskError: the mask's names or shapes are not the model's.
        ModelError: the head's names are not the model's.
    """
    params = dict(model.named_parameters())
    unknown = [n for n in names if n not in params]
    if unknown:
        raise ModelError(f"the head is named {unknown}, and the model has no such parameter; its last are {list(params)[-4:]}")
    frozen = {n for n, p in params.items() if not p.requires_grad}
    if mask is None and head != "frozen" and not frozen:
        return None
    if mask is None:
        bits = {n: torch.ones_like(p, dtype=torch.bool) for n, p in params.items()}
    else:
        _check_mask(params, mask)
        bits = {n: b.to(params[n].device) for n, b in mask.bits.items()}
    for name in names:
        if head != "masked":
            bits[name] = torch.full_like(bits[name], head == "full")
    for name in frozen:
        bits[name] = torch.zeros_like(bits[name])
    return Mask(bits, "" if mask is None else mask.digest)


def _check_mask(params: Mapping[str, nn.Parameter], mask: Mask) -> None:
    for name in params.keys() ^ mask.bits.keys():
        raise MaskError(f"the mask is of another model: {name!r} is in only one of them")
    for name, p in params.items():
        if mask.bits[name].dtype != torch.bool:
            raise MaskError(f"the mask of {name!r} is {mask.bits[name].dtype}; it must be bool")
        if mask.bits[name].shape != p.shape:
            raise MaskError(f"the mask of {name!r} has shape {tuple(mask.bits[name].shape)}, the weight {tuple(p.shape)}")


def measure_changes(before: State, after: nn.Module, trainable: Mask | None, mask: Mask | None) -> Guard:
    """Measure how far the weights moved, inside what may move and outside.

    Raises:
        BrokenPromise: the returned model has other parameters than the input.
    """
    params, buffers, memories = dict(after.named_parameters()), dict(after.named_buffers()), weights(after)
    _check_same_names(before, params, buffers)
    drifting = {name: b for name, b in buffers.items() if name not in memories and b.is_floating_point()}
    moved = may_move = in_mask = square = outside = 0.0
    for name, p in params.items():
        now, then = local_part(p.detach()), local_part(before[name])
        change = (now - then).double()
        moved += int((now != then).sum())
        square += float((change**2).sum())
        may_move += _count(trainable, name, now)
        in_mask += _count(mask, name, now)
        outside = max(outside, _largest_outside(change, trainable, name))
    group = shard_group(params.values())
    moved, may_move, in_mask, square = group.total(moved, may_move, in_mask, square)
    (outside,) = group.most(outside)
    memory = measure_memory(before, after)
    size = sum(p.numel() for p in params.values()) + memory.rows
    moved, square = moved + memory.moved, square + memory.square
    # A mask is of parameters: under one a memory stays as it is, and without one it is free.
    if mask is None:
        may_move, in_mask = may_move + memory.rows, in_mask + memory.rows
    elif memory.moved:
        outside = max(outside, memory.square**0.5 or float(memory.moved))
    drift = sum(float(((b.detach().double() - before[n].double()) ** 2).sum()) for n, b in drifting.items())
    return Guard(moved / size, square**0.5, outside, may_move / size, in_mask / size, drift**0.5)


def _check_same_names(before: State, params: Mapping[str, Tensor], buffers: Mapping[str, Tensor]) -> None:
    for name in before.keys() ^ (params.keys() | buffers.keys()):
        raise BrokenPromise(f"the returned model is another: {name!r} is in only one of input and output")
    for name, p in params.items():
        if before[name].shape != p.shape:
            raise BrokenPromise(f"the returned model has {name!r} in shape {tuple(p.shape)}, not {tuple(before[name].shape)}")


def _count(mask: Mask | None, name: str, weight: Tensor) -> int:
    """Number of weights in a mask on this process."""
    if mask is None:
        return weight.numel()
    return int(local_part(mask.bits[name]).sum()) if name in mask.bits else 0


def _largest_outside(change: Tensor, trainable: Mask | None, name: str) -> float:
    if trainable is None:
        return 0.0
    fixed = change[~local_part(trainable.bits[name])] if name in trainable.bits else change
    return float(fixed.abs().max()) if fixed.numel() else 0.0


def check_promises(name: str, guard: Guard, may_stay: bool, model: nn.Module) -> None:
    """Check the promises that every run makes about the weights.

    Raises:
        NotFinite: a parameter or a buffer is NaN or infinite.
        BrokenPromise: nothing moved, or something outside the mask did.
    """
    for part, values in (*model.named_parameters(), *model.named_buffers()):
        if not bool(torch.isfinite(values).all()):
            raise NotFinite(f"{name} left NaN or infinite values in {part!r}: lower its lr")
    if guard.outside_mask_max > 0:
        raise BrokenPromise(f"{name} moved a weight outside its mask by {guard.outside_mask_max:.3g}", OUTSIDE)
    if guard.moved_share == 0 and not may_stay:
        half = any(p.dtype in HALF for p in model.parameters())
        advice = "half precision rounds small changes away, so unlearn in float32, " if half else ""
        raise BrokenPromise(
            f"{name} moved no parameter: it returned the model that went in; {advice}raise its lr, or widen its mask", UNMOVED
        )


@contextmanager
def working_copy(model: nn.Module, before: State) -> Iterator[nn.Module]:
    """Lend a copy of the model to change; of a sharded model itself, where that is allowed, restored when the work fails.

    Raises:
        BadInput: the model is sharded, and may not be changed itself.
    """
    if not check_sharding(dict(model.named_parameters())):
        yield deepcopy(model)
        return
    if not process_group().inplace:
        raise BadInput("torch cannot copy a sharded model: allow changing it itself, with untrain.distributed(inplace=True)")
    try:
        yield model
    except BaseException:
        with torch.no_grad():
            for name, values in (*model.named_parameters(), *model.named_buffers()):
                local_part(values).copy_(local_part(before[name]))
        raise


@contextmanager
def read_only(name: str, model: nn.Module) -> Iterator[None]:
    """Lend the model without copying it; for a small request a copy would cost as much as the work.

    Gradients and modes are restored afterwards; torch's count of writes shows that nothing was written.

    Raises:
        BrokenPromise: a parameter or a buffer was written.
    """
    tensors = [*model.parameters(), *model.buffers()]
    versions = [t._version for t in tensors]
    grads = [(p, p.grad, p.requires_grad) for p in model.parameters()]
    modes = [(part, part.training) for part in model.modules()]
    for p, _, _ in grads:
        p.grad = None
    try:
        yield
    finally:
        for p, grad, asks in grads:
            p.grad = grad
            p.requires_grad_(asks)
        for part, training in modes:
            part.training = training
    if versions != [t._version for t in tensors]:
        raise BrokenPromise(f"{name} wrote to the model that was lent to it", LENT)


def check_untouched(name: str, before: State, model: nn.Module) -> None:
    """Check that the input model is as it was.

    Raises:
        BrokenPromise: a parameter or a buffer of the input changed.
    """
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    for key, value in tensors.items():
        if not same(value.detach(), before[key]):
            raise BrokenPromise(f"{name} changed {key!r} of its input model", INPUT)


@dataclass(frozen=True)
class Guard:
    """Changes of the weights in a run.

    Args:
        moved_share: share of all parameters that changed; each row of a model's ``memory`` counts as one, here and below.
            Where a memory has another length than before, rows that only one of both holds changed.
        moved_norm: Euclidean length of the change of all parameters and of a memory's floating-point entries.
        outside_mask_max: largest change of a parameter that may not move, or length of the change of a memory that may not;
            0 unless a promise was broken.
        may_move: share of all parameters that may move: the mask and, where it is trained, the head.
        mask_share: share of all parameters in the localizer's own mask.
        buffer_drift: Euclidean length of the change of batch-norm statistics.
    """

    moved_share: float
    moved_norm: float
    outside_mask_max: float
    may_move: float
    mask_share: float
    buffer_drift: float
