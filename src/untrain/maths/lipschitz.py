"""Bounds on how far outputs move per unit that inputs move."""

from __future__ import annotations

import torch
from torch import Tensor


def input_sensitivity(outputs: Tensor, moved_outputs: Tensor, inputs: Tensor, moved_inputs: Tensor) -> Tensor:
    """Euclidean distance between outputs over that between inputs, of each example, (b,); 0 where the inputs are the same.

    Where the outputs are the same the gradient is 0, which is a subgradient, and never NaN.

    >>> x, z = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[3.0, 4.0], [1.0, 1.0]])
    >>> input_sensitivity(2 * x, 2 * z, x, z).tolist()
    [2.0, 0.0]

    Args:
        outputs: (b, ...), of ``inputs``.
        moved_outputs: (b, ...), of ``moved_inputs``.
        inputs: (b, ...).
        moved_inputs: (b, ...).
    """
    far = torch.linalg.vector_norm((inputs - moved_inputs).reshape(len(inputs), -1), dim=1)
    apart = torch.linalg.vector_norm((outputs - moved_outputs).reshape(len(outputs), -1), dim=1)
    same = far == 0
    return torch.where(same, torch.zeros_like(apart), apart / far.masked_fill(same, 1.0))
