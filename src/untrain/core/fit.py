"""Whether a model and examples go together."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from untrain.core import guard as guards
from untrain.core.errors import ModelError, NotFinite
from untrain.core.records import Examples, Task, batch_of


def check_fit(model: nn.Module, task: Task, examples: Examples) -> None:
    """Check at the door that a model, which is in eval mode, and examples go together.

    Raises:
        ModelError: the model has no parameters, does not take such examples, or knows fewer classes.
        NotFinite: the model holds NaN or infinite weights.
    """
    name, shape = type(model).__name__, tuple(examples.x.shape[1:])
    params = list(model.parameters())
    guards.check_shaped(model)
    if not params:
        raise ModelError(f"{name} has no parameters: there is nothing that could forget")
    if not all(bool(torch.isfinite(p).all()) for p in params):
        raise NotFinite(f"{name} holds NaN or infinite weights before anything was done")
    batch = batch_of(examples, np.arange(1), params[0].device)
    try:
        with torch.no_grad():
            logits = task.logits(model, batch)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{name} cannot take examples of shape {shape}: {first}") from None
    if logits.ndim != 2 or logits.shape[1] < examples.classes:
        raise ModelError(
            f"{name} answers with shape {tuple(logits.shape)}; {examples.classes} classes need (batch, {examples.classes})"
        )
