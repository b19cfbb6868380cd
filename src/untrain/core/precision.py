"""Number format of a model's computations, and memory layout of its weights."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, suggest

Precision = Literal["float32", "bfloat16"]
VIEW = re.compile(r"\.view(_as)?\(")
HALF = (torch.float16, torch.bfloat16)
_precision: ContextVar[Precision] = ContextVar("precision", default="float32")
_compile: ContextVar[bool] = ContextVar("compile", default=False)


def resolve(wanted: str, device: torch.device | str) -> Precision:
    """Return the precision that 'auto' means on a device, or the named one.

    'auto' is bfloat16 where the machine has instructions for it: a GPU since Ampere, a CPU with AVX512-BF16 or AMX.
    Elsewhere it is emulated and several times slower than float32.

    >>> resolve("float32", "cpu")
    'float32'

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
    """Compute gradient steps within the block in ``precision``; weights, losses and stored numbers stay in full.

    Args:
        precision: 'float32', or 'bfloat16' through torch's autocast.
        compiled: whether ``torch.compile`` compiles the model for its steps, which takes seconds to a minute before
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
    """Compile the model within the block, where ``computing`` says so."""
    wanted = _compile.get()
    if wanted:
        model.compile()
    try:
        yield
    finally:
        if wanted:
            model._compiled_call_impl = None


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return torch's autocast in a lower precision, where ``computing`` says so."""
    if _precision.get() == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def channels_last(model: nn.Module) -> Iterator[None]:
    """Lay weights of two-dimensional convolutions out channels last within the block, as their kernels prefer, and then as before.

    Results differ from those of the other layout by rounding alone. A model that may take a view of what they give is left.
    """
    turned = [
        p
        for part in (model.modules() if takes_channels_last(model) else ())
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


def takes_channels_last(model: nn.Module) -> bool:
    """Return whether a model surely takes images of either layout: no code of its own says ``view``, which needs channels first.

    >>> takes_channels_last(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()))
    True
    """
    return not any(_may_view(kind) for kind in {type(part) for part in model.modules()})  # type: ignore[arg-type]


@cache
def _may_view(kind: type) -> bool:
    """Return whether the file of a class, or the class where there is no file, has a view of a tensor, or cannot be read."""
    if kind.__module__.startswith(("torch.fx.", "torch.jit.")):
        return True  # traced code of any model
    if kind.__module__.partition(".")[0] in ("torch", "untrain"):
        return False
    for place in (sys.modules.get(kind.__module__), kind):
        with suppress(OSError, TypeError):
            return bool(VIEW.search(inspect.getsource(place)))  # type: ignore[arg-type]
    return True


def channel_last(images: Tensor) -> Tensor:
    """Images of one channel with strides that say that it comes last, without a copy; all else as it is.

    One channel lies last as well as first, and torch's convolutions take the layout with the slower kernels: all that follows the
    first of them, pooling above all, then takes twice the time.

    >>> channel_last(torch.zeros(2, 1, 8, 8)).stride()
    (64, 1, 8, 1)
    """
    if images.ndim != 4 or images.shape[1] != 1 or not images.is_contiguous():
        return images
    per_image, _, per_row, _ = images.stride()
    return images.as_strided(images.shape, (per_image, 1, per_row, 1))


def _turn(params: list[nn.Parameter], layout: torch.memory_format) -> None:
    for p in params:
        p.data = p.data.contiguous(memory_format=layout)
        if p.grad is not None:
            p.grad = p.grad.contiguous(memory_format=layout)
