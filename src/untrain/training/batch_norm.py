"""Batch statistics: layers that keep them, batches too small for them, and a new estimate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

from untrain.core.errors import RequestError
from untrain.core.metering import Counter
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import batch_of
from untrain.training.batch_plan import Plan


@contextmanager
def lone_examples(model: nn.Module) -> Iterator[None]:
    """Normalise by stored statistics a batch that gives a batch-norm layer a single value per channel, and so none of its own."""
    hooks = []
    for part in norms(model):
        hooks += [
            part.register_forward_pre_hook(_before, with_kwargs=True),
            part.register_forward_hook(_after, with_kwargs=True, always_call=True),
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _before(part: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
    x = args[0] if args else kwargs["input"]
    if part.training and x.numel() == x.shape[1]:
        part.eval()
        part.alone = True  # type: ignore[assignment]


def _after(part: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], out: Tensor) -> None:
    if getattr(part, "alone", False):
        part.train()
        del part.alone


def norms(model: nn.Module) -> list[_BatchNorm]:
    """Return the layers that keep batch statistics."""
    return [part for part in model.modules() if isinstance(part, _BatchNorm) and part.running_mean is not None]


def tracking(model: nn.Module) -> list[_NormBase]:
    """Return the layers that keep running statistics: of batches, or of single examples as instance norm may."""
    return [part for part in model.modules() if isinstance(part, _NormBase) and part.running_mean is not None]


@contextmanager
def untracked_statistics(model: nn.Module) -> Iterator[None]:
    """Leave the stored statistics alone in forward passes, though train mode normalises by the batch."""
    layers = [(part, part.track_running_stats, part.momentum) for part in tracking(model) if part.training]
    for part, _, _ in layers:
        if isinstance(part, _BatchNorm):
            part.track_running_stats = False
        else:  # instance norm writes to the statistics all the same; a step of 0 leaves them
            part.momentum = 0.0
    try:
        yield
    finally:
        for part, tracked, momentum in layers:
            part.track_running_stats, part.momentum = tracked, momentum


def reestimate(model: nn.Module, plan: Plan) -> None:
    """Replace running statistics by their plain average over batches of the retain set.

    Raises:
        RequestError: there is no retain set.
    """
    parts = tracking(model)
    if not parts:
        return
    if plan.retain is None:
        raise RequestError("batch statistics are re-estimated on the retain set, and the problem has none: take buffers='freeze'")
    retain = plan.retain
    momenta = [part.momentum for part in parts]
    for part in parts:
        part.reset_running_stats()
        part.momentum = None
    device = next(model.parameters()).device
    counter = Counter()
    model.eval()
    for part in parts:
        part.train()
    with torch.no_grad():
        # Batches of nearly one size, so that each example weighs about the same and none is alone.
        for at, rows in enumerate(np.array_split(np.arange(len(retain)), -(-len(retain) // 256))):
            for part in parts:
                if not isinstance(part, _BatchNorm):  # for which no momentum means a step of 0, not an average
                    part.momentum = 1 / (at + 1)
            batch = batch_of(retain, rows, device)
            work = partial(plan.task.forward, model, batch)
            counter.step(len(rows), work, backward=False, shape=cost_shape(batch))
    for part, momentum in zip(parts, momenta, strict=True):
        part.momentum = momentum
