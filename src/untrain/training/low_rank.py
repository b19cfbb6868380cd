"""Low-rank changes of layers: beside a layer while it is trained, and added to its weight afterwards."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.training.gradients import movable

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class LowRankLayer(nn.Module):
    """A linear layer or a convolution that stays, and ``scale * up @ down`` beside its weight, of rank r, which begins at 0.

    >>> layer = LowRankLayer(nn.Linear(3, 2), 1, 2.0, None, torch.Generator().manual_seed(0))
    >>> x = torch.ones(1, 3)
    >>> bool((layer(x) == layer.base(x)).all())
    True

    Args:
        base: the layer, with a weight of two or more dimensions, of which all but the first count as one.
        rank: of the change.
        scale: of the change.
        bits: the entries of the weight that may change, bool; None lets all.
        draws: of ``down``; uniform as the weights of a new layer.
    """

    def __init__(self, base: Any, rank: int, scale: float, bits: Tensor | None, draws: torch.Generator):
        super().__init__()
        self.base, self.scale, self.bits = base, scale, bits
        out, width, device = len(base.weight), base.weight[0].numel(), base.weight.device
        rank = min(rank, out, width)
        self.down = nn.Parameter(torch.empty(rank, width).uniform_(-(width**-0.5), width**-0.5, generator=draws).to(device))
        self.up = nn.Parameter(torch.zeros(out, rank, device=device))

    def forward(self, x: Tensor) -> Tensor:
        """The layer's outputs and those of the change."""
        if isinstance(self.base, nn.Linear) and self.bits is None:  # without the whole change, which is as large as the weight
            y: Tensor = self.base(x)
            return y + self.scale * F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))
        changed: Tensor = torch.func.functional_call(self.base, {"weight": self.weight}, (x,))
        return changed

    def change(self) -> Tensor:
        """The change added to the weight."""
        full = (self.scale * self.up @ self.down).view_as(self.base.weight)
        return full if self.bits is None else torch.where(self.bits, full, 0.0)

    @property
    def weight(self) -> Tensor:
        """The weight with its change, for who asks for it by name."""
        changed: Tensor = self.base.weight + self.change().to(self.base.weight.dtype)
        return changed

    @property
    def bias(self) -> Tensor | None:
        """That of the layer."""
        bias: Tensor | None = self.base.bias
        return bias

    def merged(self) -> Any:
        """The layer, its weight changed where it may; what may not keeps its bits."""
        weight = self.base.weight
        with torch.no_grad():
            new = (weight.float() + self.change().float()).to(weight.dtype)
            may = self.change() != 0 if self.bits is None else self.bits
            weight.copy_(torch.where(may, new, weight))
        return self.base


def add_low_rank(model: nn.Module, trainable: Mask | None, rank: int, scale: float, seed: int) -> Mask:
    """Put low-rank changes beside linear layers and convolutions that may move, in place; the mask that lets these alone move.

    Args:
        model: with such layers, whose weights nobody shares.
        trainable: weights that may move; None lets all that ask for gradients.
        rank: of the changes, which is at most the smaller side of a layer.
        scale: of the changes.
        seed: of their initial values.

    Raises:
        ModelError: there is no such layer, or nothing may move.
    """
    movable(model, trainable)
    uses = dict[int, int]()
    for _, p in model.named_parameters(remove_duplicate=False):
        uses[id(p)] = uses.get(id(p), 0) + 1
    draws, found = torch.Generator().manual_seed(seed), 0
    for name, layer in list(model.named_modules()):
        kind = isinstance(layer, LAYERS) or type(layer).__name__ == "Conv1D"  # which is transformers' linear layer of GPT-2
        if not kind or "weight" not in layer._parameters or not name:  # of some it is computed
            continue
        if uses[id(layer.weight)] > 1 or not layer.weight.requires_grad:
            continue
        bits = None if trainable is None else trainable.bits[f"{name}.weight"].to(layer.weight.device)
        if bits is not None and not bool(bits.any()):
            continue
        whole = bits is None or bool(bits.all())
        beside = LowRankLayer(layer, rank, scale, None if whole else bits, draws)
        _put(model, name, beside.train(layer.training))
        found += 1
    if not found:
        raise ModelError(
            "no linear layer or convolution with a weight of its own may move, so that none takes a change of low "
            "rank: take the unlearner itself"
        )
    own = {f"{name}.{part}" for name, layer in model.named_modules() if isinstance(layer, LowRankLayer) for part in ("up", "down")}
    return Mask({name: torch.full(p.shape, name in own, device=p.device) for name, p in model.named_parameters()}, "")


def merge_low_rank(model: nn.Module) -> nn.Module:
    """Add low-rank changes to the weights beside which they are, in place."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LowRankLayer):
            _put(model, name, layer.merged())
    return model


def low_rank_moved(model: nn.Module) -> bool:
    """Return whether a change beside a layer is no longer 0."""
    return any(bool((layer.up != 0).any()) for layer in model.modules() if isinstance(layer, LowRankLayer))


def _put(model: nn.Module, name: str, part: nn.Module) -> None:
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, part)
