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
    return dict(model.named_parameters()) | {name: buffers[name] for name in getattr(model, "memory", ())}


def arrays(model: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays of a model's state dict, by name."""
    return {name: as_array(value) for name, value in model.state_dict().items()}


def as_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    """A tensor as an array; bfloat16, which NumPy lacks, as float32, which holds each of its values exactly."""
    value = tensor.detach().cpu()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
