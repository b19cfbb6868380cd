"""What localizers share: how channels and tensors are scored, and a mask made of scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError
from untrain.core.fields import Count
from untrain.core.sharding import here, is_sharded, placed
from untrain.core.spec import Spec
from untrain.localizers import _sharded_selection
from untrain.localizers._budget import least, room_of, tell_unspent
from untrain.maths import selection

Scores = dict[str, Tensor]
Per = Literal["channel", "weight", "tensor"]


class Gather(Spec):
    """How gradients are summed over examples before a score is taken.

    Args:
        samples: 'all' sums over every example; 'code' takes means of full batches of 128 and drops the rest.
        magnitude: absolute value once after the 'sum', or earlier, per 'batch' or per 'example', for ablation.

    Source: DEL, arXiv 2412.02432, Algorithm 1 and its code (generate_mask.py).
    """

    samples: Literal["all", "code"] = "all"
    magnitude: Literal["sum", "batch", "example"] = "sum"


class Channels(Spec):
    """How scores of weights become a choice of channels, or of tensors.

    Args:
        top: how many of a channel's largest scores are averaged: a count, 'cout10' (10 % of the number of
            channels, the paper's code), 'fanin10' (10 % of the channel's weights), 'all', or 'auto' ('all' for
            models with attention, 'cout10' otherwise); of a tensor's all are, unless a count is given.
        unit: 'whole' adds channels until the first that does not fit; 'elements' fills the budget exactly.
        flat: one-dimensional tensors (biases, norms) compete 'alone', or 'attach' to the channel before them.
        count: a budget in parameters that takes the place of ``keep``.

    Source: DEL, arXiv 2412.02432, Algorithm 1 ('whole'); its code (generate_mask.py) for 'elements' and 'cout10'.
    """

    top: Count | Literal["auto", "cout10", "fanin10", "all"] = "auto"
    unit: Literal["whole", "elements"] = "whole"
    flat: Literal["alone", "attach"] = "alone"
    count: Count | None = None


def scored(model: nn.Module, score: Callable[[str, Tensor], Tensor]) -> Scores:
    """Score of each parameter by name; what asks for no gradient scores below zero and is never chosen.

    Args:
        model: sharded or not.
        score: (name, what this process holds of the weight) -> scores of its shape, none below zero.
    """
    found = {}
    for n, p in model.named_parameters():
        each = score(n, here(p.detach())) if p.requires_grad else torch.full_like(here(p.detach()), -1.0)
        found[n] = placed(each, p) if is_sharded(p) else each
    return found


def choose(scores: Scores, per: Per, keep: float, how: Channels, model: nn.Module) -> Scores:
    """The mask of the best weights, channels or tensors within a budget.

    Raises:
        ModelError: the budget cannot be met: it holds nothing whole, less than one weight, or more than there are.
    """
    if per == "weight":
        return by_weight(scores, keep, how.count)
    return by_channel(scores, keep, how, has_attention(model), per == "tensor")


def _room(scores: Scores, keep: float, count: int | None) -> int:
    return room_of(sum(s.numel() for s in scores.values()), sum(int((s >= 0).sum()) for s in scores.values()), keep, count)


def by_weight(scores: Scores, keep: float, count: int | None = None) -> Scores:
    """The mask of the best single weights; parameters scored below zero are never chosen.

    Raises:
        ModelError: the budget is less than one weight, or more than there are.
    """
    if any(map(is_sharded, scores.values())):
        return _sharded_selection.by_weight(scores, keep, count)
    room = _room(scores, keep, count)
    if room < 1:
        total = sum(s.numel() for s in scores.values())
        raise ModelError(f"keep={keep:g} of {total} weights is less than one: {least(1, total)}")
    flat = torch.cat([s.flatten() for s in scores.values()])
    masks = selection.split(selection.elements(flat, min(room, int((flat >= 0).sum()))), list(scores.values()))
    return dict(zip(scores, masks, strict=True))


def by_channel(scores: Scores, keep: float, how: Channels, attention: bool, tensors: bool = False) -> Scores:
    """The mask of the best channels, or of the best tensors; channels are ranked, never their elements.

    Raises:
        BadInput: the model is sharded and more than whole channels is asked for.
        ModelError: the budget holds no whole channel and whole ones are asked for, or it cannot be met otherwise.
    """
    if any(map(is_sharded, scores.values())):
        if how.unit != "whole" or how.flat != "alone" or tensors:
            raise BadInput(
                "a sharded model is localized per='channel' by unit='whole' and flat='alone', or per='weight': take one of these"
            )
        return _sharded_selection.by_channel(scores, keep, how.count, lambda table: _top(how, table, attention))
    total, room = sum(s.numel() for s in scores.values()), _room(scores, keep, how.count)
    values, at = _groups(scores, how, attention, tensors)
    sizes = torch.zeros(len(values), dtype=torch.long, device=values.device)
    for s, (start, channels) in zip(scores.values(), at, strict=True):
        sizes[start : start + channels] += s.numel() // max(channels, 1)
    chosen = selection.whole(values, sizes, room) & (values >= 0)
    if (how.unit == "whole" or room < 1) and not bool(chosen.any()):
        best, what = int(sizes[values.argmax()]), "tensor" if tensors else "channel"
        raise ModelError(
            f"a budget of {room} of {total} weights holds no whole {what}, the best has {best}: "
            f"{least(best, total, how.count)}, or let single weights compete with per='weight'"
        )
    masks = {
        n: chosen[start : start + channels].repeat_interleave(s.numel() // max(channels, 1)).reshape(s.shape)
        for (n, s), (start, channels) in zip(scores.items(), at, strict=True)
    }
    if how.unit == "elements":
        masks = _filled(masks, values, sizes, chosen, at, room)
    masks = {n: bits & (scores[n] >= 0) for n, bits in masks.items()}
    if how.unit == "whole":
        left = torch.where(chosen, -1.0, values)
        following = int(sizes[left.argmax()]) if bool((left >= 0).any()) else None
        tell_unspent(sum(int(bits.sum()) for bits in masks.values()), room, total, "tensor" if tensors else "channel", following)
    return masks


def _filled(masks: Scores, values: Tensor, sizes: Tensor, chosen: Tensor, at: list[tuple[int, int]], room: int) -> Scores:
    """The mask with the first weights of the best channel that did not fit, so that the budget is met exactly."""
    rest = room - int(sizes[chosen].sum())
    left = torch.where(chosen, -1.0, values)
    best = int(left.argmax())
    if rest == 0 or float(left[best]) < 0:
        return masks
    for bits, (start, channels) in zip(masks.values(), at, strict=True):
        if start <= best < start + channels:
            row = bits.view(channels, -1)[best - start]
            row[: max(rest, 0)] = True
            rest -= len(row)
    return masks


def _groups(scores: Scores, how: Channels, attention: bool, tensors: bool) -> tuple[Tensor, list[tuple[int, int]]]:
    """Score of each group; and for each tensor its first group and their number."""
    values: list[Tensor] = []
    at: list[tuple[int, int]] = []
    made, last, wide = 0, (0, 0), 0
    for s in scores.values():
        if how.flat == "attach" and s.ndim == 1 and wide == len(s):
            at.append(last)
            continue
        table = s.reshape(1, -1) if tensors else s.reshape(-1, 1) if s.ndim < 2 else selection.rows(s)
        h = _top(how, table, attention) if not tensors else how.top if isinstance(how.top, int) else table.shape[1]
        # A tensor of no elements has no mean, and is never chosen.
        values.append(selection.top_mean(table, h) if s.numel() else torch.full_like(table.sum(1), -1.0))
        at.append((made, len(table)))
        made += len(table)
        if s.ndim > 1:
            last, wide = at[-1], len(selection.rows(s))
    return torch.cat(values), at


def _top(how: Channels, table: Tensor, attention: bool) -> int:
    channels, weights = table.shape
    match how.top:
        case int():
            return how.top
        case "fanin10":
            return int(0.1 * weights)
        case "cout10":
            return int(0.1 * channels)
        case "auto" if not attention:
            return int(0.1 * channels)
        case _:
            return weights


def has_attention(model: nn.Module) -> bool:
    """Whether a model has attention layers, by the names of its classes."""
    return any("attention" in type(part).__name__.lower() for part in model.modules())
