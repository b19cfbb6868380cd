"""Changes of weights that leave a layer's outputs on given inputs alone."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.fields import Share
from untrain.core.mask import Mask
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec
from untrain.maths.projection import Count, Directions, Measure, Negative, leading_directions, project_off
from untrain.training.gradients import wide
from untrain.training.weight_rows import has_weight_rows, of_rows, weight_rows

CLIPPED = 1e-6  # share of the trace from which on clipped eigenvalues are worth a note


class Subspace(Spec):
    """Directions of each layer's inputs in which its weights may not move.

    Args:
        share: of the sum of singular values that the protected directions hold (gamma); a layer with 1 is frozen.
        measure: whether 'singular' values are summed, as in the authors' code, or their squares, the 'energy'.
        count: as many directions as hold at most the share ('below'), less than it ('strict'), or one more than 'below'
            ('plus_one').
        negative: eigenvalues below 0, which a difference of covariances has where the forget set's inputs were not among those
            summed: 0 ('clip'), or their absolute values, as in the authors' code ('abs').
        empty: 'refuse' a layer without any protected direction, or leave it 'free'.
        layers: shares of single layers, or of all whose name begins so: pairs such as ``(('fc', 0.9),)``, the last that fits.

    Source: Hoang et al. 2023, arXiv 2312.04095, section 3.2; code hnanhtuan/projected_gradient_unlearning@b3275c3, unlearn.py
        ('below'), unlearn_class.py ('plus_one') and depoisoning.py ('strict').
    """

    share: Annotated[Share, SearchHint(0.5, 0.999, usual=True)] = 0.95
    measure: Measure = "singular"
    count: Count = "below"
    negative: Negative = "clip"
    empty: Literal["refuse", "free"] = "refuse"
    layers: tuple[tuple[str, Share], ...] = ()

    def share_of(self, layer: str) -> float:
        """The share of one layer."""
        fitting = [share for start, share in self.layers if layer == start or layer.startswith(f"{start}.")]
        return fitting[-1] if fitting else self.share


@dataclass(frozen=True, eq=False)
class Confined:
    """A weight, what it was, and the directions of its layer's inputs in which it may not move, group by group."""

    layer: nn.Module
    start: Tensor
    directions: tuple[Directions, ...]

    def project(self, weight: Tensor) -> Tensor:
        """The weight with its change projected off the directions."""
        rows = weight_rows(self.layer, weight.to(self.start.dtype) - self.start)
        moved = torch.stack([project_off(group, of) for group, of in zip(rows, self.directions, strict=True)])
        return self.start + of_rows(self.layer, moved, self.start)


@dataclass(frozen=True, eq=False)
class GradientSubspace:
    """The weights of a model that may move, and in which directions: those of linear layers and convolutions, nothing else.

    The *change* of the weights is projected, not a gradient, so that neither momentum nor weight decay nor an optimizer that
    scales each weight by itself leads out of the subspace; for plain gradient descent the two are the same.
    """

    weights: Mapping[str, Confined]

    def mask(self, model: nn.Module, trainable: Mask | None) -> Mask:
        """The part of ``trainable`` that lies in the weights; a note says where it cuts through the rows of one."""
        bits = {}
        for name, p in model.named_parameters():
            may = name in self.weights
            bits[name] = torch.full_like(p, may, dtype=torch.bool)
            if may and trainable is not None:
                bits[name] = trainable.bits[name].to(p.device)
                rows = weight_rows(self.weights[name].layer, bits[name])
                if bool((rows.any(-1) != rows.all(-1)).any()):
                    add_note(
                        "the mask takes some weights of a row and leaves others: their change is projected and then cut, so that "
                        "it keeps to the subspace only in part; a mask of whole output channels lets it do so exactly"
                    )
        return Mask(bits, "" if trainable is None else trainable.digest)

    @torch.no_grad()
    def confine(self, model: nn.Module, mask: Mask) -> None:
        """Project the change of each weight since the start, in place; what the mask leaves out is what it was."""
        for name, p in model.named_parameters():
            if name in self.weights and bool(mask.bits[name].any()):
                confined = self.weights[name]
                p.copy_(torch.where(mask.bits[name], confined.project(p), confined.start))


def gradient_subspace(model: nn.Module, moments: Mapping[str, Tensor], choice: Subspace) -> GradientSubspace:
    """Choose the directions in which each weight may not move, by the second moments of its layer's inputs.

    Weights that several layers share, weights that are computed, as under weight norm, and those of layers without moments
    are not among what may move; a note names the weights with two or more dimensions that stay.

    Args:
        model: whose weights are where the change begins.
        moments: layer name -> (d, d), or (g, d, d) where it has g groups.
        choice: of the directions.

    Raises:
        ModelError: a layer would have no protected direction, and ``choice.empty`` refuses that; or nothing could move.
    """
    owners = Tally(id(p) for layer in model.modules() for p in layer._parameters.values() if p is not None)
    names = {id(p): name for name, p in model.named_parameters()}
    weights: dict[str, Confined] = {}
    clipped: dict[str, float] = {}
    for name, layer in model.named_modules():
        weight = layer._parameters.get("weight")
        share = choice.share_of(name)
        if name not in moments or not has_weight_rows(layer) or weight is None or owners[id(weight)] > 1 or share == 1:
            continue
        groups = moments[name].reshape(-1, *moments[name].shape[-2:])
        directions = [leading_directions(each, share, choice.measure, choice.count, choice.negative) for each in groups]
        if choice.empty == "refuse" and any(
            not found.rank and bool(each.any()) for found, each in zip(directions, groups, strict=True)
        ):
            raise ModelError(
                f"nothing of the layer {name!r} would be protected, as one direction of its inputs holds more than "
                f"{share:g} of the sum: raise share, or take empty='free'"
            )
        clipped[name] = max(found.clipped for found in directions)
        if any(found.rank < len(found.vectors) for found in directions):
            dtype = wide(weight)
            kept = tuple(found._replace(vectors=found.vectors.to(dtype)) for found in directions)
            weights[names[id(weight)]] = Confined(layer, weight.detach().to(dtype, copy=True), kept)
    if not weights:
        raise ModelError("no weight could move: inputs fill the whole space of each layer, or no layer is known: lower share")
    worst = max(clipped, key=clipped.__getitem__)
    if choice.negative == "clip" and clipped[worst] > CLIPPED:
        add_note(
            f"eigenvalues below zero add up to {clipped[worst]:.2g} of the trace at the layer {worst!r} and are taken as 0: the "
            "covariance was saved of other inputs, such as augmented ones, or of other weights"
        )
    still = [name for name, p in model.named_parameters() if p.ndim > 1 and p.requires_grad and name not in weights]
    if still:
        add_note(
            f"{len(still)} weights stay as they are, as layers share them, or their inputs are not known or fill the space: "
            f"{', '.join(still[:3])}{' and others' if len(still) > 3 else ''}"
        )
    return GradientSubspace(weights)
