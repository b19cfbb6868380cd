"""The one gradient loop: the only place that steps an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from untrain.core.errors import NotFinite, OutOfMemory, SpecError
from untrain.core.mask import Mask
from untrain.core.metering import Counter, add_note, exceeds_limit, plan_steps
from untrain.core.out_of_memory import out_of_memory
from untrain.core.precision import autocast, channels_last, compiling
from untrain.data.cost_shape import cost_shape
from untrain.data.examples import Batch
from untrain.training.batch_norm import lone_examples, norms, reestimate, tracking
from untrain.training.batch_plan import Plan
from untrain.training.clipping import clip
from untrain.training.data_parallel import WholeStep, data_parallel_step
from untrain.training.gradients import check_depends
from untrain.training.process_group import process_group
from untrain.training.row_gradients import only_rows
from untrain.training.step_watchers import step_watchers
from untrain.training.steps import Steps, step_size
from untrain.training.trainable import TrainablePart, trainable_parts

Loss = Callable[..., Tensor]
# Gradients of weights in float16 vanish below 6e-8: they are computed so many times as large, and half of that once they overflow.
MAGNIFIED = 2.0**10


def descend(
    model: nn.Module, loss: Loss, plan: Plan, steps: Steps, trainable: Mask | None = None, stacked: int | None = None
) -> nn.Module:
    """Minimise ``loss(*batches)`` over the steps of ``plan``, moving only the weights in ``trainable``.

    It applies to the *update*: the optimizer holds the trainable weights and nothing else, so neither momentum nor
    weight decay leaks, whatever the optimizer. A parameter that may not move at all gets no gradient. The model is
    in train mode within and in eval mode afterwards; ``steps.buffers`` decides about batch statistics.

    Args:
        model: changed in place.
        loss: batches of one step -> scalar.
        plan: the batches of each epoch.
        steps: step size, optimizer, schedule, batch statistics.
        trainable: parameter name -> bool tensor; None lets all move.
        stacked: number of models that lie along the first dimension of every parameter; None for one model by itself.

    Returns:
        The same model.

    Raises:
        SpecError: ``steps`` has smoothed labels, which only the caller's loss can apply.
        NotFinite: the loss of an epoch is NaN or infinite.
        ModelError: nothing may move, or the loss does not depend on what may.
    """
    if steps.smoothing:
        raise SpecError(f"smoothing={steps.smoothing:g} is for training from scratch; this loss is of another kind: leave it out")
    if not plan.walk:
        return model.eval()
    device = next(model.parameters()).device
    # A later part of a plan goes on with steps that its first part has announced.
    plan_steps(plan.epochs * plan.length if plan.walk.start == 0 else None)
    model.train()
    with channels_last(model), compiling(model):
        for layer in tracking(model) if steps.buffers == "freeze" else ():
            layer.eval()
        parts = trainable_parts(model, trainable)
        optimizer = steps.optimizer.make(_groups(parts, steps, stacked), steps.lr)
        parallel = data_parallel_step(tracking(model), parts)
        with only_rows(model, parts):
            walk = _Walk(model, loss, parts, device, parallel)
            watchers = step_watchers() if stacked is None and process_group().size == 1 else ()
            for epoch in plan.walk:
                total = torch.zeros((), device=device)
                spent = False
                for at, batches in enumerate(plan.draw(epoch)):
                    spent = exceeds_limit()
                    if spent:
                        break
                    value = walk.step(batches)
                    total += value
                    if steps.clip is not None:
                        clip(parts, steps.clip, process_group(), stacked)
                    for group in optimizer.param_groups:
                        group["lr"] = step_size(steps, epoch, plan.epochs, at, plan.length)
                    optimizer.step()
                    for part in parts:
                        part.write()
                    for watcher in watchers:
                        watcher.after_step(model, value)
                total = parallel.sum(total)
                if not bool(torch.isfinite(total)):
                    raise NotFinite(f"the loss became {float(total)} in epoch {epoch + 1} of {plan.epochs}: lower lr={steps.lr}")
                if spent:
                    break
        parallel.finish(moved=steps.buffers == "move")
        if steps.buffers == "reestimate":
            reestimate(model, plan)
    return model.eval()


class _Walk:
    """Leaves the gradients of a step's loss at the trainable parts."""

    def __init__(self, model: nn.Module, loss: Loss, trainable: Sequence[TrainablePart], device: torch.device, parallel: WholeStep):
        self.model, self.loss, self.device = model, loss, device
        self.trainable, self.parallel = trainable, parallel
        self.counter = Counter()
        self.pieces = 1
        self.magnified = MAGNIFIED if any(part.parameter.dtype == torch.float16 for part in trainable) else 1.0

    def step(self, batches: Sequence[Batch | None]) -> Tensor:
        """Take the gradients of a step; the step's loss, or this process's share in it."""
        total_loss = self.gradients(self.parallel.part(batches, self.device))
        self.parallel.add_up()
        return total_loss

    def gradients(self, batches: list[Batch | None]) -> Tensor:
        """Add up gradients; the loss. When memory runs out, halve the batches and add up their gradients, from then on.

        Raises:
            OutOfMemory: memory runs out with one example at a time.
        """
        while True:
            try:
                total = self._add_up(batches)
                if self.magnified == 1 or self._finite():
                    return total
                self.magnified /= 2
                continue
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0] if str(error) else "out of memory"
            self._halve(max(len(b) for b in batches if b is not None), reason)

    def _add_up(self, batches: list[Batch | None]) -> Tensor:
        for part in self.trainable:
            part.parameter.grad = part.optimized.grad = None
        total = torch.zeros((), device=self.device)
        scale = self.parallel.scale
        if self.pieces > 1 and uneven(batches, self.pieces):
            add_note(
                "out of memory: batches of unequal sizes are cut unevenly, so a step's loss is not quite that of whole batches"
            )
        for share, piece in pieces(batches, self.pieces):
            count = sum(len(b) for b in piece if b is not None)
            total += self.counter.step(count, partial(self._backward, share * scale, piece), shape=cost_shape(*piece))
        for part in self.trainable:
            part.gather()
            if self.magnified != 1 and part.optimized.grad is not None:
                part.optimized.grad /= self.magnified
        return total

    def _finite(self) -> bool:
        finite = all(bool(torch.isfinite(g).all()) for part in self.trainable if (g := part.optimized.grad) is not None)
        # Of a sharded model each process sees its part of the gradient, and all have to take the step again together.
        return process_group().total(float(not finite)) == [0.0] if self.parallel.sharded else finite

    def _backward(self, share: float, batches: list[Batch | None]) -> Tensor:
        # Only a batch of one can leave a batch-norm layer without statistics: other steps do without the hooks.
        lone = any(b is not None and len(b) == 1 for b in batches)
        with autocast(self.device), lone_examples(self.model) if lone else nullcontext():
            value = self.loss(*batches)
        check_depends(value)
        scale = share * self.magnified
        (value if scale == 1 else scale * value).backward()  # type: ignore[no-untyped-call]
        return share * value.detach()

    def _halve(self, largest: int, reason: str) -> None:
        if self.parallel.sharded:
            raise OutOfMemory(f"out of memory on a model that is sharded ({reason}): take a smaller batch or more processes")
        if self.pieces >= largest:
            raise OutOfMemory(f"out of memory with one example at a time ({reason}): take a smaller model or another machine")
        self.pieces = min(2 * self.pieces, largest)
        note = "; batch norm normalises each piece by itself" if norms(self.model) else ""
        add_note(f"out of memory: each batch is cut into {self.pieces} pieces whose gradients are added up{note}")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def pieces(batches: list[Batch | None], count: int) -> Iterator[tuple[float, list[Batch | None]]]:
    """Cut the batches of a step into ``count`` pieces, each with its share of the step's loss.

    Shares times means add up to the mean of the whole for the largest batch, for one of a size that ``count`` divides, and
    for a small one, which enters every piece whole. Any other is cut as evenly as possible, and each of its pieces has the
    share of the largest's: its mean is off by at most one example per piece (``uneven`` detects this).
    """
    if count == 1:
        yield 1.0, batches
        return
    largest = max(len(b) for b in batches if b is not None)
    count = min(count, largest)
    for at in range(count):
        share = ((at + 1) * largest // count - at * largest // count) / largest
        yield share, [None if b is None else _piece(b, at, count, largest) for b in batches]


def uneven(batches: Sequence[Batch | None], count: int) -> bool:
    """True if pieces of a batch other than the largest differ in size, so that their means do not add up exactly."""
    sizes = [len(b) for b in batches if b is not None]
    return any(n % count and n != max(sizes) and not _small(n, count, max(sizes)) for n in sizes)


def _small(size: int, count: int, largest: int) -> bool:
    return size * count <= largest or size < count


def _piece(batch: Batch, at: int, count: int, largest: int) -> Batch:
    size = len(batch)
    if size != largest and _small(size, count, largest):
        return batch
    return batch[at * size // count : (at + 1) * size // count]


def _groups(free: Sequence[TrainablePart], steps: Steps, stacked: int | None) -> list[dict[str, object]]:
    """Trainable parts as groups for torch's optimizers: parts without weight decay are a group of their own."""
    if steps.optimizer.decay_on == "all":
        return [{"params": [part.optimized for part in free]}]
    # By the model's own parameter: the optimized part of a masked one is flat.
    vectors = 1 if stacked is None else 2
    weights = [part.optimized for part in free if part.parameter.ndim > vectors]
    others = [part.optimized for part in free if part.parameter.ndim <= vectors]
    groups: list[dict[str, object]] = [{"params": weights}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
