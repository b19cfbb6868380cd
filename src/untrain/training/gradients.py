"""Gradients of a model that stands still: of sets, of batches and of single examples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError, NotFinite
from untrain.core.mask import Mask
from untrain.core.metering import Counter
from untrain.core.out_of_memory import in_halves, out_of_memory
from untrain.data.batching import in_order
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.sharded_model import refuse_sharded
from untrain.training.trainable import NOTHING

Params = dict[str, nn.Parameter]
Grads = list[Tensor]
Rows = np.ndarray[Any, Any]
PerExample = Callable[[Tensor, Batch], Tensor]
SIZE = 128  # examples that go through a model at a time where batches mean nothing
ROOM = 2**28  # bytes of per-example gradients at a time


def movable(model: nn.Module, mask: Mask | None) -> Params:
    """The parameters with a weight that may move, by name.

    Raises:
        ModelError: there are none.
        BadInput: the model is sharded.
    """
    refuse_sharded(model, "a method that writes weights")
    params = {n: p for n, p in model.named_parameters() if p.requires_grad and (mask is None or bool(mask.bits[n].any()))}
    if not params:
        raise ModelError(NOTHING)
    return params


def put(model: nn.Module, values: dict[str, Tensor], mask: Mask | None) -> None:
    """Write new values of some parameters where the mask lets them move; all else keeps its bits.

    Raises:
        NotFinite: a value is NaN or infinite.
    """
    params = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in values.items():
            p = params[name]
            if not bool(torch.isfinite(value).all()):
                raise NotFinite(f"the new weights of {name!r} are NaN or infinite")
            new = value.reshape(p.shape).to(p)
            p.copy_(new if mask is None else torch.where(mask.bits[name].to(p.device), new, p))


def of_batches(
    model: nn.Module, task: Task, sets: Sequence[Examples], order: Sequence[Rows], params: Params, of: PerExample | None = None
) -> Iterator[Grads]:
    """Gradient of the mean loss of each batch, or of the mean of another number.

    Args:
        model: in eval mode; its own ``grad`` fields are left alone.
        task: the model's task.
        sets: one or more sets of examples; rows are numbered on from one to the next.
        order: the rows of each batch, numbers in all sets together.
        params: parameters to differentiate; one without a gradient has zeros.
        of: what is differentiated, a number of each example (b,) of outputs and a batch; None takes the loss.
    """
    device, counter = next(model.parameters()).device, Counter()
    size = SIZE

    def add(batch: Batch, made: Grads, count: int) -> None:
        values = task.loss(model, batch) if of is None else of(task.forward(model, batch), batch)
        _add(made, values.sum() / count, params)

    def gradient(rows: Rows, at_once: int) -> Grads:
        nonlocal size
        size = at_once
        total = [torch.zeros_like(p, dtype=wide(p)) for p in params.values()]
        for piece in np.array_split(rows, -(-len(rows) // at_once)):
            batch = batch_among(sets, piece, device)
            counter.step(len(piece), partial(add, batch, total, len(rows)), shape=cost_shape(batch))
        return total

    for rows in order:
        yield in_halves(lambda at_once, rows=rows: gradient(rows, at_once), size, "taking gradients")  # type: ignore[misc]


def batch_among(sets: Sequence[Examples], rows: Rows, device: torch.device) -> Batch:
    """One batch of rows that are numbered on from one set to the next."""
    parts, first = [], 0
    for examples in sets:
        inside = rows[(rows >= first) & (rows < first + len(examples))] - first
        if len(inside):
            parts.append(batch_of(examples, inside, device))
        first += len(examples)
    return Batch.cat(parts)


def of_mean(model: nn.Module, task: Task, examples: Examples, params: Params) -> Tensor:
    """Gradient of the mean loss over a set, as one vector.

    Raises:
        NotFinite: it is NaN or infinite.
    """
    rows = list(in_order(len(examples), SIZE))
    total = torch.zeros_like(flat([p.detach() for p in params.values()]), dtype=wide(*params.values()))
    for part, grads in zip(rows, of_batches(model, task, [examples], rows, params), strict=True):
        total += flat(grads) * (len(part) / len(examples))
    check(total)
    return total


def mean_square(grads: Iterator[Grads], params: Params) -> Grads:
    """Mean of squared gradients.

    Args:
        grads: for each parameter some gradients, (k, ...).
        params: the parameters.

    Raises:
        NotFinite: it is NaN or infinite.
    """
    total = [torch.zeros_like(p, dtype=wide(p)) for p in params.values()]
    count = 0
    for each in grads:
        count += len(each[0])
        for t, g in zip(total, each, strict=True):
            t += (g * g).sum(0)
    for t in total:
        check(t.div_(count))
    return total


def mean_absolute(grads: Iterator[Grads], params: Params, shares: Sequence[float]) -> Grads:
    """Weighted sum of absolute gradients.

    Args:
        grads: of batches, one for each parameter.
        params: the parameters.
        shares: weight of each batch.

    Raises:
        NotFinite: it is NaN or infinite.
    """
    total = [torch.zeros_like(p, dtype=wide(p)) for p in params.values()]
    for each, share in zip(grads, shares, strict=True):
        for t, g in zip(total, each, strict=True):
            t += g.abs() * share
    for t in total:
        check(t)
    return total


def length_of_outputs(outputs: Tensor, batch: Batch) -> Tensor:
    """Euclidean length of the outputs on each example, (b,): how strongly a model responds, whatever the labels.

    >>> length_of_outputs(torch.tensor([[3.0, 4.0]]), Batch.labelled(torch.zeros(1, 1), torch.zeros(1)))
    tensor([5.])
    """
    lengths: Tensor = torch.linalg.vector_norm(outputs.flatten(1), dim=1)
    return lengths


def of_examples(model: nn.Module, task: Task, sets: Sequence[Examples], order: Rows, params: Params) -> Iterator[Grads]:
    """Gradients of the losses of single examples, some at a time: for each parameter (examples, ...).

    All at once where torch can vectorise the model, else one after the other.

    Args:
        model: in eval mode; its own ``grad`` fields are left alone.
        task: the model's task.
        sets: one or more sets of examples; rows are numbered on from one to the next.
        order: rows, numbers in all sets together.
        params: parameters to differentiate; one without a gradient has zeros.
    """
    device, counter = next(model.parameters()).device, Counter()
    room = max(1, ROOM // sum(p.numel() * p.element_size() for p in params.values()))
    alone = _Alone(model, task)
    weights = {f"model.{n}": p.detach() for n, p in params.items()}
    of_one = torch.func.grad(lambda now, fields, row: torch.func.functional_call(alone, now, (fields, row)))
    each = torch.func.vmap(of_one, in_dims=(None, 0, 0))
    size, vector, measured = min(room, 64), True, False

    def of(batch: Batch) -> Grads:
        nonlocal vector
        if vector and measured:
            try:
                with quiet():
                    return list(each(weights, dict(batch.fields), batch.rows).values())
            except (RuntimeError, NotImplementedError) as error:
                if out_of_memory(error):
                    raise
                vector = False
        return _one_by_one(model, task, batch, params)

    def gradients(rows: Rows, at_once: int) -> Grads:
        nonlocal size, measured
        size = at_once
        parts = []
        # The first goes alone: torch cannot count the operations of vectorised calls.
        pieces = [] if measured else [rows[:1]]
        rows = rows if measured else rows[1:]
        for piece in [*pieces, *np.array_split(rows, -(-len(rows) // at_once))] if len(rows) else pieces:
            batch = batch_among(sets, piece, device)
            alone = partial(_one_by_one, model, task, batch[:1], params) if vector else None
            parts.append(counter.step(len(piece), partial(of, batch), shape=cost_shape(batch), alone=alone))
            measured = True
        return [torch.cat(part).to(wide(p)) for part, p in zip(zip(*parts, strict=True), params.values(), strict=True)]

    for start in range(0, len(order), min(room, 64)):
        rows = order[start : start + min(room, 64)]
        yield in_halves(lambda at_once, rows=rows: gradients(rows, at_once), size, "taking gradients")  # type: ignore[misc]


@contextmanager
def quiet() -> Iterator[None]:
    """Silence torch's warnings about slow vectorisation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


