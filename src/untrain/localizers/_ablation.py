"""Copies of a model with some weights switched off, in one batch where the layers allow it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.precision import HALF
from untrain.data.examples import Batch, batch_of
from untrain.maths import selection
from untrain.models.tasks.base import Task
from untrain.training.problem import Problem

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)
KNOWN = (nn.Linear, *CONVOLUTIONS, *NORMS)
ROOM = 2**24  # weights of linear layers that all copies together may hold: 64 MB

Spans = Mapping[str, tuple[int, int]]


def spans_of(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Return the switches of each parameter: one per filter where it has three dimensions or more, otherwise one per weight.

    >>> spans_of(nn.Conv2d(1, 2, 3))
    {'weight': (0, 2), 'bias': (2, 4)}
    """
    spans, total = {}, 0
    for name, p in model.named_parameters():
        if p.requires_grad:
            count = len(selection.rows(p)) if p.ndim > 2 else p.numel()
            spans[name] = (total, total + count)
            total += count
    return spans


def expand(values: Tensor, spans: Spans, model: nn.Module, other: float) -> dict[str, Tensor]:
    """Expand a value per switch to one per weight, with ``other`` where a parameter has no switches."""
    expanded = {}
    for name, p in model.named_parameters():
        if name not in spans:
            expanded[name] = torch.full(p.shape, other, dtype=values.dtype, device=values.device)
        else:
            part = values[slice(*spans[name])]
            expanded[name] = part.repeat_interleave(p.numel() // max(len(part), 1)).reshape(p.shape)
    return expanded


class Copies(ABC):
    """Copies of a model, each with switches (g,) of its own: 1 leaves weights as they are, 0 turns them off.

    Args:
        model: the model, of which this makes a copy.
    """

    most: int = 1

    def __init__(self, model: nn.Module):
        self.model, self.spans = deepcopy(model).eval(), spans_of(model)

    @property
    def count(self) -> int:
        """Number of switches."""
        return max((stop for _, stop in self.spans.values()), default=0)

    @abstractmethod
    def switched(self, switches: Tensor) -> Any:
        """Let the model within the block run a batch of e equal parts, one for each copy with ``switches``, (e, g)."""

    @abstractmethod
    def slopes(self, loss: Tensor, switches: Tensor) -> Tensor:
        """The sum of ``weight * gradient`` behind each switch, (e, g)."""


class OneByOne(Copies):
    """One copy at a time, of any model, by writing its weights."""

    def __init__(self, model: nn.Module):
        super().__init__(model)
        self.params = dict(self.model.named_parameters())
        self.original = {n: self.params[n].detach().clone() for n in self.spans}

    @contextmanager
    def switched(self, switches: Tensor) -> Iterator[None]:
        """Write the weights."""
        with torch.no_grad():
            for name, on in expand(switches[0], self.spans, self.model, 1.0).items():
                if name in self.original:
                    self.params[name].copy_(self.original[name] * on)
        yield

    def slopes(self, loss: Tensor, switches: Tensor) -> Tensor:
        """The sums, from the gradients of weights."""
        params = [self.params[n] for n in self.spans]
        grads = torch.autograd.grad(loss, params, allow_unused=True)
        sums = []
        for p, g, (start, stop) in zip(params, grads, self.spans.values(), strict=True):
            wide = torch.zeros_like(p) if g is None else p.detach().to(loss.dtype) * g.to(loss.dtype)
            sums.append(wide.to(loss.dtype).reshape(stop - start, p.numel() // max(stop - start, 1)).sum(1))
        return torch.cat(sums)[None]


class InOneBatch(Copies):
    """All copies at once, of models made of ``KNOWN`` layers: hooks change the output of each layer, part by part of the batch.

    Switching a filter off removes its channel from the output of the convolution; a switch's slope is its gradient.
    """

    def __init__(self, model: nn.Module):
        super().__init__(model)
        self.of = {id(p): self.spans[n] for n, p in self.model.named_parameters() if n in self.spans}
        self.model.requires_grad_(False)
        wide = sum(p.weight.numel() for p in self.model.modules() if isinstance(p, nn.Linear))
        self.most = max(1, ROOM // max(wide, 1))

    @contextmanager
    def switched(self, switches: Tensor) -> Iterator[None]:
        """Put a hook on each layer."""
        switches.requires_grad_()
        with ExitStack() as stack:
            for part in self.model.modules():
                if any(id(p) in self.of for p in part.parameters(recurse=False)):
                    stack.callback(part.register_forward_hook(partial(self._hook, switches)).remove)
            yield

    def slopes(self, loss: Tensor, switches: Tensor) -> Tensor:
        """The sums, from the gradients of switches."""
        return torch.autograd.grad(loss, switches)[0] * switches.detach()

    def _hook(self, switches: Tensor, part: Any, inputs: tuple[Tensor, ...], out: Tensor) -> Tensor:
        """Output of a layer when each equal part of the batch has weights and biases of its own."""
        copies = len(switches)
        if len(out) % copies:
            raise ValueError("the first dimension is not that of examples")
        weight, bias = (None if id(p) not in self.of else switches[:, slice(*self.of[id(p)])] for p in (part.weight, part.bias))
        if isinstance(part, nn.Linear) and weight is not None:
            weights = part.weight * weight.reshape(copies, *part.weight.shape)
            out = (inputs[0].reshape(copies, -1, part.in_features) @ weights.mT).reshape(out.shape)
            out, weight = out if part.bias is None else out + part.bias, None
        some = weight if weight is not None else bias
        if some is None:
            return out
        last = isinstance(part, nn.Linear | nn.LayerNorm)
        ones = [1] * (out.ndim - 2)
        shape = (len(out), *ones, -1) if last else (len(out), -1, *ones)

        def rows(values: Tensor) -> Tensor:
            return values.repeat_interleave(len(out) // copies, 0).reshape(shape)

        weight, bias = (torch.ones_like(some) if on is None else on for on in (weight, bias))
        if part.bias is None:
            return out * rows(weight)
        # weight * (out - bias) + on * bias, in which nothing is rounded where all is on.
        return torch.addcmul(rows(part.bias * (bias - weight)), out, rows(weight))


def copies_of(model: nn.Module, problem: Problem) -> Copies:
    """Make copies that go through the model together, where that gives the same logits as each alone.

    Weights in half precision become float32, unless the model itself casts to half.
    """
    batch = batch_of(problem.forget, np.arange(min(2, len(problem.forget))), next(model.parameters()).device)
    wide = _wide(model, problem.task, batch)
    alone = OneByOne(model if wide is None else wide)
    if wide is None or not _known(wide):
        return alone
    together, batch = InOneBatch(wide), widened(batch, wide)
    switches = (torch.rand(2, together.count) > 0.1).to(next(alone.model.parameters()))
    with torch.no_grad():
        logits = []
        for each in switches:
            with alone.switched(each[None]):
                logits.append(problem.task.forward(alone.model, batch))
        try:
            with together.switched(switches.clone()):
                both = problem.task.forward(together.model, Batch.cat([batch, batch]))
        except (ValueError, RuntimeError):
            return alone
    wanted = torch.cat(logits)
    return together if torch.allclose(both, wanted, rtol=1e-3, atol=1e-4 * max(1.0, float(wanted.abs().max()))) else alone


def widened(batch: Batch, model: nn.Module) -> Batch:
    """Return the batch with inputs in full precision, where all weights of the model are."""
    narrow = batch.x.dtype in HALF and not any(p.dtype in HALF for p in model.parameters())
    return batch.with_fields(**{next(iter(batch.fields)): batch.x.float()}) if narrow else batch


def _wide(model: nn.Module, task: Task, batch: Batch) -> nn.Module | None:
    """The model in full precision; None where it does not work in it, as it casts its inputs to half by itself."""
    if not any(p.dtype in HALF for p in model.parameters()):
        return model
    full = deepcopy(model).float()
    try:
        with torch.no_grad():
            task.forward(full, widened(batch, full))
    except (RuntimeError, ValueError):
        return None
    return full


def _known(model: nn.Module) -> bool:
    """True when every parameter that may move is the weight or the bias of a layer of ``KNOWN``, and each filter has a switch."""
    for part in model.modules():
        own = [p for p in part.parameters(recurse=False) if p.requires_grad]
        weight: Any = getattr(part, "weight", None)
        if not own:
            continue
        if type(part) not in KNOWN or any(p is not weight and p is not part.bias for p in own):
            return False
        if weight.shape[0] == 1 if isinstance(part, CONVOLUTIONS) else weight.ndim > 1 and not isinstance(part, nn.Linear):
            return False
    return True
