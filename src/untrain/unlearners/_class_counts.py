"""The number of retain examples per class."""

from __future__ import annotations

import torch
from torch import Tensor

from untrain.training.problem import Problem


def class_counts(problem: Problem) -> Tensor:
    """Number of retain examples of each class, (c,), as real numbers on the CPU; 0 for a class that is gone."""
    width = problem.task.outputs_needed(problem.rest)
    return torch.bincount(problem.rest.y[:].cpu(), minlength=width).float()
