"""The layers next to the output."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.fields import Count, Keep
from untrain.core.mask import Head
from untrain.localizers._forward_order import in_forward_order, score_by_place
from untrain.localizers._mask_units import Channels, Per, choose
from untrain.localizers.base import Localizer
from untrain.training.problem import Problem


class Deepest(Localizer):
    """Keep tensors from the output backwards until the budget is spent; the forget set plays no part.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = Deepest(keep=0.3)(model, problem).bits.values()
    >>> round(sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits), 2)
    0.3

    Args:
        keep: share of the parameters in the mask.
        per: whether the last tensor is cut to the budget by single 'weight's, the first in its memory, by 'channel's, or
            left out whole ('tensor').
        channels: how channels are chosen; all scores within a tensor are equal.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.
        layers: a number of layers instead of ``keep``: whole ones that hold a weight of two or more dimensions,
            with the biases and norms that come after the first of them.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432, section 4, after Baldock et al. 2021: hard examples are memorized
        in the last layers. By layers: Goel et al. 2022, arXiv 2201.06640, section 4.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget"})

    keep: Keep = 0.3
    per: Per = "weight"
    channels: Channels = Channels()
    head: Head = "full"
    layers: Count | None = None

    def ignores_forget_set(self) -> bool:
        """True always."""
        return True

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask.

        Raises:
            ModelError: there are fewer layers.
        """
        order = in_forward_order(model, problem)
        if self.layers is not None:
            chosen = last_layers(model, order, self.layers)
            return {n: torch.full_like(p, n in chosen, dtype=torch.bool) for n, p in model.named_parameters()}
        return choose(score_by_place(model, order), self.per, self.keep, self.channels, model)


def last_layers(model: nn.Module, order: list[str], count: int) -> set[str]:
    """Return the names of the last layers' parameters that are not frozen, and of those between them and the output.

    Args:
        model: the model.
        order: names of its parameters from the input to the output.
        count: number of layers with a weight of two or more dimensions.

    Raises:
        ModelError: there are fewer.
    """
    params, layers, names = dict(model.named_parameters()), list[str](), set[str]()
    for name in reversed(order):
        owner = name.rpartition(".")[0]
        if len(layers) == count and owner != layers[-1]:
            break
        if not params[name].requires_grad:
            continue
        names.add(name)
        if params[name].ndim > 1 and owner not in layers:
            layers.append(owner)
    if len(layers) < count:
        advice = f"take layers={len(layers)} or fewer" if layers else "take keep instead of layers"
        raise ModelError(
            f"layers={count} cannot be met: the model has {len(layers)} layers with weights that are not frozen; {advice}"
        )
    return names
