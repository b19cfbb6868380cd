"""One process's part in a gradient loop that several walk through together.

The sums are made by hand, over flat buckets. DistributedDataParallel hooks the parameters of a module that it wraps and
whose forward is its own; here losses are closures over the plain model, the gradients of masked layers come to compact
parameters that the module does not know, and only those are to travel: at a mask of 30 %, 30 % of the bytes. What is given
up is the overlap of the sums with the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError, RunFailed
from untrain.core.metering import limited, note
from untrain.core.sharding import is_sharded
from untrain.data.examples import Batch
from untrain.training.process_group import ProcessGroup, content
from untrain.training.trainable import TrainablePart


class DataParallelStep:
    """The share of this process in each step.

    Args:
        crew: the processes.
        norms: the layers of the model that keep batch statistics.
        free: what of it may move.

    Raises:
        BadInput: a budget of operations is set, which each process would reach at another step.
    """

    def __init__(self, crew: ProcessGroup, norms: Sequence[nn.Module], free: Sequence[TrainablePart]):
        if limited():
            raise BadInput("a budget of operations is not kept by several processes together: give a number of epochs")
        self.crew, self.norms, self.free = crew, norms, free
        self.sharded = any(is_sharded(part.weight) for part in free)
        self.scale = 1.0
        crew.weights.clear()

    def part(self, batches: Sequence[Batch | None], device: torch.device) -> list[Batch | None]:
        """This process's rows of each batch, and in ``scale`` what their loss counts.

        A mean over b of B rows counts b / B. Where that is not the same for all batches of the step, each counts by
        itself, as the task weighs it. A process without a row takes one that counts nothing, so that all do the same steps.
        """
        counts: list[float] = []
        mine: list[Batch | None] = []
        for batch in batches:
            if batch is None:
                mine.append(None)
                continue
            start, stop = self.crew.share(len(batch))
            counts.append((stop - start) / len(batch))
            rows = slice(start, stop) if stop > start else slice(0, 1)
            mine.append(batch[rows].to(device))
        self.crew.weights.clear()
        self.crew.asked.clear()
        self.scale = counts[0] if len(set(counts)) == 1 else 1.0
        if len(set(counts)) > 1:
            held = [b for b in mine if b is not None]
            self.crew.weights.update({b.rows.untyped_storage().data_ptr(): w for b, w in zip(held, counts, strict=True)})
        if self.sharded:
            # fully_shard takes the mean over processes.
            self.scale *= self.crew.size
        return mine

    def add_up(self) -> None:
        """Sum the gradients over the processes; what has none on any of them is left without.

        Raises:
            ModelError: batches count differently and the loss did not ask the problem's task about each.
        """
        if self.crew.weights.keys() - self.crew.asked:
            raise ModelError(
                "shares of retain and forget differ, and the loss asks the model past the problem's task: ask the task"
            )
        if self.sharded:
            return
        device = self.free[0].held.device
        has = torch.tensor([float(m.held.grad is not None) for m in self.free], device=device)
        grads = [torch.zeros_like(m.held) if m.held.grad is None else m.held.grad for m in self.free]
        self.crew.sum([has, *grads])
        for m, grad, some in zip(self.free, grads, has.tolist(), strict=True):
            m.held.grad = grad if some else None

    def sum(self, total: Tensor) -> Tensor:
        """The sum over the processes of a loss."""
        self.crew.sum([total])
        return total

    def finish(self, moved: bool) -> None:
        """Average batch statistics where they ``moved``; check that the processes hold the same model.

        Raises:
            RunFailed: they do not.
        """
        self.crew.weights.clear()
        alone = [part for part in self.norms if not isinstance(part, nn.SyncBatchNorm)]
        if alone and moved:
            note(
                f"batch norm normalised each of {self.crew.size} processes' share of a batch by itself, so the model differs from "
                "one process's; running statistics were averaged over the processes"
            )
            held = [b for part in alone for b in part.buffers() if b.is_floating_point()]
            self.crew.sum(held)
            for b in held:
                b /= self.crew.size
        if not self.sharded and self.crew.differ(model=content([m.held for m in self.free])):
            raise RunFailed("the processes ended with different models: a loss or a layer draws what differs from one to another")
