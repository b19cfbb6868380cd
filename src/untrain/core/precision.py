"""In which number format a model computes, and how its weights lie in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal, get_args

import torch
from torch import nn

from untrain.core.errors import BadInput, suggest

Precision = Literal["float32", "bfloat16"]
HALF = (torch.float16, torch.bfloat16)
_precision: ContextVar[Precision] = ContextVar("precision", default="float32")
_compile: ContextVar[bool] = ContextVar("compile", default=False)


def resolve(wanted: str, device: torch.device | str) -> Precision:
    """The precision that 'auto' means on a device, or the one that is named.

    'auto' is bfloat16 where the machine has instructions for it: a GPU since Ampere, a CPU with AVX512-BF16 or AMX.
    Elsewhere it is emulated and several times slower than float32.

    Raises:
        BadInput: ``wanted`` is none of the three.
    """
    known = ("auto", *get_args(Precision))
    if wanted not in known:
        raise BadInput(f"precision={wanted!r}{suggest(str(wanted), known)}: one of {', '.join(known)} is needed")
    if wanted == "auto":
        return "bfloat16" if _gains(torch.device(device)) else "float32"
    return "bfloat16" if wanted == "bfloat16" else "float32"


def _gains(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    asks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(bool(getattr(torch.cpu, ask, bool)()) for ask in asks)


@contextmanager
def computing(precision: Precision = "float32", compiled: bool = False) -> Iterator[None]:
    """Gradient steps within compute in ``precision``; weights, losses and what is stored stay in full.

    Args:
        precision: 'float32', or 'bfloat16' through torch's autocast.
        compiled: whether the model is compiled by ``torch.compile`` for its steps, which takes seconds to a minute before
            the first: it pays on a GPU and for long training.
    """
    tokens = _precision.set(precision), _compile.set(compiled)
    try:
        yield
    finally:
        _precision.reset(tokens[0])
        _compile.reset(tokens[1])


@contextmanager
def compiling(model: nn.Module) -> Iterator[None]:
    """The model is compiled within, where that was asked for."""
    wanted = _compile.get()
    if wanted:
        model.compile()
    try:
        yield
    finally:
        if wanted:
            model._compiled_call_impl = None


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """torch's autocast where a lower precision was asked for."""
    if _precision.get() == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def channels_last(model: nn.Module) -> Iterator[None]:
    """Weights of two-dimensional convolutions lie channels last within, as their kernels like it, and afterwards as before.

    Results differ from those of the other layout by rounding alone.
    """
    turned = [
        p
        for part in model.modules()
        if isinstance(part, nn.Conv2d)
        for p in part.parameters(recurse=False)
        if p.ndim == 4
        and not hasattr(p, "device_mesh")  # sharded over processes
        and p.is_contiguous()
        and not p.is_contiguous(memory_format=torch.channels_last)
    ]
    _turn(turned, torch.channels_last)
    try:
        yield
    finally:
        _turn(turned, torch.contiguous_format)


def _turn(params: list[nn.Parameter], layout: torch.memory_format) -> None:
    for p in params:
        p.data = p.data.contiguous(memory_format=layout)
        if p.grad is not None:
            p.grad = p.grad.contiguous(memory_format=layout)
