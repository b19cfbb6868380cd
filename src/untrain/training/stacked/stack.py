"""Many models of one shape trained at once: parameters stacked, one gradient loop, each model as if it were alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from untrain.core.errors import NotFinite
from untrain.core.metering import metered
from untrain.data.batching import count, in_order, shuffled
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.label_smoothing import smoothed_loss
from untrain.training.stacked.dropout import replace_dropout
from untrain.training.steps import Steps, epochs_of

ANSWERED = 2**22  # numbers of logits computed at once: examples times models times an assumed width of 1024


class Member(NamedTuple):
    """One model to train: the rows of the training data that it sees, and its seed."""

    rows: np.ndarray[Any, Any]
    seed: int


class Stack(nn.Module):
    """m models of one shape as one module: each parameter and buffer is a leaf (m, ...).

    It takes inputs (m * b, ...), those of the first model first, and returns outputs (m * b, ...); every model gets
    ``shared`` inputs (b, ...). A model's random draws come from a generator of its own, seeded as if it were trained alone.

    Args:
        models: modules that differ in the values of parameters and buffers alone.
        seeds: of the models' own draws in training.
    """

    def __init__(self, models: Sequence[nn.Module], seeds: Sequence[int]):
        super().__init__()
        self.m, self.shared = len(models), False
        first = models[0]
        device = next(first.parameters()).device
        template = deepcopy(first)
        replace_dropout(template, [torch.Generator(device).manual_seed(seed) for seed in seeds])
        # In a tuple the template is no child: what may move are the stacked leaves and nothing else.
        self.hidden = (template,)
        self.names = {f"leaf{at}": name for at, name in enumerate(_state(first))}
        for leaf, name in self.names.items():
            one = _state(first)[name]
            many = torch.stack([_state(model)[name].detach() for model in models])
            if isinstance(one, nn.Parameter):
                self.register_parameter(leaf, nn.Parameter(many, requires_grad=one.requires_grad))
            else:
                self.register_buffer(leaf, many)

    def train(self, mode: bool = True) -> Stack:
        """As for any module; the template follows."""
        super().train(mode)
        self.hidden[0].train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Outputs, (m * b, ...)."""
        state = {name: getattr(self, leaf) for leaf, name in self.names.items()}
        # "error": a draw other than a plain dropout's would depend on which models happen to be stacked together.
        ask = vmap(self._one, in_dims=(0, None if self.shared else 0), randomness="error")
        out: Tensor = ask(state, x if self.shared else _apart(x, self.m))
        return out.flatten(0, 1)

    def _one(self, state: dict[str, Tensor], x: Tensor) -> Tensor:
        out: Tensor = functional_call(self.hidden[0], state, (x,))
        return out

    def predict(self, examples: Examples, task: Task) -> dict[str, np.ndarray[Any, Any]]:
        """Outputs of every model in eval mode on the same examples, float32 (m, n, ...) by the names of ``task.outputs``."""
        self.eval()
        device = next(self.parameters()).device
        parts: dict[str, list[np.ndarray[Any, Any]]] = {name: [] for name in task.outputs}
        self.shared = True
        try:
            with torch.no_grad():
                for at in in_order(len(examples), max(16, min(512, ANSWERED // (self.m * 1024)))):
                    batch = batch_of(examples, at, device)
                    stored = [task.store(one, batch) for one in _apart(task.forward(self, batch), self.m)]
                    for name, arrays in parts.items():
                        arrays.append(torch.stack([one[name].float() for one in stored]).cpu().numpy())
        finally:
            self.shared = False
        return {name: np.concatenate(arrays, axis=1) for name, arrays in parts.items()}

    def put_back(self, at: int, model: nn.Module) -> nn.Module:
        """Give ``model`` the values of the model in place ``at``, and return it."""
        state = _state(model)
        with torch.no_grad():
            for leaf, name in self.names.items():
                state[name].copy_(getattr(self, leaf)[at])
        return model.eval()


def _apart(many: Tensor, m: int) -> Tensor:
    """(m * b, ...) as (m, b, ...)."""
    return many.reshape(m, -1, *many.shape[1:])


def _state(model: nn.Module) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())


def train_together(models: Sequence[nn.Module], examples: Examples, members: Sequence[Member], steps: Steps, task: Task) -> Stack:
    """Train ``models[k]`` on the rows of ``members[k]``, with the batches that ``fit`` draws for it alone.

    The loss is the sum over models of each model's mean loss, so that each gets its own gradient. All members take as
    many steps in an epoch. Where their last batches differ in size, rows of weight zero fill up the smaller.

    Args:
        models: freshly initialised, of one shape; they are left as they are.
        examples: what the rows are of.
        members: of one number of steps in an epoch, and of one size where ``strict`` asks for it.
        steps: as for one model.
        task: computes logits and losses.

    Raises:
        NotFinite: the loss of a model became NaN or infinite; the error names its seed and its number of examples.
    """
    stack = Stack(models, [member.seed for member in members])
    walk = Walk(stack, examples, members, steps, task)
    length = count(walk.longest, steps.batch)
    plan = Plan(epochs_of(steps, None), walk.draw, examples, task, length)
    with metered() as meter:
        try:
            descend(stack, walk.loss, plan, replace(steps, smoothing=0.0), stacked=stack.m)
        except NotFinite as error:
            raise NotFinite(f"{_named(members, ~torch.isfinite(walk.sums))}: {error}") from None
        finally:
            # The loop counts the examples of a step once, and each model takes its own.
            meter.forward, meter.backward = meter.forward * stack.m, meter.backward * stack.m
    return stack


def _named(members: Sequence[Member], bad: Tensor) -> str:
    """The models that went wrong, in words."""
    at = bad.nonzero().flatten().tolist()
    named = ", ".join(f"seed {members[k].seed} on {len(members[k].rows)} examples" for k in at[:3])
    return f"{len(at)} of {len(members)} models ({named}{', ...' if len(at) > 3 else ''})"


def check_finite(members: Sequence[Member], outputs: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Check that no output is NaN or infinite.

    Raises:
        NotFinite: one is; the error names the model by its seed and its number of examples.
    """
    bad = ~np.all([np.isfinite(array).reshape(len(array), -1).all(1) for array in outputs.values()], axis=0)
    if bad.any():
        raise NotFinite(f"{_named(members, torch.from_numpy(bad))} put out NaN or infinite values: lower their lr")


class Walk:
    """The batches of all members side by side, and their loss.

    ``sums`` is each model's loss, summed over all steps, so that the one that went wrong can be named.
    """

    def __init__(self, stack: Stack, examples: Examples, members: Sequence[Member], steps: Steps, task: Task):
        self.stack, self.examples, self.members, self.task = stack, examples, members, task
        self.batch, self.smoothing = steps.batch, steps.smoothing
        self.sizes = np.array([len(member.rows) for member in members])
        self.longest = int(self.sizes.max())
        self.device = next(stack.parameters()).device
        self.sums = torch.zeros(len(members), device=self.device)
        self.scale: Tensor | None = None

    def draw(self, epoch: int) -> Iterator[tuple[Batch, ...]]:
        """Batches with fields (b, m, ...) and rows (b, m), -1 where a batch is filled up."""
        table = np.full((len(self.members), self.longest), -1)
        for member, row in zip(self.members, table, strict=True):
            rng = np.random.default_rng((member.seed, epoch))
            order = np.concatenate(list(shuffled(len(member.rows), self.batch, rng)))
            row[: len(order)] = member.rows[order]
        rows = torch.from_numpy(table).to(self.device)
        columns = {name: column[:] for name, column in self.examples.fields.items()}
        sizes = [len(b) for b in shuffled(self.longest, self.batch, np.random.default_rng(0))]
        for size, stop in zip(sizes, np.cumsum(sizes), strict=True):
            at = rows[:, stop - size : stop].flatten()  # (m * b,)
            drawn = {name: column.index_select(0, at.clamp(min=0)) for name, column in columns.items()}
            self.scale = None
            if stop == self.longest and self.sizes.min() < self.longest:
                self.scale = torch.from_numpy(size / (self.sizes - stop + size)).to(self.device)
            # Examples first, as the loop expects of a batch, though in memory the models come first.
            m = len(self.members)
            fields = {name: _apart(value, m).transpose(0, 1) for name, value in drawn.items()}
            yield (Batch(fields, _apart(at, m).transpose(0, 1)),)

    def loss(self, batch: Batch) -> Tensor:
        """Sum over models of each one's mean loss."""
        fields = {name: value.transpose(0, 1).flatten(0, 1) for name, value in batch.fields.items()}  # (m * b, ...)
        rows = batch.rows.transpose(0, 1).flatten()
        each = smoothed_loss(self.task, self.stack, Batch(fields, rows), self.smoothing)
        each = _apart(each, self.stack.m)  # (m, b)
        if self.scale is not None:
            # A mean over all rows of a batch that is filled up is one over its own rows by this factor.
            each = torch.where(rows.reshape(each.shape) >= 0, each * self.scale[:, None].to(each.dtype), 0)
        means = each.mean(1)
        self.sums += means.detach()
        return means.sum()


def groups(members: Sequence[Member], batch: int, strict: bool) -> list[list[int]]:
    """Places of members that can be trained together, by steps in an epoch; by number of examples where ``strict``.

    Batch statistics and dropout's draws depend on how many rows a batch has, so that it cannot be filled up.
    """
    places: dict[int, list[int]] = {}
    for at, member in enumerate(members):
        places.setdefault(len(member.rows) if strict else count(len(member.rows), batch), []).append(at)
    return list(places.values())
