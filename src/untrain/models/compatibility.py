"""Checks that a model takes the examples."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from untrain.core.errors import ModelError, NotFinite
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.base import Task


def check_fit(model: nn.Module, task: Task, examples: Examples) -> None:
    """Check that a model, which is in eval mode, takes the examples.

    Raises:
        ModelError: the model has no parameters, does not take such examples, has fewer classes, or has batch norm without
            statistics, so that its outputs depend on the other examples of a batch.
        NotFinite: the model holds NaN or infinite weights.
    """
    task.check_examples(examples)
    name, shape = type(model).__name__, task.input_shape(examples)
    params = list(model.parameters())
    check_shaped(model)
    if not params:
        raise ModelError(f"{name} has no parameters: there is nothing that could forget")
    if not all(bool(torch.isfinite(p).all()) for p in params):
        raise NotFinite(f"{name} holds NaN or infinite weights before anything was done")
    if statless := _statless(model):
        raise ModelError(
            f"{statless!r} of {name} keeps no batch statistics, so outputs on an example depend on its batch: "
            "make it with track_running_stats=True and train again"
        )
    batch = batch_of(examples, np.arange(1), params[0].device)
    try:
        with torch.no_grad():
            outputs = task.forward(model, batch)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{name} cannot take examples of shape {shape}: {first}") from None
    task.check_outputs(name, outputs, examples)


def _statless(model: nn.Module) -> str:
    """Name of a batch-norm layer that normalises by the batch in eval mode too; empty where there is none."""
    layers = ((n, part) for n, part in model.named_modules() if isinstance(part, _BatchNorm))
    return next((n or type(part).__name__ for n, part in layers if part.running_mean is None), "")


def check_shaped(model: nn.Module) -> None:
    """Refuse a lazy module whose parameters have no shape yet, parts on several devices, and two parameters in one memory.

    A copy would untie them without a word: torch copies each parameter by itself. One parameter under several names stays one.

    Raises:
        ModelError: there are such parameters.
    """
    devices: dict[torch.device, str] = {}
    for name, p in model.named_parameters():
        if isinstance(p, nn.parameter.UninitializedParameter):
            raise ModelError(f"{name!r} of {type(model).__name__} has no shape yet: run the model on one batch first")
        devices.setdefault(p.device, name)
    if len(devices) > 1:
        (one, first), (other, second) = list(devices.items())[:2]
        raise ModelError(
            f"{first!r} of {type(model).__name__} lies on {one} and {second!r} on {other}, as device_map splits models: load it on "
            "one device, or shard it over several as docs/many_devices.md has it"
        )
    if shared := _overlapping(model):
        raise ModelError(
            f"{shared[0]!r} and {shared[1]!r} of {type(model).__name__} share memory and are two parameters, which a copy of the "
            "model would untie: make them one, as by b.weight = a.weight, or give each memory of its own, by clone()"
        )


def _overlapping(model: nn.Module) -> tuple[str, str] | None:
    """Names of a parameter and another tensor of the model that lie in the same memory, wholly or in part."""
    tensors = [(n, t) for n, t in (*model.named_parameters(), *model.named_buffers()) if t.numel() and _has_address(t)]
    last: dict[bool, tuple[int, str]] = {}  # where the memory of parameters, and of buffers, ends so far
    for start, end, name, learned in sorted((*_span(t), n, isinstance(t, nn.Parameter)) for n, t in tensors):
        for kind in (True, False) if learned else (True,):
            if kind in last and start < last[kind][0]:
                return last[kind][1], name
        last[learned] = max(last.get(learned, (end, name)), (end, name))
    return None


def _has_address(tensor: Tensor) -> bool:
    """Return whether a tensor lies in memory of this process as rows and columns, not sharded over several."""
    return tensor.layout is torch.strided and tensor.device.type != "meta" and not hasattr(tensor, "device_mesh")


def _span(tensor: Tensor) -> tuple[int, int]:
    """Addresses of the first byte of a tensor, and of that behind its last."""
    last = sum(stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    return tensor.data_ptr(), tensor.data_ptr() + (last + 1) * tensor.element_size()
