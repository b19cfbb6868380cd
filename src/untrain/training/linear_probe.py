"""Models of which only a last linear layer is trained: the layer's inputs are computed once per example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.seeds import isolated_rng
from untrain.data.batching import in_order
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.base import Learner
from untrain.training.batch_norm import tracking
from untrain.training.steps import Steps

PROBED = 8


def head_of(model: nn.Module) -> str | None:
    """Name of the one linear layer that is trained, or None when the rest of the model is not frozen, or there is no rest."""
    trained = {name for name, p in model.named_parameters(remove_duplicate=False) if p.requires_grad}
    frozen = any(not p.requires_grad for p in model.parameters())
    for name, part in model.named_modules():
        own = {f"{name}.{n}" for n, _ in part.named_parameters(recurse=False)}
        if frozen and type(part) is nn.Linear and trained and trained == own:
            return str(name)
    return None


def obstacle(learner: Learner, examples: Examples, steps: Steps, task: Task, seeds: Iterable[int]) -> str | None:
    """Reason why the heads of a learner cannot be trained on features that are computed once; None when they can.

    Features are constant if they are the same in train mode as in eval mode and from seed to seed, and if the head's
    outputs are the model's.
    """
    first = learner.init(examples, next(iter(seeds)))
    name = head_of(first)
    if name is None:
        return "more than a last linear layer is trained"
    if tracking(first) and steps.buffers != "freeze":
        return f"batch statistics below the head move: buffers={steps.buffers!r} is not 'freeze'"
    batch = batch_of(examples, np.arange(min(PROBED, len(examples))), next(first.parameters()).device)
    with isolated_rng(first, 0), torch.no_grad():
        in_eval = _below(first.eval(), name, batch, task)
        if in_eval is None or in_eval.ndim != 2:
            return f"the outputs of {name} are not those of the model, or its input is not one vector per example"
        first.train()
        for part in tracking(first):
            part.eval()
        in_train = _below(first, name, batch, task)
    if in_train is None or not torch.equal(in_eval, in_train):
        return "the head's inputs differ between train and eval mode"
    below = _frozen(first, name)
    for seed in seeds:
        other = _frozen(learner.init(examples, seed), name)
        if any(not torch.equal(below[n], other[n]) for n in below):
            return "the layers below the head differ from seed to seed"
    return None


def _frozen(model: nn.Module, head: str) -> dict[str, Tensor]:
    return {n: t for n, t in model.state_dict().items() if not n.startswith(f"{head}.")}


def features(model: nn.Module, examples: Examples, task: Task, batch: int = 256) -> Examples:
    """Replace the inputs of examples by the head's inputs, (n, d)."""
    name, device = str(head_of(model)), next(model.parameters()).device
    parts = []
    with torch.no_grad():
        for rows in in_order(len(examples), batch):
            part = batch_of(examples, rows, device)
            parts.append(_below(model.eval(), name, part, task))
    return replace(examples.with_inputs(torch.cat(parts)), true=None, columns={})  # type: ignore[arg-type]


def _below(model: nn.Module, name: str, batch: Batch, task: Task) -> Tensor | None:
    """The inputs of a layer; None unless it is called once and its outputs are the model's."""
    with _recorded_calls(model.get_submodule(name)) as calls:
        outputs = task.forward(model, batch)
    if len(calls) != 1 or calls[0][1].shape != outputs.shape or not torch.equal(calls[0][1].to(outputs.dtype), outputs):
        return None
    return calls[0][0]


@contextmanager
def _recorded_calls(part: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    calls: list[tuple[Tensor, Tensor]] = []
    hook = part.register_forward_hook(lambda _, inputs, out: calls.append((inputs[0].detach().clone(), out.detach())))
    try:
        yield calls
    finally:
        hook.remove()


def head(model: nn.Module) -> nn.Module:
    """A copy of the layer that is trained."""
    return deepcopy(model.get_submodule(str(head_of(model))))
