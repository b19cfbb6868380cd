"""Dropout of stacked models, each from a random stream of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def replace_dropout(model: nn.Module, generators: Sequence[torch.Generator]) -> None:
    """Replace the plain dropout layers within ``model``, which will run under ``vmap``.

    Args:
        model: names and values of its parameters stay.
        generators: of the stacked models' draws, one per model.
    """
    for part in list(model.modules()):
        for name, child in part.named_children():
            if type(child) is nn.Dropout:
                setattr(part, name, IndependentDropout(child.p, generators))


class IndependentDropout(nn.Module):
    """Dropout under ``vmap`` that draws for each model what it would draw if it were trained alone.

    Args:
        p: share that is dropped.
        generators: one per model, shared by all such layers of the stack.
    """

    def __init__(self, p: float, generators: Sequence[torch.Generator]):
        super().__init__()
        self.p, self.generators = p, tuple(generators)

    def forward(self, x: Tensor) -> Tensor:
        """The input, in train mode with a share of it dropped."""
        if not self.training or self.p == 0:
            return x
        out: Tensor = _Drop.apply(x, self)  # type: ignore[no-untyped-call]
        return out

    def drawn(self, x: Tensor) -> Tensor:
        """Noise for all models, (m, ...), as torch's own dropout draws it."""
        noise = torch.empty_like(x, memory_format=torch.contiguous_format)
        for one, generator in zip(noise, self.generators, strict=True):
            one.bernoulli_(1 - self.p, generator=generator)
        return noise.div_(1 - self.p) if self.p < 1 else noise


class _Drop(torch.autograd.Function):
    """``x`` times noise; only its rule for vmap is ever used."""

    @staticmethod
    def forward(x: Tensor, layer: IndependentDropout) -> Tensor:
        raise RuntimeError("IndependentDropout is for stacked models")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Nothing is kept."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, layer: IndependentDropout) -> tuple[Tensor, int]:
        """Products with the noise of each model, models first."""
        many = x.expand(info.batch_size, *x.shape) if in_dims[0] is None else x.movedim(in_dims[0], 0)
        return many * layer.drawn(many), 0
