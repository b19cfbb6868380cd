"""What a run did to the weights, and the promises that it is held to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn

from untrain.core.errors import BadInput, BrokenPromise, MaskError, ModelError, NotFinite
from untrain.core.mask import Head, Mask
from untrain.core.precision import HALF
from untrain.core.sharding import here, is_sharded
from untrain.models.state import State, same
from untrain.training.process_group import sharding, team


def union(model: nn.Module, mask: Mask | None, head: Head, names: tuple[str, ...]) -> Mask | None:
    """What may move: the mask and, by ``head``, the classifier in full, where masked, or not at all.

    A parameter that asks for no gradient may not move, whatever the mask says. None lets all move.

    Raises:
        MaskError: the mask's names or shapes are not the model's.
        ModelError: the head's names are not the model's.
    """
    params = dict(model.named_parameters())
    unknown = [n for n in names if n not in params]
    if unknown:
        raise ModelError(f"the head is named {unknown}, and the model has no such parameter; its last are {list(params)[-4:]}")
    still = {n for n, p in params.items() if not p.requires_grad}
    if mask is None and head != "frozen" and not still:
        return None
    if mask is None:
        bits = {n: torch.ones_like(p, dtype=torch.bool) for n, p in params.items()}
    else:
        _check_mask(params, mask)
        bits = {n: b.to(params[n].device) for n, b in mask.bits.items()}
    for name in names:
        if head != "masked":
            bits[name] = torch.full_like(bits[name], head == "full")
    for name in still:
        bits[name] = torch.zeros_like(bits[name])
    return Mask(bits, "" if mask is None else mask.digest)


def _check_mask(params: Mapping[str, nn.Parameter], mask: Mask) -> None:
    for name in params.keys() ^ mask.bits.keys():
        raise MaskError(f"the mask is of another model: {name!r} is in one and not in the other")
    for name, p in params.items():
        if mask.bits[name].dtype != torch.bool:
            raise MaskError(f"the mask of {name!r} is {mask.bits[name].dtype}; it must be bool")
        if mask.bits[name].shape != p.shape:
            raise MaskError(f"the mask of {name!r} has shape {tuple(mask.bits[name].shape)}, the weight {tuple(p.shape)}")


def watch(before: State, after: nn.Module, trainable: Mask | None, mask: Mask | None) -> Guard:
    """Measure how far the weights moved, and whether only those did that might.

    Raises:
        BrokenPromise: the model that came back has other parameters than the one that went in.
    """
    params = dict(after.named_parameters())
    buffers = dict(after.named_buffers())
    for name in before.keys() ^ (params.keys() | buffers.keys()):
        raise BrokenPromise(f"the model that came back is another: {name!r} is in one and not in the other")
    for name, p in params.items():
        if before[name].shape != p.shape:
            raise BrokenPromise(f"the model that came back has {name!r} in shape {tuple(p.shape)}, not {tuple(before[name].shape)}")
    total = 0
    moved = free = inside = square = outside = 0.0
    for name, p in params.items():
        now, then = here(p.detach()), here(before[name])
        change = (now - then).double()
        moved += int((now != then).sum())
        total += p.numel()
        square += float((change**2).sum())
        if trainable is None:
            free += now.numel()
        else:
            bits = here(trainable.bits[name])
            free += int(bits.sum())
            out = change[~bits]
            if out.numel():
                outside = max(outside, float(out.abs().max()))
        inside += now.numel() if mask is None else int(here(mask.bits[name]).sum())
    crew = team()
    if crew is not None and any(map(is_sharded, params.values())):
        moved, free, inside, square = crew.total(moved, free, inside, square)
        (outside,) = crew.most(outside)
    drift = sum(float(((b.detach().double() - before[n].double()) ** 2).sum()) for n, b in buffers.items() if b.is_floating_point())
    return Guard(moved / total, square**0.5, outside, free / total, inside / total, drift**0.5)


def judge(name: str, guard: Guard, may_stay: bool, model: nn.Module) -> None:
    """Hold a run to its promises.

    Raises:
        NotFinite: a parameter or a buffer is NaN or infinite.
        BrokenPromise: nothing moved, or something outside the mask did.
    """
    for part, held in (*model.named_parameters(), *model.named_buffers()):
        if not bool(torch.isfinite(held).all()):
            raise NotFinite(f"{name} left NaN or infinite values in {part!r}: lower its lr")
    if guard.outside_mask_max > 0:
        raise BrokenPromise(f"{name} moved a weight outside its mask by {guard.outside_mask_max:.3g}")
    if guard.moved_share == 0 and not may_stay:
        half = any(p.dtype in HALF for p in model.parameters())
        why = "half precision rounds small changes away, so unlearn in float32, " if half else ""
        raise BrokenPromise(
            f"{name} moved no parameter: what it returned is the model that went in; {why}raise its lr, or widen its mask"
        )


@contextmanager
def working_copy(model: nn.Module, before: State) -> Iterator[nn.Module]:
    """A copy of the model to change; or, where it is sharded and that was allowed, itself, put back when the work fails.

    Raises:
        BadInput: the model is sharded, and may not be changed itself.
    """
    if not sharding(dict(model.named_parameters())):
        yield deepcopy(model)
        return
    crew = team()
    if crew is None or not crew.inplace:
        raise BadInput("torch cannot copy a sharded model: let it be changed itself, with untrain.distributed(inplace=True)")
    try:
        yield model
    except BaseException:
        with torch.no_grad():
            for name, held in (*model.named_parameters(), *model.named_buffers()):
                here(held).copy_(here(before[name]))
        raise


@contextmanager
def read_only(name: str, model: nn.Module) -> Iterator[None]:
    """The model itself is lent without a copy, which for a small request would cost as much as the work.

    Its gradients and modes are put back afterwards; that nothing was written is read off torch's count of writes.

    Raises:
        BrokenPromise: a parameter or a buffer was written.
    """
    held = [*model.parameters(), *model.buffers()]
    written = [t._version for t in held]
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
        for part, was in modes:
            part.training = was
    if written != [t._version for t in held]:
        raise BrokenPromise(f"{name} wrote to the model that it was given")


def untouched(name: str, before: State, model: nn.Module) -> None:
    """Check that the input model is as it was.

    Raises:
        BrokenPromise: a parameter or a buffer of the input changed.
    """
    held = dict(model.named_parameters()) | dict(model.named_buffers())
    for key, value in held.items():
        if not same(value.detach(), before[key]):
            raise BrokenPromise(f"{name} changed {key!r} of the model that it was given")


@dataclass(frozen=True)
class Guard:
    """What a run did to the weights.

    Args:
        moved_share: share of all parameters that changed.
        moved_norm: Euclidean length of the change of all parameters.
        outside_mask_max: largest change of a parameter that was not to move; 0 unless a promise was broken.
        may_move: share of all parameters that were free to move: the mask and, where it is trained, the head.
        mask_share: share of all parameters in the localizer's own mask.
        buffer_drift: Euclidean length of the change of batch-norm statistics.
    """

    moved_share: float
    moved_norm: float
    outside_mask_max: float
    may_move: float
    mask_share: float
    buffer_drift: float
