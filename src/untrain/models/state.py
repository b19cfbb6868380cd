"""Parameters and buffers of a model, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.models.compatibility import check_shaped

State = Mapping[str, Tensor]


def state(model: nn.Module) -> dict[str, Tensor]:
    """A copy of all parameters and buffers by name."""
    check_shaped(model)
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    return {name: value.detach().clone() for name, value in tensors.items()}


def same(a: Tensor, b: Tensor) -> bool:
    """True if two tensors have the same shape and values, NaN equal to NaN."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def weights(model: nn.Module) -> dict[str, Tensor]:
    """All that counts as weights: parameters, and buffers that the model names in ``memory``, such as a retrieval memory."""
    buffers = dict(model.named_buffers())
    return dict(model.named_parameters()) | {name: buffers[name] for name in memory_of(model)}


def arrays(model: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays of a model's state dict, by name."""
    return {name: as_array(value) for name, value in model.state_dict().items()}


def load_state(model: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Load a state dict into a model, and return it; a memory that the model names takes as many rows as the tensors have.

    A memory that was made of fewer examples than the model was initialised for has fewer rows, and is loaded as it is.
    """
    for name in memory_of(model):
        parent, _, leaf = name.rpartition(".")
        owner = model.get_submodule(parent)
        there = getattr(owner, leaf)
        if name in tensors and len(tensors[name]) != len(there):
            setattr(owner, leaf, there.new_zeros((len(tensors[name]), *there.shape[1:])))
    model.load_state_dict(dict(tensors))
    return model


def memory_of(model: nn.Module) -> tuple[str, ...]:
    """Names of the buffers that count as weights, such as those of a retrieval memory."""
    return tuple(getattr(model, "memory", ()))


def as_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """A tensor as an array; bfloat16, which NumPy lacks, as float32, which holds each of its values exactly."""
    value = tensor.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
