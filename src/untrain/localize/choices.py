"""What localizers share: how gradients are gathered, how channels are scored, and a mask made of scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from untrain.core.batches import in_order
from untrain.core.cost import Counter
from untrain.core.errors import ModelError, NotFinite
from untrain.core.records import Batch, Problem, batch_of
from untrain.core.spec import Spec
from untrain.core.steps import Count
from untrain.maths import select

Scores = dict[str, Tensor]


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
    """How scores of weights become a choice of channels.

    Args:
        top: how many of a channel's largest scores are averaged: a count, 'cout10' (10 % of the number of
            channels, the paper's code), 'fanin10' (10 % of the channel's weights), 'all', or 'auto' ('all' for
            models with attention, 'cout10' otherwise).
        unit: 'whole' adds channels until the first that does not fit; 'elements' fills the budget exactly.
        flat: one-dimensional tensors (biases, norms) compete 'alone', or 'attach' to the channel before them.
        count: a budget in parameters that takes the place of ``keep``.

    Source: DEL, arXiv 2412.02432, Algorithm 1 ('whole'); its code (generate_mask.py) for 'elements' and 'cout10'.
    """

    top: Count | Literal["auto", "cout10", "fanin10", "all"] = "auto"
    unit: Literal["whole", "elements"] = "whole"
    flat: Literal["alone", "attach"] = "alone"
    count: Count | None = None


def gather(
    model: nn.Module,
    problem: Problem,
    on: Literal["forget", "all"],
    how: Gather,
    weigh: Callable[[Tensor, Tensor], Tensor],
) -> Scores:
    """Score of each parameter: ``| sum over examples of weigh(weight, gradient) |``.

    Weights stand still, so for ``magnitude='sum'`` the gradients are let to add up and weighed once.

    Args:
        model: in eval mode; its gradients are used up.
        problem: the forget set, and the retain set when ``on='all'``.
        on: whose gradients.
        how: grouping and absolute value.
        weigh: (weight, gradient) -> score before the absolute value.

    Raises:
        ModelError: a batch of 128 was asked for and there are fewer examples.
        NotFinite: a gradient is NaN or infinite.
    """
    params = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not params:
        raise ModelError("all parameters are frozen: none can be localized")
    code = how.samples == "code"
    size = 1 if how.magnitude == "example" else 128
    device = next(model.parameters()).device
    scores = {n: torch.zeros_like(p) for n, p in params.items()}
    counter, seen = Counter(), 0

    def flush() -> None:
        for n, p in params.items():
            if p.grad is not None:
                scores[n] += weigh(p.detach(), p.grad).abs()
                p.grad = None

    for examples in (problem.forget,) if on == "forget" else (problem.forget, problem.retain):
        for at in in_order(len(examples), size):
            if code and len(at) < size:
                continue
            batch = batch_of(examples, at, device)

            def work(batch: Batch = batch) -> None:
                loss = problem.task.loss(model, batch)
                (loss.mean() if code else loss.sum()).backward()  # type: ignore[no-untyped-call]

            counter.step(len(at), work)
            seen += len(at)
            if how.magnitude != "sum":
                flush()
    if seen == 0:
        raise ModelError(f"samples='code' drops batches under {size} examples; there are {len(problem.forget)}: use samples='all'")
    flush()
    for n, s in scores.items():
        if not bool(torch.isfinite(s).all()):
            raise NotFinite(f"the gradient of {n!r} is NaN or infinite: no weight can be scored by it")
    return {n: scores[n] if n in scores else torch.full_like(p, -1.0) for n, p in model.named_parameters()}


def by_weight(scores: Scores, keep: float, count: int | None = None) -> Scores:
    """The mask of the best single weights; parameters scored below zero are never chosen."""
    flat = torch.cat([s.flatten() for s in scores.values()])
    room = min(count or select.budget(keep, flat.numel()), int((flat >= 0).sum()))
    masks = select.split(select.elements(flat, room), list(scores.values()))
    return dict(zip(scores, masks, strict=True))


def by_channel(scores: Scores, keep: float, how: Channels, attention: bool) -> Scores:
    """The mask of the best channels."""
    total = sum(s.numel() for s in scores.values())
    room = how.count or select.budget(keep, total)
    groups, sizes, owner, index = _groups(scores, how, attention)
    if how.unit == "elements":
        spread = torch.cat([groups[i] for i in index])
        room = min(room, int((spread >= 0).sum()))
        masks = select.split(select.elements(spread, room), list(scores.values()))
        return dict(zip(scores, masks, strict=True))
    chosen = select.whole(groups, sizes, room) & (groups >= 0)
    if not bool(chosen.any()):
        best = int(sizes[groups.argmax()])
        raise ModelError(
            f"a budget of {room} of {total} weights holds no whole channel, the best has {best}: "
            f"keep at least {best / total:.2g}, or let single weights compete with per='weight'"
        )
    masks = select.split(torch.cat([chosen[i] for i in index]), list(scores.values()))
    return dict(zip(owner, masks, strict=True))


def _groups(scores: Scores, how: Channels, attention: bool) -> tuple[Tensor, Tensor, list[str], list[Tensor]]:
    """Score and size of each group; names; and for each tensor the group of each of its elements, flat."""
    device = next(iter(scores.values())).device
    values: list[Tensor] = []
    index: list[Tensor] = []
    made, last = 0, (0, 0)
    for s in scores.values():
        if s.ndim < 2:
            start, channels = last
            if how.flat == "attach" and s.ndim == 1 and channels == len(s):
                index.append(torch.arange(start, start + channels, device=device))
                continue
            values.append(s.flatten())
            index.append(torch.arange(made, made + s.numel(), device=device))
            made += s.numel()
            continue
        table = select.rows(s)
        values.append(select.top_mean(table, _top(how, table, attention)))
        last = (made, len(table))
        index.append(torch.arange(made, made + len(table), device=device).repeat_interleave(table.shape[1]))
        made += len(table)
    sizes = torch.bincount(torch.cat(index), minlength=made)
    return torch.cat(values), sizes, list(scores), index


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
