"""Layers that compute the weight gradient of some output channels only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from untrain.core.metering import add_note
from untrain.core.sharding import is_sharded
from untrain.training.trainable import TrainablePart

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
# Below this width a narrower product of matrices takes as long as the whole one, and above this share of the rows
# the copy of their output gradients takes what is saved (benchmarks/masked_step.py); on a GPU both are a guess.
NARROW, MOST = 64, 0.85


@contextmanager
def only_rows(model: nn.Module, trainable: Sequence[TrainablePart]) -> Iterator[None]:
    """Let linear and convolution layers whose mask is of whole output channels compute the gradient of those channels only.

    They leave it at ``TrainablePart.optimized``; layers that cannot gain compute it in full, and a note says how many and why.
    The gradient with respect to a layer's input is whole either way. A weight that is also used in another way than by
    its layer gets the gradient of that use as ever, and ``TrainablePart.gather`` adds the two.
    """
    masked = [m for m in trainable if m.index is not None and m.parameter.ndim > 1 and not is_sharded(m.parameter)]
    parts = {id(m.parameter): m for m in masked}
    # By the table of parameters: asking a layer for a weight that is computed, as of spectral norm, would move it on.
    owners = [layer for layer in model.modules() if id(layer._parameters.get("weight")) in parts]
    reasons: dict[str, int] = {}
    patched = []
    for owner in owners:
        part = parts[id(owner.weight)]
        reason = _fallback(owner, part)
        if reason:
            reasons[reason] = reasons.get(reason, 0) + 1
        else:
            forward: Callable[..., Tensor] = _linear if isinstance(owner, nn.Linear) else _convolve
            owner.forward = partial(forward, owner, part)
            patched.append(owner)
    orphans = len(parts) - len({id(owner.weight) for owner in owners})
    if orphans:
        reasons["not the weight of a layer of its own"] = orphans
    if reasons:
        listed = ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))
        add_note(f"{sum(reasons.values())} of {len(parts)} partly masked layers compute their weight gradient in full: {listed}")
    try:
        yield
    finally:
        for owner in patched:
            del owner.forward


@contextmanager
def whole_gradients(model: nn.Module) -> Iterator[None]:
    """Within, each layer computes the gradient of its whole weight, so that ``torch.autograd.grad`` can return it."""
    forwards = {layer: vars(layer).get("forward") for layer in model.modules()}
    patched = {layer: run for layer, run in forwards.items() if isinstance(run, partial) and run.func in (_linear, _convolve)}
    for layer in patched:
        del layer.forward
    try:
        yield
    finally:
        for layer, run in patched.items():
            layer.forward = run


def _fallback(owner: nn.Module, part: TrainablePart) -> str:
    """The reason for which a layer cannot gain, or ``''``."""
    if not part.by_rows:
        return "single weights are masked"
    if type(owner) is not nn.Linear and type(owner) not in CONVOLUTIONS:
        return type(owner).__name__
    if "forward" in vars(owner) or getattr(owner, "padding_mode", "zeros") != "zeros" or isinstance(_of(owner, "padding"), str):
        return f"{type(owner).__name__} of its own kind"
    if _of(owner, "groups") not in (None, 1):
        return f"{type(owner).__name__} in groups"
    if len(part.parameter) < NARROW:
        return f"fewer than {NARROW} channels"
    return f"more than {MOST:.0%} of the channels" if len(part.optimized) > MOST * len(part.parameter) else ""


def _of(owner: nn.Module, name: str) -> Any:
    return getattr(owner, name, None)


def _cast(*tensors: Tensor) -> list[Tensor]:
    """Cast as autocast would before a product of matrices."""
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return list(tensors)
    return [t if t.dtype == torch.float64 else t.to(torch.get_autocast_dtype(device)) for t in tensors]


def _linear(owner: nn.Linear, part: TrainablePart, input: Tensor) -> Tensor:
    x, weight, rows = _cast(input, owner.weight, part.optimized)
    out: Tensor = _Linear.apply(x, weight, rows.to(weight.dtype), part.index)  # type: ignore[no-untyped-call]
    return out if owner.bias is None else out + owner.bias.to(out.dtype)


def _convolve(owner: nn.Conv2d, part: TrainablePart, input: Tensor) -> Tensor:
    x, weight, rows = _cast(input, owner.weight, part.optimized)
    lone = x.ndim == weight.ndim - 1
    settings = (list(owner.stride), list(owner.padding), list(owner.dilation))
    inputs = x[None] if lone else x
    out: Tensor = _Convolution.apply(inputs, weight, rows.to(weight.dtype), part.index, settings)  # type: ignore[no-untyped-call]
    if owner.bias is not None:
        out = out + owner.bias.to(out.dtype).reshape(-1, *[1] * (weight.ndim - 2))
    return out[0] if lone else out


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, part: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, index)
        return x @ weight.T

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, index = ctx.saved_tensors
        down = grad @ weight if ctx.needs_input_grad[0] else None
        rows = grad.index_select(-1, index).reshape(-1, len(index))
        return down, None, rows.T @ x.reshape(-1, x.shape[-1]), None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, part: Tensor, index: Tensor, settings: tuple[list[int], ...]) -> Tensor:
        ctx.save_for_backward(x, weight, part, index)
        ctx.settings = settings
        padding = [0] * (weight.ndim - 2)
        out: Tensor = torch.ops.aten.convolution(x, weight, None, *settings, False, padding, 1)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, part, index = ctx.saved_tensors
        down = None
        if ctx.needs_input_grad[0]:
            down = _back(ctx, grad, x, weight, [True, False, False])[0]
        rows = _channels(grad, index)
        return down, None, _back(ctx, rows, x, part, [False, True, False])[1], None, None


def _back(ctx: Any, grad: Tensor, x: Tensor, weight: Tensor, wanted: list[bool]) -> tuple[Tensor | None, ...]:
    backward, padding = torch.ops.aten.convolution_backward, [0] * (weight.ndim - 2)
    grads: tuple[Tensor | None, ...] = backward(grad, x, weight, None, *ctx.settings, False, padding, 1, wanted)
    return grads


def _channels(grad: Tensor, index: Tensor) -> Tensor:
    """Some channels, in the memory layout of the whole."""
    if grad.ndim == 4 and not grad.is_contiguous() and grad.is_contiguous(memory_format=torch.channels_last):
        return grad.permute(0, 2, 3, 1).index_select(3, index).permute(0, 3, 1, 2)
    return grad.index_select(1, index)
