"""The Fisher information of a model's weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.metering import Counter
from untrain.core.out_of_memory import out_of_memory
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.gradients import Grads, Params, Rows, check, check_depends, quiet, wide


def fisher(model: nn.Module, task: Task, examples: Examples, rows: Rows, params: Params) -> Grads:
    """Diagonal of the Fisher information: the mean, over examples and over targets drawn by the model, of the squared
    gradient of the log-probability.

    Raises:
        NotFinite: it is NaN or infinite.
        SpecError: outputs of this task are not distributions that it knows.
    """
    device, counter = next(model.parameters()).device, Counter()
    total = [torch.zeros_like(p, dtype=wide(p)) for p in params.values()]
    weights = list(params.values())
    batched = True

    def add(batch: Batch) -> None:
        nonlocal batched
        terms, share = task.fisher_terms(task.forward(model, batch))
        check_depends(terms)
        if batched:
            try:
                grads = _terms_at_once(terms, weights)
            except (RuntimeError, NotImplementedError) as error:
                if out_of_memory(error):
                    raise
                batched = False
        if not batched:
            grads = _term_by_term(terms, weights)
        for t, g in zip(total, grads, strict=True):
            if g is not None:
                t += torch.tensordot(share.to(t.dtype), g.to(t.dtype) ** 2, 1)

    for row in rows:
        batch = batch_of(examples, np.asarray([row]), device)
        counter.step(1, lambda batch=batch: add(batch), shape=cost_shape(batch))  # type: ignore[misc]
    for t in total:
        check(t.div_(len(rows)))
    return total


def _terms_at_once(terms: Tensor, weights: list[nn.Parameter]) -> list[Tensor | None]:
    ones = torch.eye(len(terms), dtype=terms.dtype, device=terms.device)
    with quiet():
        return list(torch.autograd.grad(terms, weights, ones, retain_graph=True, is_grads_batched=True, allow_unused=True))


def _term_by_term(terms: Tensor, weights: list[nn.Parameter]) -> list[Tensor | None]:
    by_term = [torch.autograd.grad(each, weights, retain_graph=True, allow_unused=True) for each in terms]
    return [None if grads[0] is None else torch.stack(grads) for grads in zip(*by_term, strict=True)]
