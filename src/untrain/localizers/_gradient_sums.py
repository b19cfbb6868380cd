"""Scores from gradients that are summed over examples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError, NotFinite
from untrain.core.flops import cost_key
from untrain.core.metering import Counter
from untrain.core.out_of_memory import in_halves
from untrain.core.precision import HALF
from untrain.core.sharding import local_part
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of
from untrain.localizers._mask_units import Gather, Scores, scored
from untrain.training.gradients import check_depends
from untrain.training.problem import Problem
from untrain.training.process_group import ProcessGroup, SingleProcess, process_group
from untrain.training.sharded_model import check_sharding, replica_group

Sets = Literal["forget", "retain", "all"]


def gather(
    model: nn.Module,
    problem: Problem,
    on: Sets,
    how: Gather,
    weigh: Callable[[Tensor, Tensor], Tensor],
) -> Scores:
    """Score each parameter by ``| sum over examples of weigh(weight, gradient) |``.

    Weights stand still, so for ``magnitude='sum'`` the gradients add up first and are weighed once. Those of weights in half
    precision add up in float32, and so do their scores.

    Args:
        model: in eval mode; its gradients are used up.
        problem: the forget set, and the retain set unless ``on='forget'``.
        on: whose gradients.
        how: grouping and absolute value.
        weigh: (weight, gradient) -> score before the absolute value.

    Raises:
        ModelError: ``samples='code'`` has no full batch of 128, or the loss depends on nothing that may move.
        BadInput: the model is sharded and ``magnitude`` is not 'sum'.
        NotFinite: a gradient is NaN or infinite.
    """
    params = {n: p for n, p in model.named_parameters() if p.requires_grad}
    code, group = how.samples == "code", process_group()
    if check_sharding(params) and how.magnitude != "sum":
        raise BadInput(f"magnitude={how.magnitude!r} needs each process's own gradients, and shards bring their sum: use 'sum'")
    device = next(model.parameters()).device
    scores: Scores = {}
    wide: Scores = {}
    counter = Counter(cost_key(model, "localize", repr(problem.task), code))

    def widen() -> None:
        for n, p in params.items():
            if p.dtype in HALF and p.grad is not None:
                wide[n] = wide[n].add_(local_part(p.grad)) if n in wide else local_part(p.grad).float()
                p.grad = None

    def flush() -> None:
        for n, p in params.items():
            gradient = wide.pop(n) if n in wide else None if p.grad is None else local_part(p.grad)
            if gradient is not None:
                score = weigh(local_part(p.detach()).to(gradient.dtype), gradient).abs_()
                scores[n] = scores[n].add_(score) if n in scores else score
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
        for examples, at, weight in _batches(problem, on, how, group):
            for rows in np.array_split(at, -(-len(at) // size)):
                batch, counts = batch_of(examples, rows, device), weight / len(at) if code else weight
                counter.step(len(rows), partial(work, batch, counts), shape=cost_shape(batch))
            if how.magnitude != "sum":
                flush()

    in_halves(collect, 128, "localization")
    if how.magnitude == "sum":
        replica_group(params.values()).sum_gradients(params, wide)
        flush()
    else:
        group.sum([s for n in params if (s := scores.get(n)) is not None])
    for n, s in scores.items():
        if not bool(torch.isfinite(s).all()):
            raise NotFinite(f"the gradient of {n!r} is NaN or infinite: no weight can be scored by it")
    # A parameter without a gradient scores 0.
    return scored(model, lambda n, weight: scores[n] if n in scores else torch.zeros_like(weight))


def _batches(
    problem: Problem, on: Sets, how: Gather, group: ProcessGroup | SingleProcess
) -> list[tuple[Examples, np.ndarray[Any, Any], float]]:
    """Batches of this process: a set, rows of it and the factor of their loss.

    Where batches mean something each process gets some of them whole; otherwise each has its share of the rows. A process
    with less to do than others fills up with an example that counts nothing, so that all do as many steps.

    Raises:
        ModelError: ``samples='code'`` has no full batch of 128.
    """
    size = 1 if how.magnitude == "example" else 128
    code = how.samples == "code"
    sets = (*((problem.forget,) if on != "retain" else ()), *((problem.rest,) if on != "forget" else ()))
    whole = [(e, at, 1.0) for e in sets for at in in_order(len(e), size) if len(at) == size or not code]
    if not whole:
        raise ModelError(f"samples='code' drops batches under {size} examples; there are {len(sets[0])}: use samples='all'")
    nothing = (problem.forget, np.arange(1), 0.0)
    if code or how.magnitude != "sum":
        return group.share_of(whole, nothing)
    return [(e, rows, 1.0) if len(rows) else nothing for e in sets for rows in group.batches(len(e), size)]
