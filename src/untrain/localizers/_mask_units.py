"""Scores of weights, channels and tensors, and the masks that localizers choose by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError
from untrain.core.fields import Count
from untrain.core.sharding import as_shard, is_sharded, local_part
from untrain.core.spec import Spec
from untrain.localizers import _sharded_selection
from untrain.localizers._budget import check_budget, note_unspent, smallest_budget
from untrain.maths import selection
from untrain.training.sharded_model import check_sharding

Scores = dict[str, Tensor]
Per = Literal["channel", "weight", "tensor"]


class Gather(Spec):
    """Summation of gradients over examples before a score is taken.

    Args:
        samples: 'all' sums over every example; 'code' takes means of full batches of 128 and drops the rest.
        magnitude: absolute value once after the 'sum', or earlier, per 'batch' or per 'example', for ablation.

    Source: DEL, arXiv 2412.02432, Algorithm 1 and its code (generate_mask.py).
    """

    samples: Literal["all", "code"] = "all"
    magnitude: Literal["sum", "batch", "example"] = "sum"


class Channels(Spec):
    """Choice of channels, or of tensors, by the scores of weights.

    Args:
        top: how many of a channel's largest scores are averaged: a count, 'cout10' (10 % of the number of
            channels, the paper's code), 'fanin10' (10 % of the channel's weights), 'all', or 'auto' ('all' for
            models with attention, 'cout10' otherwise); of a tensor's all are, unless a count is given.
        unit: 'whole' adds channels until the first that does not fit; 'elements' fills the budget exactly.
        flat: one-dimensional tensors (biases, norms) compete 'alone', or 'attach' to the channel before them.
        count: a budget in parameters instead of ``keep``.

    Source: DEL, arXiv 2412.02432, Algorithm 1 ('whole'); its code (generate_mask.py) for 'elements' and 'cout10'.
    """

    top: Count | Literal["auto", "cout10", "fanin10", "all"] = "auto"
    unit: Literal["whole", "elements"] = "whole"
    flat: Literal["alone", "attach"] = "alone"
    count: Count | None = None


def scored(model: nn.Module, score: Callable[[str, Tensor], Tensor]) -> Scores:
    """Score each parameter by name; one that asks for no gradient scores below zero and is never chosen.

    Args:
        model: sharded or not.
        score: (name, the part of the weight on this process) -> scores of its shape, none below zero.
    """
    scores = {}
    for n, p in model.named_parameters():
        each = score(n, local_part(p.detach())) if p.requires_grad else torch.full_like(local_part(p.detach()), -1.0)
        scores[n] = as_shard(each, p) if is_sharded(p) else each
    return scores


def choose(scores: Scores, per: Per, keep: float, how: Channels, model: nn.Module) -> Scores:
    """Choose the best weights, channels or tensors within a budget.

    Raises:
        ModelError: the budget cannot be met: it is too small for a whole one or for one weight, or larger than the model.
    """
    if per == "weight":
        return by_weight(scores, keep, how.count)
    return by_channel(scores, keep, how, has_attention(model), per == "tensor")


def _room(scores: Scores, keep: float, count: int | None) -> int:
    return check_budget(sum(s.numel() for s in scores.values()), sum(int((s >= 0).sum()) for s in scores.values()), keep, count)


def by_weight(scores: Scores, keep: float, count: int | None = None) -> Scores:
    """Choose the best single weights; parameters scored below zero are never chosen.

    >>> scores = {"weight": torch.tensor([[3.0, 1.0], [2.0, 4.0]]), "bias": torch.tensor([0.5, -1.0])}
    >>> by_weight(scores, keep=0.5)
    {'weight': tensor([[ True, False],
            [ True,  True]]), 'bias': tensor([False, False])}

    Raises:
        ModelError: the budget is less than one weight, or larger than the model.
    """
    if check_sharding(scores):
        return _sharded_selection.by_weight(scores, keep, count)
    room = _room(scores, keep, count)
    if room < 1:
        total = sum(s.numel() for s in scores.values())
        raise ModelError(f"keep={keep:g} of {total} weights is less than one: {smallest_budget(1, total)}")
    flat = torch.cat([s.flatten() for s in scores.values()])
    masks = selection.split(selection.elements(flat, min(room, int((flat >= 0).sum()))), list(scores.values()))
    return dict(zip(scores, masks, strict=True))


def by_channel(scores: Scores, keep: float, how: Channels, attention: bool, tensors: bool = False) -> Scores:
    """Choose the best channels, or the best tensors; channels are ranked, never their elements.

    Raises:
        BadInput: the model is sharded and the settings need more than whole channels.
        ModelError: the budget is too small for a whole channel where whole ones are chosen, or it cannot be met otherwise.
    """
    if check_sharding(scores):
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
            f"{smallest_budget(best, total, how.count)}, or let single weights compete with per='weight'"
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
        note_unspent(sum(int(bits.sum()) for bits in masks.values()), room, total, "tensor" if tensors else "channel", following)
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
    groups, last, wide = 0, (0, 0), 0
    for s in scores.values():
        if how.flat == "attach" and s.ndim == 1 and wide == len(s):
            at.append(last)
            continue
        table = s.reshape(1, -1) if tensors else s.reshape(-1, 1) if s.ndim < 2 else selection.rows(s)
        h = _top(how, table, attention) if not tensors else how.top if isinstance(how.top, int) else table.shape[1]
        # A tensor without elements has no mean, and is never chosen.
        values.append(selection.top_mean(table, h) if s.numel() else torch.full_like(table.sum(1), -1.0))
        at.append((groups, len(table)))
        groups += len(table)
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
    """Return whether a model has attention layers, by the names of its classes.

    >>> has_attention(nn.MultiheadAttention(4, 2)), has_attention(nn.Linear(4, 2))
    (True, False)
    """
    return any("attention" in type(part).__name__.lower() for part in model.modules())
