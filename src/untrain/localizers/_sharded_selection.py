"""A mask of scores that are sharded over processes: no score leaves the process that holds it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from untrain.core.errors import BadInput, ModelError
from untrain.core.sharding import here, placed, start
from untrain.localizers._budget import least, room_of, tell_unspent
from untrain.maths import selection
from untrain.maths.histogram_selection import cut
from untrain.training.process_group import ProcessGroup, team

Scores = dict[str, Tensor]


def by_weight(scores: Scores, keep: float, count: int | None) -> Scores:
    """The mask of the best single weights of all processes.

    Raises:
        ModelError: the budget is less than one weight, or more than there are.
    """
    crew, at, made = _crew(), [], 0
    for s in scores.values():
        each = math.prod(s.shape[1:])
        at.append(torch.arange(here(s).numel(), device=here(s).device) + made + start(s) * each)
        made += s.numel()
    flat = torch.cat([here(s).flatten() for s in scores.values()])
    free = int(crew.total(float((flat >= 0).sum()))[0])
    room = room_of(made, free, keep, count)
    if room < 1:
        raise ModelError(f"keep={keep:g} of {made} weights is less than one: {least(1, made)}")
    chosen = cut(flat, torch.ones_like(flat, dtype=torch.long), torch.cat(at), min(room, free), made, _sum(crew))
    masks = selection.split(chosen, [here(s) for s in scores.values()])
    return {n: placed(bits, s) for (n, s), bits in zip(scores.items(), masks, strict=True)}


def by_channel(scores: Scores, keep: float, count: int | None, top: Callable[[Tensor], int]) -> Scores:
    """The mask of the best whole channels of all processes; a channel lies whole on one of them.

    Args:
        scores: sharded by rows.
        keep: share of the parameters.
        count: a number of parameters in its place.
        top: table (channels, weights of a channel) -> how many of a channel's largest scores are averaged; only its shape counts.

    Raises:
        ModelError: the budget holds no whole channel, or is more than there is.
    """
    crew, total = _crew(), sum(s.numel() for s in scores.values())
    free = sum(float((here(s) >= 0).sum()) for s in scores.values())
    room = room_of(total, int(crew.total(free)[0]), keep, count)
    values, sizes, at, made = [], [], [], 0
    for s in scores.values():
        whole = torch.empty(s.shape, device="meta")  # the shape that a single process would see
        whole = selection.rows(whole) if s.ndim > 1 else whole.reshape(-1, 1)
        channels, weights = whole.shape
        table = here(s).reshape(-1, weights)
        values.append(selection.top_mean(table, top(whole)) if s.ndim > 1 else table[:, 0])
        sizes.append(torch.full((len(table),), weights, device=table.device))
        # The first dimension is what is sharded; where it is 1, one process holds all channels.
        at.append(torch.arange(len(table), device=table.device) + made + (start(s) if channels == s.shape[0] else 0))
        made += channels
    flat = torch.cat(values)
    held = torch.cat(sizes)
    chosen = cut(flat, held, torch.cat(at), room, made, _sum(crew)) & (flat >= 0)
    kept = int(crew.total(float(held[chosen].sum()))[0])
    if not kept:
        largest = int(crew.most(float(held.max()) if len(flat) else 0.0)[0])
        raise ModelError(
            f"a budget of {room} of {total} weights holds no whole channel, the largest has {largest}: "
            f"{least(largest, total, count)}, or let single weights compete with per='weight'"
        )
    tell_unspent(kept, min(room, int(crew.total(free)[0])), total, "channel", 0)
    masks = {}
    for (n, s), mine, each in zip(scores.items(), torch.split(chosen, [len(v) for v in values]), sizes, strict=True):
        masks[n] = placed(mine.repeat_interleave(each).reshape(here(s).shape), s)
    return masks


def _crew() -> ProcessGroup:
    crew = team()
    if crew is None:
        raise BadInput("scores are sharded over processes: localize within untrain.distributed()")
    return crew


def _sum(crew: ProcessGroup) -> Callable[[Tensor], Tensor]:
    def reduce(bins: Tensor) -> Tensor:
        told = bins.to(crew.device)
        crew.sum([told])
        return told.to(bins.device)

    return reduce