class _Alone(nn.Module):
    """The loss of one example, as a module around the model, so that its weights can be exchanged."""

    def __init__(self, model: nn.Module, task: Task):
        super().__init__()
        self.model, self.task = model, task

    def forward(self, fields: dict[str, Tensor], row: Tensor) -> Tensor:
        return self.task.loss(self.model, Batch({name: value[None] for name, value in fields.items()}, row[None])).sum()


def _one_by_one(model: nn.Module, task: Task, batch: Batch, params: Params) -> Grads:
    gradients = [torch.zeros(len(batch), *p.shape, dtype=wide(p), device=p.device) for p in params.values()]
    for at in range(len(batch)):
        _add([m[at] for m in gradients], task.loss(model, batch[at : at + 1]).sum(), params)
    return gradients


def flat(grads: Sequence[Tensor]) -> Tensor:
    """Flatten gradients into one vector.

    >>> flat([torch.zeros(2, 1), torch.ones(1)]).tolist()
    [0.0, 0.0, 1.0]
    """
    return torch.cat([g.flatten() for g in grads])


def unflat(vector: Tensor, params: Params) -> dict[str, Tensor]:
    """Cut a vector into tensors of the parameters' shapes, by name."""
    parts = vector.split([p.numel() for p in params.values()])  # type: ignore[no-untyped-call]
    return {n: part.reshape(p.shape) for (n, p), part in zip(params.items(), parts, strict=True)}


def check(gradient: Tensor) -> None:
    """Refuse gradients that are NaN or infinite.

    Raises:
        NotFinite: they are.
    """
    if not bool(torch.isfinite(gradient).all()):
        raise NotFinite("the gradient of the loss is NaN or infinite: no weight can follow it")


def wide(*params: nn.Parameter) -> torch.dtype:
    """Type of sums of gradients: float32, or float64 where a weight is float64."""
    return torch.float64 if any(p.dtype == torch.float64 for p in params) else torch.float32


def check_depends(value: Tensor) -> None:
    """Refuse a loss, or an output, that does not depend on any weight that requires a gradient.

    Raises:
        ModelError: it does not.
    """
    if not value.requires_grad:
        raise ModelError(
            "the loss does not depend on any weight that may move: widen the mask, or let its weights require gradients"
        )


def _add(totals: Grads, loss: Tensor, params: Params) -> None:
    check_depends(loss)
    grads = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
    for total, grad in zip(totals, grads, strict=True):
        if grad is not None:
            total += grad.to(total.dtype)
