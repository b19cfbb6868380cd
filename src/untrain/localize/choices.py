"""What localizers share: how gradients are gathered, how channels are scored, and a mask made of scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from untrain.core.batches import in_order
from untrain.core.cost import Counter
from untrain.core.errors import ModelError, NotFinite
from untrain.core.flops import kind_of
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
    scores: Scores = {}
    counter, seen = Counter(kind_of(model, "localize", repr(problem.task), code, tuple(problem.forget.x.shape[1:]))), 0

    def flush() -> None:
        for n, p in params.items():
            if p.grad is not None:
                found = weigh(p.detach(), p.grad).abs_()
                scores[n] = scores[n].add_(found) if n in scores else found
                p.grad = None

    def work(batch: Batch) -> None:
        loss = problem.task.loss(model, batch)
        (loss.mean() if code else loss.sum()).backward()  # type: ignore[no-untyped-call]

    for examples in (problem.forget,) if on == "forget" else (problem.forget, problem.retain):
        for at in in_order(len(examples), size):
            if code and len(at) < size:
                continue
            batch = batch_of(examples, at, device)
            counter.step(len(at), lambda batch=batch: work(batch))  # type: ignore[misc]
            seen += len(at)
            if how.magnitude != "sum":
                flush()
    if seen == 0:
        raise ModelError(f"samples='code' drops batches under {size} examples; there are {len(problem.forget)}: use samples='all'")
    flush()
    for n, s in scores.items():
        if not bool(torch.isfinite(s).all()):
            raise NotFinite(f"the gradient of {n!r} is NaN or infinite: no weight can be scored by it")
    # What got no gradient scores 0, what asks for none is never chosen.
    return {
        n: scores[n] if n in scores else torch.full_like(p, 0.0 if p.requires_grad else -1.0) for n, p in model.named_parameters()
    }


def by_weight(scores: Scores, keep: float, count: int | None = None) -> Scores:
    """The mask of the best single weights; parameters scored below zero are never chosen."""
    flat = torch.cat([s.flatten() for s in scores.values()])
    room = min(count or select.budget(keep, flat.numel()), int((flat >= 0).sum()))
    masks = select.split(select.elements(flat, room), list(scores.values()))
    return dict(zip(scores, masks, strict=True))


def by_channel(scores: Scores, keep: float, how: Channels, attention: bool) -> Scores:
    """The mask of the best channels; channels are ranked, never their elements.

    Raises:
        ModelError: the budget holds no whole channel and whole ones are asked for.
    """
    total = sum(s.numel() for s in scores.values())
    room = how.count or select.budget(keep, total)
    values, at = _groups(scores, how, attention)
    sizes = torch.zeros(len(values), dtype=torch.long, device=values.device)
    for s, (start, channels) in zip(scores.values(), at, strict=True):
        sizes[start : start + channels] += s.numel() // max(channels, 1)
    chosen = select.whole(values, sizes, room) & (values >= 0)
    if how.unit == "whole" and not bool(chosen.any()):
        best = int(sizes[values.argmax()])
        raise ModelError(
            f"a budget of {room} of {total} weights holds no whole channel, the best has {best}: "
            f"keep at least {best / total:.2g}, or let single weights compete with per='weight'"
        )
    masks = {
        n: chosen[start : start + channels].repeat_interleave(s.numel() // max(channels, 1)).reshape(s.shape)
        for (n, s), (start, channels) in zip(scores.items(), at, strict=True)
    }
    return _filled(masks, values, sizes, chosen, at, room) if how.unit == "elements" else masks


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


def _groups(scores: Scores, how: Channels, attention: bool) -> tuple[Tensor, list[tuple[int, int]]]:
    """Score of each group; and for each tensor its first group and their number."""
    values: list[Tensor] = []
    at: list[tuple[int, int]] = []
    made, last = 0, (0, 0)
    for s in scores.values():
        if s.ndim < 2:
            if how.flat == "attach" and s.ndim == 1 and last[1] == len(s):
                at.append(last)
                continue
            values.append(s.flatten())
            at.append((made, s.numel()))
        else:
            table = select.rows(s)
            values.append(select.top_mean(table, _top(how, table, attention)))
            at.append(last := (made, len(table)))
        made += at[-1][1]
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
