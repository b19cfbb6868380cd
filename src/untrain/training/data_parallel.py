"""One process's part in a gradient loop that several run together, and its null form for a single process.

The sums are made by hand, over flat buckets. DistributedDataParallel hooks the parameters of a module that it wraps and
whose forward is its own; here losses are closures over the plain model, the gradients of masked layers come to compact
parameters that the module does not know, and only those need to travel: at a mask of 30 %, 30 % of the bytes. The price
is that the sums do not overlap with the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError, RunFailed
from untrain.core.metering import add_note, has_limit
from untrain.core.sharding import is_sharded
from untrain.data.examples import Batch
from untrain.training.agreement import hash_tensors
from untrain.training.process_group import ProcessGroup, process_group
from untrain.training.trainable import TrainablePart


class WholeStep:
    """The steps of a single process: whole batches, and nothing to exchange.

    Attributes:
        scale: factor of the loss of a step.
        sharded: whether the model is sharded over processes.
    """

    scale: float = 1.0
    sharded: bool = False

    def part(self, batches: Sequence[Batch | None], device: torch.device) -> list[Batch | None]:
        """All rows of each batch, on the device."""
        return [None if b is None else b.to(device) for b in batches]

    def add_up(self) -> None:
        """Leave the gradients as they are."""

    def sum(self, total: Tensor) -> Tensor:
        """The loss itself."""
        return total

    def finish(self, moved: bool) -> None:
        """Leave the model as it is."""


class DataParallelStep(WholeStep):
    """The share of this process in each step.

    Args:
        group: the processes.
        norms: the layers of the model that keep batch statistics.
        trainable: its trainable parts.

    Raises:
        BadInput: a budget of operations is set, which each process would reach at another step.
    """

    def __init__(self, group: ProcessGroup, norms: Sequence[nn.Module], trainable: Sequence[TrainablePart]):
        if has_limit():
            raise BadInput("a budget of operations needs a single process: without one give a number of epochs")
        self.group, self.norms, self.trainable = group, norms, trainable
        self.sharded = any(is_sharded(part.parameter) for part in trainable)
        group.weights.start_step()

    def part(self, batches: Sequence[Batch | None], device: torch.device) -> list[Batch | None]:
        """This process's rows of each batch; sets ``scale`` to the factor of their loss.

        A mean over b of B rows counts b / B. Where that is not the same for all batches of the step, each counts by
        itself, as the task weighs it. A process without a row takes one that counts nothing, so that all do the same steps.
        """
        cuts = [None if b is None else self.group.share(len(b)) for b in batches]
        shares = [(cut[1] - cut[0]) / len(b) for b, cut in zip(batches, cuts, strict=True) if b is not None and cut is not None]
        mine = [None if b is None or cut is None else _rows(b, *cut, device) for b, cut in zip(batches, cuts, strict=True)]
        self.group.weights.start_step()
        self.scale = shares[0] if len(set(shares)) == 1 else 1.0
        if len(set(shares)) > 1:
            for batch, share in zip((b for b in mine if b is not None), shares, strict=True):
                self.group.weights.add(batch, share)
        if self.sharded:
            # fully_shard takes the mean over processes.
            self.scale *= self.group.size
        return mine

    def add_up(self) -> None:
        """Sum the gradients over the processes; a part without one on any of them stays without.

        Raises:
            ModelError: batches count differently and the loss did not ask the problem's task about each.
        """
        if not self.group.weights.all_used():
            raise ModelError(
                "shares of retain and forget differ, and the loss calls the model past the problem's task: call the task"
            )
        if self.sharded:
            return
        params = [part.optimized for part in self.trainable]
        has_gradient = torch.tensor([float(p.grad is not None) for p in params], device=params[0].device)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
        self.group.sum([has_gradient, *grads])
        for p, grad, count in zip(params, grads, has_gradient.tolist(), strict=True):
            p.grad = grad if count else None

    def sum(self, total: Tensor) -> Tensor:
        """The sum of a loss over the processes."""
        self.group.sum([total])
        return total

    def finish(self, moved: bool) -> None:
        """Average batch statistics where they ``moved``; check that the processes hold the same model.

        Raises:
            RunFailed: they do not.
        """
        self.group.weights.start_step()
        if moved:
            self._average_statistics()
        if not self.sharded and self.group.differ(model=hash_tensors([part.optimized for part in self.trainable])):
            raise RunFailed("the processes ended with different models: a loss or a layer draws what differs from one to another")

    def _average_statistics(self) -> None:
        local = [layer for layer in self.norms if not isinstance(layer, nn.SyncBatchNorm)]
        if not local:
            return
        add_note(
            f"batch norm normalised each of {self.group.size} processes' share of a batch by itself, so the model differs from "
            "one process's; running statistics were averaged over the processes"
        )
        buffers = [b for layer in local for b in layer.buffers() if b.is_floating_point()]
        self.group.sum(buffers)
        for b in buffers:
            b /= self.group.size


def _rows(batch: Batch, start: int, stop: int, device: torch.device) -> Batch:
    rows = slice(start, stop) if stop > start else slice(0, 1)
    return batch[rows].to(device)


def data_parallel_step(norms: Sequence[nn.Module], trainable: Sequence[TrainablePart]) -> WholeStep:
    """Return the step of the surrounding process group, or that of a single process.

    Raises:
        BadInput: several processes are to keep to a budget of operations.
    """
    group = process_group()
    return DataParallelStep(group, norms, trainable) if isinstance(group, ProcessGroup) else WholeStep()
