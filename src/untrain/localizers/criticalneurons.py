"""Maini's search for the few neurons that memorize one example, over all of the forget set."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from untrain.core.errors import BadInput, ModelError, NotFinite
from untrain.core.fields import Count, Keep
from untrain.core.mask import Head
from untrain.core.metering import Counter, add_note
from untrain.core.out_of_memory import in_halves
from untrain.core.seeds import derive_seed
from untrain.core.sharding import is_sharded
from untrain.data.examples import Batch, batch_of
from untrain.data.ragged import Ragged
from untrain.localizers._ablation import Copies, copies_of, expand, widened
from untrain.localizers._budget import smallest_budget
from untrain.localizers.base import Localizer
from untrain.maths import selection
from untrain.training.gradients import check_depends
from untrain.training.problem import Problem
from untrain.training.process_group import process_group

# Examples at a time, noise repetitions counted: more of them leave a CPU's caches and cost half as much again each.
ROWS, ROWS_ON_A_GPU = 256, 1024


class CriticalNeurons(Localizer):
    """Keep the filters whose removal, one by one, makes the predictions on the forget set wrong.

    For each example the filter, or the weight of a layer without filters, of the largest ``sum of weight * gradient`` of
    ``mean loss(companions) - loss(example)`` goes, until the prediction flips or nothing lowers that objective. The mask is
    the union over the forget set.

    >>> from untrain.training.toy import small
    >>> model, problem = small()
    >>> bits = CriticalNeurons(keep=0.3)(model, problem).bits.values()
    >>> 0 < sum(int(b.sum()) for b in bits) <= 0.3 * sum(b.numel() for b in bits)
    True

    Args:
        companions: other examples whose loss is to stay low; as many as there are where there are fewer.
        noises: number of repetitions with Gaussian noise of 1 % of the inputs' norm; logits are averaged.
        beside: whether companions come from the 'forget' set or the 'retain' set.
        most: removals after which the search for an example ends.
        keep: share of the parameters that the mask has at most; those removed for the most examples come first.
        head: whether the classifier moves in 'full', where 'masked' only, or stays 'frozen'.

    Source: Maini et al. 2023, arXiv 2307.09542, section 4.2; neuron_flipping/attribution_utils.py of its code; as a localizer
        DEL, arXiv 2412.02432, section 4 (CritMem).
    Departs: 16 companions and one noise by default where the code has a batch of 512 (the example among them) and 5; the
        code never ends where no removal lowers the objective, and forgets which filters it removed.
    """

    needs: ClassVar[frozenset[str]] = Localizer.needs | {"classes"}

    companions: Count = 16
    noises: Count = 1
    beside: Literal["forget", "retain"] = "forget"
    most: Count = 200
    keep: Keep = 1.0
    head: Head = "full"

    def needed(self) -> frozenset[str]:
        """The retain set only where companions come from it."""
        return self.needs if self.beside == "retain" else self.needs - {"retain"}

    def localize(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """The mask."""
        if any(map(is_sharded, model.parameters())):
            raise BadInput("CriticalNeurons removes whole filters, and this model is sharded: search on a model that is not")
        if isinstance(problem.forget.x, Ragged):
            raise ModelError("CriticalNeurons adds noise to inputs, and these are rows of tokens: take another localizer")
        copies, group = copies_of(model, problem), process_group()
        removals = search(copies, problem, self, range(*group.share(len(problem.forget))))
        votes = torch.zeros(copies.count, device=next(model.parameters()).device)
        for each in removals:
            votes[list(each.removed)] += 1
        group.sum([votes])
        counts = group.total(sum(bool(r.removed) for r in removals), sum(not r.flipped for r in removals))
        removed, stayed = map(int, counts)
        if not removed:
            reason = "no removal makes one less likely" if stayed else "no example of the forget set is predicted right"
            raise ModelError(f"CriticalNeurons found nothing to remove, as {reason}: take another localizer, such as WeightedGrad")
        if stayed:
            add_note(f"the predictions of {stayed} of {len(problem.forget)} examples did not flip")
        chosen = self._within(votes, expand(torch.ones_like(votes), copies.spans, model, 0.0), copies, model)
        return {n: b > 0 for n, b in expand(chosen.float(), copies.spans, model, 0.0).items()}

    def _within(self, votes: Tensor, ones: dict[str, Tensor], copies: Copies, model: nn.Module) -> Tensor:
        """The switches of the union, those with the most votes while the budget lasts, (g,).

        Raises:
            ModelError: the budget is too small for a single one.
        """
        total = sum(p.numel() for p in model.parameters())
        spans = [(stop - start, ones[n].numel()) for n, (start, stop) in copies.spans.items()]
        sizes = torch.cat([torch.full((count,), size // max(count, 1), device=votes.device) for count, size in spans])
        room, union = selection.budget(self.keep, total), votes > 0
        removed = int(sizes[union].sum())
        if removed <= room:
            if self.keep < 1:
                add_note(f"a budget of {room} of {total} weights is not met: the searches removed {removed}")
            return union
        chosen = selection.whole(votes, sizes, room) & union
        if not bool(chosen.any()):
            best = int(sizes[votes.argmax()])
            raise ModelError(f"a budget of {room} of {total} weights holds no filter: {smallest_budget(best, total)}")
        return chosen


class NeuronRemoval(NamedTuple):
    """The switches removed for an example, by index and in order, and whether its prediction flipped."""

    row: int
    removed: tuple[int, ...]
    flipped: bool


@dataclass(eq=False)
class _Search:
    row: int
    others: np.ndarray[Any, Any]
    draw: torch.Generator
    removed: list[int] = field(default_factory=list)


def search(copies: Copies, problem: Problem, how: CriticalNeurons, rows: range) -> list[NeuronRemoval]:
    """Search the removals for some examples of the forget set, in their order."""
    pool = problem.forget if how.beside == "forget" else problem.rest
    room = min(how.companions, len(pool) - (how.beside == "forget"))
    size = max(1, min(len(rows), copies.most, _rows(copies) // (how.noises * (room + 1))))

    def start(row: int) -> _Search:
        rng = np.random.default_rng((problem.seed, row))
        at = rng.choice(len(pool) - (how.beside == "forget"), room, replace=False)
        at += (at >= row) if how.beside == "forget" else 0
        return _Search(row, at, torch.Generator().manual_seed(derive_seed(int(rng.integers(2**31)))))

    def work(size: int) -> list[NeuronRemoval]:
        counter, todo, active, removals = Counter(), deque(rows), list[_Search](), list[NeuronRemoval]()
        while todo or active:
            while todo and len(active) < size:
                active.append(start(todo.popleft()))
            count = len(active) * (room + 1) * how.noises
            flipped, best = counter.step(count, lambda: _step(copies, problem, how, active))
            for each, done, switch in zip(list(active), flipped, best, strict=True):
                if done or switch is None or len(each.removed) == how.most:
                    active.remove(each)
                    removals.append(NeuronRemoval(each.row, tuple(each.removed), done))
                else:
                    each.removed.append(switch)
        return sorted(removals)

    return in_halves(work, size, "the search for neurons") if rows else []


def _rows(copies: Copies) -> int:
    return ROWS if next(copies.model.parameters()).device.type == "cpu" else ROWS_ON_A_GPU


def _step(copies: Copies, problem: Problem, how: CriticalNeurons, active: list[_Search]) -> tuple[list[bool], list[int | None]]:
    """For each search: is its example predicted wrong, and which switch is best removed next; None if none helps."""
    first, e = next(copies.model.parameters()), len(active)
    device, switches = first.device, torch.ones(e, copies.count, dtype=first.dtype, device=first.device)
    for at, each in enumerate(active):
        switches[at, each.removed] = 0
    pool = problem.forget if how.beside == "forget" else problem.rest
    sets = [(problem.forget, np.array([[s.row] for s in active])), (pool, np.stack([s.others for s in active]))]
    parts = [widened(batch_of(part, rows.flatten(), device), copies.model) for part, rows in sets if rows.size]
    x = torch.cat([p.x.reshape(e, -1, *p.x.shape[1:]) for p in parts], 1)  # (e, b, ...), the example itself first
    y = torch.cat([p.y.reshape(e, -1) for p in parts], 1)
    weights = torch.full(y.shape, 1 / y.shape[1], device=device)
    weights[:, 0] = -1
    noisy = _Noisy(copies.model, [s.draw for s in active], how.noises, _rows(copies))
    with copies.switched(switches):
        losses = problem.task.loss(noisy, Batch.labelled(x.flatten(0, 1), y.flatten())).reshape(y.shape)
        check_depends(losses)
        slopes = copies.slopes((losses * weights).sum(), switches)
    if not bool(torch.isfinite(slopes).all()):
        raise NotFinite("a gradient is NaN or infinite: no neuron can be scored by it")
    flipped = noisy.logits.reshape(*y.shape, -1)[:, 0].argmax(1) != y[:, 0]
    value, at_most = slopes.max(1)
    return flipped.tolist(), [i if v > 0 else None for v, i in zip(value.tolist(), at_most.tolist(), strict=True)]


class _Noisy(nn.Module):
    """A model whose logits are averaged over repetitions with noise, drawn separately for each part of the batch.

    A single part of more than ``rows`` goes through in pieces whose activations are recomputed in the backward pass.
    """

    def __init__(self, inner: nn.Module, draws: list[torch.Generator], repeats: int, rows: int):
        super().__init__()
        self.inner, self.draws, self.repeats, self.rows = inner, draws, repeats, rows
        self.logits = torch.empty(0)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Logits, (n, c)."""
        inputs = [self._noisy(v) if isinstance(v, Tensor) else v for v in args]
        named = {k: self._noisy(v) if isinstance(v, Tensor) else v for k, v in kwargs.items()}
        count = max(len(v) for v in (*inputs, *named.values()) if isinstance(v, Tensor))
        if len(self.draws) > 1 or count <= self.rows:
            logits = self._logits(*inputs, **named)
        else:
            logits = torch.cat([self._piece(slice(at, at + self.rows), inputs, named) for at in range(0, count, self.rows)])
        self.logits = logits.reshape(-1, self.repeats, logits.shape[-1]).mean(1)
        return self.logits

    def _piece(self, rows: slice, inputs: list[Any], named: dict[str, Any]) -> Tensor:
        some = [v[rows] if isinstance(v, Tensor) else v for v in inputs]
        more = {k: v[rows] if isinstance(v, Tensor) else v for k, v in named.items()}
        logits: Tensor = checkpoint(partial(self._logits, *some, **more), use_reentrant=False, preserve_rng_state=False)
        return logits

    def _logits(self, *args: Any, **kwargs: Any) -> Tensor:
        out = self.inner(*args, **kwargs)
        return out if isinstance(out, Tensor) else out.logits

    def _noisy(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            raise ModelError(f"CriticalNeurons adds noise to inputs, and these are {x.dtype}: real numbers are needed")
        parts = x.reshape(len(self.draws), 1, -1, *x.shape[1:])  # (e, 1, b, ...)
        noise = torch.stack([torch.randn(self.repeats, *parts.shape[2:], generator=draw) for draw in self.draws]).to(x)
        within = tuple(range(2, noise.ndim))
        scale = 0.01 * (parts**2).sum(within, keepdim=True).sqrt() / (noise**2).sum(within, keepdim=True).sqrt()
        return (parts + scale * noise).transpose(1, 2).flatten(0, 2)  # repetitions of an example beside each other
