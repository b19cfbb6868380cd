"""Eligibility of models for stacked training, and how many fit at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from untrain.data.examples import Batch, Examples, batch_of
from untrain.data.ragged import Ragged
from untrain.models.tasks.base import Task
from untrain.training.base import Learner
from untrain.training.batch_norm import norms
from untrain.training.learners.train import Train
from untrain.training.stacked.stack import Stack
from untrain.training.steps import Steps

SHAPERS = (nn.Sequential, nn.Identity, nn.Flatten, nn.Unflatten)
LAYERS = (nn.Linear, nn.Dropout, nn.BatchNorm1d, nn.LayerNorm)
BENDS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Hardtanh)
KNOWN = {*SHAPERS, *LAYERS, *BENDS}
BUDGET = 2**30  # bytes that a stack may take, weights, optimizer and activations together
# Weights times examples of a step above which a model alone keeps a core busy: stacked it is no faster, and above four
# times as much slower, since what a step touches leaves the cache (benchmarks/populations.py).
BUSY = 2**21


def plain(learner: Learner, examples: Examples) -> str | None:
    """Reason why a learner cannot train models together, whatever the models; None if it can."""
    if not isinstance(learner, Train):
        return f"{type(learner).__name__} trains in its own way"
    if learner.augment:
        return "its examples are augmented"
    if any(isinstance(column, Ragged) for column in examples.fields.values()):
        return "its examples differ in length"
    return None if all(isinstance(column, Tensor) for column in examples.fields.values()) else "its examples lie in a file"


def obstacle(learner: Train, examples: Examples, smallest: int) -> str | None:
    """Reason why models of a learner cannot be stacked; None if they can.

    Modules have to be of the kinds of ``KNOWN``, or of a class of the user's own whose logits under ``vmap`` are those
    that it gives alone: two models are tried.

    Args:
        learner: what trains.
        examples: the training data.
        smallest: number of examples of the smallest subset.
    """
    models = [learner.init(examples, seed) for seed in (0, 1)]
    strange = [type(part).__name__ for part in models[0].modules() if type(part) not in KNOWN and _of_torch(part)]
    if strange:
        return f"it holds {strange[0]}"
    if norms(models[0]) and (learner.steps.buffers != "move" or min(smallest, learner.steps.batch) < 2):
        return "its batch norm does not simply follow batches of two or more examples"
    try:
        return _tried(models, examples, learner.task)
    except (RuntimeError, ValueError, TypeError, AttributeError, KeyError) as error:
        return f"vmap refuses it ({' '.join(str(error).split())[:80]})"


def strict(model: nn.Module) -> bool:
    """Tell whether rows of a batch may affect each other (dropout, batch norm, a user's class): such a batch is not filled up."""
    return any(isinstance(part, nn.Dropout | _BatchNorm) or type(part) not in KNOWN for part in model.modules())


def _of_torch(part: nn.Module) -> bool:
    return type(part).__module__.startswith("torch.") and type(part) is not nn.Module


def _tried(models: list[nn.Module], examples: Examples, task: Task) -> str | None:
    stack = Stack(models, (0, 1))
    batch = batch_of(examples, np.arange(min(4, len(examples))), next(stack.parameters()).device)
    batch = batch if len(batch) > 1 else Batch.cat([batch, batch])
    twice = Batch.cat([batch, batch])
    with torch.no_grad():
        alone = torch.cat([task.forward(model.eval(), batch) for model in models])
        if not torch.allclose(task.forward(stack.eval(), twice), alone, rtol=1e-3, atol=1e-4):
            return "its outputs under vmap are others than alone"
    each = task.loss(stack.train(), twice)
    return None if each.shape == (len(twice),) else "its task gives no loss an example"


def size(model: nn.Module, examples: Examples, task: Task, steps: Steps) -> int:
    """Bytes that one model takes in a stack, about: weights, gradients, optimizer, and what a batch leaves on its way."""
    kept = 2 + steps.optimizer.slots + 1  # weights and gradients; one more while leaves are made of models
    weights = sum(p.numel() * p.element_size() for p in model.parameters()) * kept
    activations: list[int] = []
    hooks = [
        part.register_forward_hook(lambda _, inputs, out: activations.append(out.numel() * out.element_size()))
        for part in model.modules()
        if not list(part.children())
    ]
    batch = batch_of(examples, np.arange(1), next(model.parameters()).device)
    with torch.no_grad():
        task.forward(model.eval(), batch)
    for hook in hooks:
        hook.remove()
    # Each activation lives twice, as itself and as its gradient; inputs are gathered once for each model, and scaled.
    return weights + steps.batch * 2 * (sum(activations) + 4 * batch.x.numel())


def busy(model: nn.Module, batch: int) -> bool:
    """Tell whether one model alone keeps a core busy."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad) * batch > BUSY
