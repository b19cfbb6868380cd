"""Models of which only a last linear layer is trained: what the layer sees is computed once an example."""

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
from untrain.training.batch_norm import norms
from untrain.training.steps import Steps

PROBED = 8


def head_of(model: nn.Module) -> str | None:
    """Name of the linear layer that alone is trained, or None when the rest of the model is not frozen, or there is no rest."""
    trained = {name for name, p in model.named_parameters(remove_duplicate=False) if p.requires_grad}
    frozen = any(not p.requires_grad for p in model.parameters())
    for name, part in model.named_modules():
        own = {f"{name}.{n}" for n, _ in part.named_parameters(recurse=False)}
        if frozen and type(part) is nn.Linear and trained and trained == own:
            return str(name)
    return None


def obstacle(learner: Learner, examples: Examples, steps: Steps, task: Task, seeds: Iterable[int]) -> str | None:
    """Why the heads of a learner cannot be trained on features that are computed once; None when they can.

    Features are constant if they are the same in train mode as in eval mode and from seed to seed, and if the head's
    answers are the model's.
    """
    first = learner.init(examples, next(iter(seeds)))
    name = head_of(first)
    if name is None:
        return "more than a last linear layer is trained"
    if norms(first) and steps.buffers != "freeze":
        return f"batch statistics below the head move: buffers={steps.buffers!r} is not 'freeze'"
    batch = batch_of(examples, np.arange(min(PROBED, len(examples))), next(first.parameters()).device)
    with isolated_rng(first, 0), torch.no_grad():
        calm = _below(first.eval(), name, batch, task)
        if calm is None or calm.ndim != 2:
            return f"the answers of {name} are not those of the model, or not of one vector an example"
        first.train()
        for part in norms(first):
            part.eval()
        moved = _below(first, name, batch, task)
    if moved is None or not torch.equal(calm, moved):
        return "what the head sees differs between train and eval mode"
    held = _frozen(first, name)
    for seed in seeds:
        other = _frozen(learner.init(examples, seed), name)
        if any(not torch.equal(held[n], other[n]) for n in held):
            return "what lies below the head differs from seed to seed"
    return None


def _frozen(model: nn.Module, head: str) -> dict[str, Tensor]:
    return {n: t for n, t in model.state_dict().items() if not n.startswith(f"{head}.")}


def features(model: nn.Module, examples: Examples, task: Task, batch: int = 256) -> Examples:
    """The examples with what the head sees in the place of their inputs, (n, d)."""
    name, device = str(head_of(model)), next(model.parameters()).device
    found = []
    with torch.no_grad():
        for rows in in_order(len(examples), batch):
            given = batch_of(examples, rows, device)
            found.append(_below(model.eval(), name, given, task))
    return replace(examples.with_inputs(torch.cat(found)), true=None, columns={})  # type: ignore[arg-type]


def _below(model: nn.Module, name: str, batch: Batch, task: Task) -> Tensor | None:
    """What goes into a layer, when it is asked once and its answers are the model's."""
    with _heard(model.get_submodule(name)) as heard:
        answers = task.forward(model, batch)
    if len(heard) != 1 or heard[0][1].shape != answers.shape or not torch.equal(heard[0][1].to(answers.dtype), answers):
        return None
    return heard[0][0]


@contextmanager
def _heard(part: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    heard: list[tuple[Tensor, Tensor]] = []
    hook = part.register_forward_hook(lambda _, given, out: heard.append((given[0].detach().clone(), out.detach())))
    try:
        yield heard
    finally:
        hook.remove()


def head(model: nn.Module) -> nn.Module:
    """A copy of the layer that is trained."""
    return deepcopy(model.get_submodule(str(head_of(model))))
