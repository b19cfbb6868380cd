"""How gradients are gathered over examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError, NotFinite
from untrain.core.flops import kind_of
from untrain.core.metering import Counter
from untrain.core.out_of_memory import in_halves
from untrain.core.precision import HALF
from untrain.core.sharding import here
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples, batch_of
from untrain.localizers._selection import Gather, Scores, scored
from untrain.training.gradients import check_depends
from untrain.training.problem import Problem
from untrain.training.process_group import ProcessGroup, sharding, team

Sets = Literal["forget", "retain", "all"]


def gather(
    model: nn.Module,
    problem: Problem,
    on: Sets,
    how: Gather,
    weigh: Callable[[Tensor, Tensor], Tensor],
) -> Scores:
    """Score of each parameter: ``| sum over examples of weigh(weight, gradient) |``.

    Weights stand still, so for ``magnitude='sum'`` the gradients are let to add up and weighed once. Those of weights in half
    precision add up in float32, and so are their scores.

    Args:
        model: in eval mode; its gradients are used up.
        problem: the forget set, and the retain set unless ``on='forget'``.
        on: whose gradients.
        how: grouping and absolute value.
        weigh: (weight, gradient) -> score before the absolute value.

    Raises:
        ModelError: a batch of 128 was asked for and there are fewer examples, or the loss depends on nothing that may move.
        BadInput: the model is sharded and more than sums of gradients is asked for.
        NotFinite: a gradient is NaN or infinite.
    """
    params = {n: p for n, p in model.named_parameters() if p.requires_grad}
    code, crew, shards = how.samples == "code", team(), sharding(params)
    if shards and how.magnitude != "sum":
        raise BadInput(f"magnitude={how.magnitude!r} needs each process's own gradients, and shards bring their sum: use 'sum'")
    device = next(model.parameters()).device
    scores: Scores = {}
    wide: Scores = {}
    counter = Counter(kind_of(model, "localize", repr(problem.task), code, tuple(problem.forget.x.shape[1:])))

    def widen() -> None:
        for n, p in params.items():
            if p.dtype in HALF and p.grad is not None:
                wide[n] = wide[n].add_(here(p.grad)) if n in wide else here(p.grad).float()
                p.grad = None

    def flush() -> None:
        for n, p in params.items():
            gradient = wide.pop(n) if n in wide else None if p.grad is None else here(p.grad)
            if gradient is not None:
                found = weigh(here(p.detach()).to(gradient.dtype), gradient).abs_()
                scores[n] = scores[n].add_(found) if n in scores else found
                p.grad = None

    def work(batch: Batch, weight: float) -> None:
        loss = problem.task.loss(model, batch).sum()
        check_depends(loss)
        (loss if weight == 1 else weight * loss).backward()  # type: ignore[no-untyped-call]
        widen()

    def collect(size: int) -> None:
        scores.clear()
        wide.clear()
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
        for n, p in params.items():
            p.grad = torch.zeros_like(p) if p.grad is None and n not in wide else p.grad
        crew.sum([held for n, p in params.items() if (held := wide.get(n, p.grad)) is not None])
    flush()
    if crew is not None and how.magnitude != "sum":
        crew.sum([s for n in params if (s := scores.get(n)) is not None])
    for n, s in scores.items():
        if not bool(torch.isfinite(s).all()):
            raise NotFinite(f"the gradient of {n!r} is NaN or infinite: no weight can be scored by it")
    # What got no gradient scores 0.
    return scored(model, lambda n, weight: scores[n] if n in scores else torch.zeros_like(weight))


def _batches(
    problem: Problem, on: Sets, how: Gather, crew: ProcessGroup | None
) -> list[tuple[Examples, np.ndarray[Any, Any], float]]:
    """Which examples go through together, and what their loss counts; of several processes, what is this one's.

    Where batches mean something they are dealt out whole; otherwise each process has its share of the rows. A process
    with less to do than others fills up with an example that counts nothing, so that all do as many steps.

    Raises:
        ModelError: a batch of 128 was asked for and there are fewer examples.
    """
    size = 1 if how.magnitude == "example" else 128
    code = how.samples == "code"
    sets = (*((problem.forget,) if on != "retain" else ()), *((problem.rest,) if on != "forget" else ()))
    found = [(e, at, 1.0) for e in sets for at in in_order(len(e), size) if len(at) == size or not code]
    if not found:
        raise ModelError(f"samples='code' drops batches under {size} examples; there are {len(sets[0])}: use samples='all'")
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
