"""Low-rank changes of linear layers: beside a layer while it is trained, and added to its weight afterwards."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.training.gradients import movable


class LowRankLinear(nn.Module):
    """A linear layer that stays, and ``scale * up @ down`` beside its weight, of rank r, which begins at 0.

    >>> layer = LowRankLinear(nn.Linear(3, 2), 1, 2.0, None, torch.Generator().manual_seed(0))
    >>> x = torch.ones(1, 3)
    >>> bool((layer(x) == layer.base(x)).all())
    True

    Args:
        base: the layer.
        rank: of the change.
        scale: of the change.
        bits: the entries of the weight that may change, bool (out, in); None lets all.
        draws: of ``down``; uniform as the weights of a new layer.
    """

    def __init__(self, base: nn.Linear, rank: int, scale: float, bits: Tensor | None, draws: torch.Generator):
        super().__init__()
        self.base, self.scale = base, scale
        bound = base.in_features**-0.5
        down = torch.empty(rank, base.in_features).uniform_(-bound, bound, generator=draws)
        device = base.weight.device
        self.down = nn.Parameter(down.to(device))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, device=device))
        self.bits = bits

    def forward(self, x: Tensor) -> Tensor:
        """The layer's outputs and those of the change."""
        y: Tensor = self.base(x)
        if self.bits is not None:
            return y + F.linear(x, self.change().to(x.dtype))
        return y + self.scale * F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))

    def change(self) -> Tensor:
        """What is added to the weight, (out, in)."""
        full = self.scale * self.up @ self.down
        return full if self.bits is None else torch.where(self.bits, full, 0.0)

    @property
    def weight(self) -> Tensor:
        """The weight with its change, for who asks for it by name."""
        return self.base.weight + self.change().to(self.base.weight.dtype)

    @property
    def bias(self) -> Tensor | None:
        """That of the layer."""
        return self.base.bias

    def merged(self) -> nn.Linear:
        """The layer, its weight changed where it may; what may not keeps its bits."""
        weight = self.base.weight
        with torch.no_grad():
            new = (weight.float() + self.change().float()).to(weight.dtype)
            may = self.change() != 0 if self.bits is None else self.bits
            weight.copy_(torch.where(may, new, weight))
        return self.base


def add_low_rank(model: nn.Module, trainable: Mask | None, rank: int, scale: float, seed: int) -> Mask:
    """Put low-rank changes beside the linear layers of a model that may move, in place; the mask that lets these alone move.

    Args:
        model: with linear layers, whose weights nobody shares.
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
        if not isinstance(layer, nn.Linear) or "weight" not in layer._parameters or not name:  # of some it is computed
            continue
        if uses[id(layer.weight)] > 1 or not layer.weight.requires_grad:
            continue
        bits = None if trainable is None else trainable.bits[f"{name}.weight"].to(layer.weight.device)
        if bits is not None and not bool(bits.any()):
            continue
        whole = bits is None or bool(bits.all())
        beside = LowRankLinear(layer, min(rank, *layer.weight.shape), scale, None if whole else bits, draws)
        _put(model, name, beside.train(layer.training))
        found += 1
    if not found:
        raise ModelError(
            "no linear layer with a weight of its own may move, beside which a low-rank change could be trained: take the unlearner itself"
        )
    own = {f"{name}.{part}" for name, layer in model.named_modules() if isinstance(layer, LowRankLinear) for part in ("up", "down")}
    return Mask({name: torch.full(p.shape, name in own, device=p.device) for name, p in model.named_parameters()}, "")


def merge_low_rank(model: nn.Module) -> nn.Module:
    """Add low-rank changes to the weights beside which they are, in place."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LowRankLinear):
            _put(model, name, layer.merged())
    return model


def low_rank_moved(model: nn.Module) -> bool:
    """Whether a change beside a layer is no longer 0."""
    return any(bool((layer.up != 0).any()) for layer in model.modules() if isinstance(layer, LowRankLinear))


def _put(model: nn.Module, name: str, part: nn.Module) -> None:
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, part)
