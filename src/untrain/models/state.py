"""What a model holds, by name."""

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
    held = dict(model.named_parameters()) | dict(model.named_buffers())
    return {name: value.detach().clone() for name, value in held.items()}


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same bits' worth of values, NaN equal to NaN."""
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def arrays(model: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """All that a model holds, by name; bfloat16, which NumPy lacks, as float32, which holds each of its values exactly."""
    found = {n: t.detach().cpu() for n, t in model.state_dict().items()}
    return {n: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for n, t in found.items()}
