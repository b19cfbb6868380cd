"""A mask from scores that are sharded over processes: no score leaves its process."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from untrain.core.errors import ModelError
from untrain.core.sharding import as_shard, first_row, local_part
from untrain.localizers._budget import check_budget, note_unspent, smallest_budget
from untrain.maths import selection
from untrain.maths.histogram_selection import cut
from untrain.training.process_group import process_group

Scores = dict[str, Tensor]


def by_weight(scores: Scores, keep: float, count: int | None) -> Scores:
    """Choose the best single weights of all processes.

    Raises:
        ModelError: the budget is less than one weight, or more than there are.
    """
    group, at, total = process_group(), [], 0
    for s in scores.values():
        each = math.prod(s.shape[1:])
        at.append(torch.arange(local_part(s).numel(), device=local_part(s).device) + total + first_row(s) * each)
        total += s.numel()
    flat = torch.cat([local_part(s).flatten() for s in scores.values()])
    trainable = int(group.total(float((flat >= 0).sum()))[0])
    room = check_budget(total, trainable, keep, count)
    if room < 1:
        raise ModelError(f"keep={keep:g} of {total} weights is less than one: {smallest_budget(1, total)}")
    chosen = cut(flat, torch.ones_like(flat, dtype=torch.long), torch.cat(at), min(room, trainable), total, _sum)
    masks = selection.split(chosen, [local_part(s) for s in scores.values()])
    return {n: as_shard(bits, s) for (n, s), bits in zip(scores.items(), masks, strict=True)}


def by_channel(scores: Scores, keep: float, count: int | None, top: Callable[[Tensor], int]) -> Scores:
    """Choose the best whole channels of all processes; a channel lies whole on one of them.

    Args:
        scores: sharded by rows.
        keep: share of the parameters.
        count: a number of parameters instead of ``keep``.
        top: table (channels, weights of a channel) -> number of a channel's largest scores to average; only its shape counts.

    Raises:
        ModelError: the budget holds no whole channel, or is more than there is.
    """
    group, total = process_group(), sum(s.numel() for s in scores.values())
    trainable = int(group.total(sum(float((local_part(s) >= 0).sum()) for s in scores.values()))[0])
    room = check_budget(total, trainable, keep, count)
    values, sizes, at, groups = [], [], [], 0
    for s in scores.values():
        whole = torch.empty(s.shape, device="meta")  # the shape that a single process would see
        whole = selection.rows(whole) if s.ndim > 1 else whole.reshape(-1, 1)
        channels, weights = whole.shape
        table = local_part(s).reshape(-1, weights)
        values.append(selection.top_mean(table, top(whole)) if s.ndim > 1 else table[:, 0])
        sizes.append(torch.full((len(table),), weights, device=table.device))
        # The first dimension is what is sharded; where it is 1, one process holds all channels.
        at.append(torch.arange(len(table), device=table.device) + groups + (first_row(s) if channels == s.shape[0] else 0))
        groups += channels
    flat = torch.cat(values)
    all_sizes = torch.cat(sizes)
    chosen = cut(flat, all_sizes, torch.cat(at), room, groups, _sum) & (flat >= 0)
    kept = int(group.total(float(all_sizes[chosen].sum()))[0])
    if not kept:
        largest = int(group.most(float(all_sizes.max()) if len(flat) else 0.0)[0])
        raise ModelError(
            f"a budget of {room} of {total} weights holds no whole channel, the largest has {largest}: "
            f"{smallest_budget(largest, total, count)}, or let single weights compete with per='weight'"
        )
    note_unspent(kept, min(room, trainable), total, "channel", 0)
    masks = {}
    for (n, s), mine, each in zip(scores.items(), torch.split(chosen, [len(v) for v in values]), sizes, strict=True):
        masks[n] = as_shard(mine.repeat_interleave(each).reshape(local_part(s).shape), s)
    return masks


def _sum(bins: Tensor) -> Tensor:
    group = process_group()
    sums = bins.to(group.device)
    group.sum([sums])
    return sums.to(bins.device)
