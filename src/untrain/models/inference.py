"""What a model answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.errors import NotFinite
from untrain.core.out_of_memory import in_halves
from untrain.core.precision import channels_last
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.base import Task


def logits(model: nn.Module, examples: Examples, task: Task, batch: int = 512) -> np.ndarray[Any, Any]:
    """Answers of one model in eval mode on all examples, float32 (n, c); none is left out.

    Raises:
        NotFinite: an answer is NaN or infinite.
    """
    modes = [(part, part.training) for part in model.modules()]
    device = next(model.parameters()).device
    model.eval()

    def ask(size: int) -> np.ndarray[Any, Any]:
        found = np.empty((len(examples), 0), dtype=np.float32)
        for rows in in_order(len(examples), size):
            answers = task.logits(model, batch_of(examples, rows, device)).float().cpu().numpy()
            if rows[0] == 0:
                found = np.empty((len(examples), answers.shape[1]), dtype=np.float32)
            found[rows] = answers
        return found

    with torch.no_grad(), channels_last(model):
        found = in_halves(ask, batch, "asking the model")
    for part, was in modes:
        part.training = was
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).any(1).sum())
        raise NotFinite(f"{type(model).__name__} answers {bad} of {len(found)} examples with NaN or infinite values: lower its lr")
    return found
