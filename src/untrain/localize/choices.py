"""What localizers share: how gradients are gathered, how channels are scored, and a mask made of scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.batches import in_order
from untrain.core.cost import Counter
from untrain.core.errors import BadInput, ModelError, NotFinite
from untrain.core.flops import kind_of
from untrain.core.memory import in_halves
from untrain.core.records import Batch, Examples, Problem, batch_of
from untrain.core.shards import here, is_sharded, placed
from untrain.core.spec import Spec
from untrain.core.steps import Count
from untrain.core.together import Team, sharding, team
from untrain.localize import sharded
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
        BadInput: the model is sharded and more than sums of gradients is asked for.
        NotFinite: a gradient is NaN or infinite.
    """
    params = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not params:
        raise ModelError("all parameters are frozen: none can be localized")
    code, crew, shards = how.samples == "code", team(), sharding(params)
    if shards and how.magnitude != "sum":
        raise BadInput(f"magnitude={how.magnitude!r} needs each process's own gradients, and shards bring their sum: use 'sum'")
    device = next(model.parameters()).device
    scores: Scores = {}
    counter = Counter(kind_of(model, "localize", repr(problem.task), code, tuple(problem.forget.x.shape[1:])))

    def flush() -> None:
        for n, p in params.items():
            if p.grad is not None:
                found = weigh(here(p.detach()), here(p.grad)).abs_()
                scores[n] = scores[n].add_(found) if n in scores else found
                p.grad = None

    def work(batch: Batch, weight: float) -> None:
        loss = problem.task.loss(model, batch).sum()
        (loss if weight == 1 else weight * loss).backward()  # type: ignore[no-untyped-call]

    def collect(size: int) -> None:
        scores.clear()
        for p in params.values():
            p.grad = None
        for examples, at, weight in _batches(problem, on, how, crew):
            for rows in np.array_split(at, -(-len(at) // size)):
                batch, counts = batch_of(examples, rows, device), weight / len(at) if code else weight
                counter.step(len(rows), lambda batch=batch, counts=counts: work(batch, counts))  # type: ignore[misc]
            if how.magnitude != "sum":
                flush()

    in_halves(collect, 128, "localization")
    if crew is not None and how.magnitude == "sum" and not shards:
        for p in params.values():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        crew.sum([p.grad for p in params.values() if p.grad is not None])
    flush()
    if crew is not None and how.magnitude != "sum":
        crew.sum([s for n in params if (s := scores.get(n)) is not None])
    for n, s in scores.items():
        if not bool(torch.isfinite(s).all()):
            raise NotFinite(f"the gradient of {n!r} is NaN or infinite: no weight can be scored by it")
    # What got no gradient scores 0, what asks for none is never chosen.
    for n, p in model.named_parameters():
        found = scores.get(n, torch.full_like(here(p), 0.0 if p.requires_grad else -1.0))
        scores[n] = placed(found, p) if shards else found
    return {n: scores[n] for n, _ in model.named_parameters()}


def _batches(
    problem: Problem, on: Literal["forget", "all"], how: Gather, crew: Team | None
) -> list[tuple[Examples, np.ndarray[Any, Any], float]]:
    """Which examples go through together, and what their loss counts; of several processes, what is this one's.

    Where batches mean something they are dealt out whole; otherwise each process has its share of the rows. A process
    with less to do than others fills up with an example that counts nothing, so that all do as many steps.

    Raises:
        ModelError: a batch of 128 was asked for and there are fewer examples.
    """
    size = 1 if how.magnitude == "example" else 128
    code = how.samples == "code"
    sets = (problem.forget,) if on == "forget" else (problem.forget, problem.retain)
    found = [(e, at, 1.0) for e in sets for at in in_order(len(e), size) if len(at) == size or not code]
    if not found:
        raise ModelError(f"samples='code' drops batches under {size} examples; there are {len(problem.forget)}: use samples='all'")
    if crew is None:
        return found
    nothing = (problem.forget, np.arange(1), 0.0)
    if code or how.magnitude != "sum":
        start, stop = crew.share(len(found))
        return found[start:stop] + [nothing] * (-(-len(found) // crew.size) - (stop - start))
    mine = []
    for e in sets:
        parts = np.array_split(np.arange(*crew.share(len(e))), -(-len(e) // (crew.size * size)))
        mine += [(e, rows, 1.0) if len(rows) else nothing for rows in parts]
    return mine


def by_weight(scores: Scores, keep: float, count: int | None = None) -> Scores:
    """The mask of the best single weights; parameters scored below zero are never chosen."""
    if any(map(is_sharded, scores.values())):
        return sharded.by_weight(scores, keep, count)
    flat = torch.cat([s.flatten() for s in scores.values()])
    room = min(count or select.budget(keep, flat.numel()), int((flat >= 0).sum()))
    masks = select.split(select.elements(flat, room), list(scores.values()))
    return dict(zip(scores, masks, strict=True))


def by_channel(scores: Scores, keep: float, how: Channels, attention: bool) -> Scores:
    """The mask of the best channels; channels are ranked, never their elements.

    Raises:
        ModelError: the budget holds no whole channel and whole ones are asked for.
    """
    if any(map(is_sharded, scores.values())):
        if how.unit != "whole" or how.flat != "alone":
            raise BadInput("a sharded model is localized by unit='whole' and flat='alone', or per='weight': take one of these")
        return sharded.by_channel(scores, keep, how.count, lambda table: _top(how, table, attention))
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
