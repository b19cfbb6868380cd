"""The Fisher information of a model's weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.metering import Counter
from untrain.core.out_of_memory import out_of_memory
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.gradients import Grads, Params, Rows, check, check_depends, quiet, wide


def fisher(model: nn.Module, task: Task, examples: Examples, rows: Rows, params: Params) -> Grads:
    """Diagonal of the Fisher information: mean over examples, and over labels as the model itself would draw them, of
    the squared gradient of the log-probability.

    Raises:
        NotFinite: it is NaN or infinite.
    """
    device, counter = next(model.parameters()).device, Counter()
    total = [torch.zeros_like(p, dtype=wide(p)) for p in params.values()]
    held = list(params.values())
    vector = True

    def one(batch: Batch) -> None:
        nonlocal vector
        logp = task.forward(model, batch).log_softmax(1)[0]
        check_depends(logp)
        share = logp.detach().exp()
        if vector:
            try:
                found = _labels_at_once(logp, held)
            except (RuntimeError, NotImplementedError) as error:
                if out_of_memory(error):
                    raise
                vector = False
        if not vector:
            found = _label_by_label(logp, held)
        for t, g in zip(total, found, strict=True):
            if g is not None:
                t += torch.tensordot(share.to(t.dtype), g.to(t.dtype) ** 2, 1)

    for row in rows:
        batch = batch_of(examples, np.asarray([row]), device)
        counter.step(1, lambda batch=batch: one(batch))  # type: ignore[misc]
    for t in total:
        check(t.div_(len(rows)))
    return total


def _labels_at_once(logp: Tensor, held: list[nn.Parameter]) -> list[Tensor | None]:
    ones = torch.eye(len(logp), dtype=logp.dtype, device=logp.device)
    with quiet():
        return list(torch.autograd.grad(logp, held, ones, retain_graph=True, is_grads_batched=True, allow_unused=True))


def _label_by_label(logp: Tensor, held: list[nn.Parameter]) -> list[Tensor | None]:
    found = [torch.autograd.grad(each, held, retain_graph=True, allow_unused=True) for each in logp]
    return [None if grads[0] is None else torch.stack(grads) for grads in zip(*found, strict=True)]
