"""One model over several processes: which take part, and what they exchange; a single process has a null form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError, RunFailed
from untrain.core.metering import Cost
from untrain.core.sharding import is_sharded
from untrain.data.batching import in_order
from untrain.models.tasks.base import Task
from untrain.models.wrappers import unwrap
from untrain.training.agreement import fingerprints
from untrain.training.problem import Problem
from untrain.training.weighted_task import StepWeights, WeightedTask

T = TypeVar("T")
BUCKET = 25_000_000  # bytes: torch's own DistributedDataParallel takes 25 MiB
LOST = r"gloo|nccl|connection (closed|reset|refused)|broken pipe|timed out|socket"


@dataclass(frozen=True, eq=False)
class ProcessGroup:
    """The processes that work on one model.

    Args:
        group: torch's process group, made for untrain alone.
        rank: index of this process.
        size: number of processes.
        inplace: whether a sharded model itself may be changed.
        device: the device of tensors that processes exchange.
        weights: how much the batches of the running step count.
    """

    group: dist.ProcessGroup
    rank: int
    size: int
    inplace: bool
    device: torch.device
    weights: StepWeights = field(default_factory=StepWeights)

    def share(self, n: int) -> tuple[int, int]:
        """First row, and the one after the last, of this process's part of n."""
        return self.rank * n // self.size, (self.rank + 1) * n // self.size

    def share_of(self, jobs: Sequence[T], filler: T) -> list[T]:
        """This process's part of a list, filled up so that all processes have equally many."""
        start, stop = self.share(len(jobs))
        return [*jobs[start:stop], *[filler] * (-(-len(jobs) // self.size) - (stop - start))]

    def batches(self, n: int, size: int) -> list[np.ndarray[Any, Any]]:
        """This process's rows of n, in batches of at most ``size``; equally many batches on each process."""
        return np.array_split(np.arange(*self.share(n)), -(-n // (self.size * size)))

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, through flat buckets of one type."""
        bucket: list[Tensor] = []
        for at, tensor in enumerate(tensors):
            bucket.append(tensor)
            last = at + 1 == len(tensors) or tensors[at + 1].dtype != tensor.dtype
            if last or sum(t.nbytes for t in bucket) >= BUCKET:
                _reduce(bucket, dist.ReduceOp.SUM, self.group)
                bucket = []

    def sum_gradients(self, params: Mapping[str, nn.Parameter], wide: Mapping[str, Tensor]) -> None:
        """Sum gradients over the processes; a parameter without one on this process has zeros there.

        Args:
            params: have their gradients, unless ``wide`` does.
            wide: gradients in float32 of parameters in half precision, by name.
        """
        for n, p in params.items():
            p.grad = torch.zeros_like(p) if p.grad is None and n not in wide else p.grad
        self.sum([gradient for n, p in params.items() if (gradient := wide.get(n, p.grad)) is not None])

    def total(self, *values: float) -> list[float]:
        """The sum of each number over the processes."""
        if not values:
            return []
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        self.sum([sums])
        return [float(v) for v in sums.tolist()]

    def most(self, *values: float) -> list[float]:
        """The largest of each number over the processes."""
        largest = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(largest, dist.ReduceOp.MAX, self.group)
        return [float(v) for v in largest.tolist()]

    def differ(self, **digests: bytes) -> list[str]:
        """The names of those bytes that are not the same on all processes."""
        # 48 bits of a hash are whole numbers in float64, and so are their negatives.
        codes = [int.from_bytes(hashlib.sha256(d).digest()[:6], "big") for d in digests.values()]
        ends = self.most(*codes, *(-c for c in codes))
        return [name for at, name in enumerate(digests) if ends[at] != -ends[at + len(codes)]]

    def check_agreement(self, method: str, model: nn.Module, problem: Problem) -> nn.Module:
        """Check that every process does the same; return the model without its wrapper.

        Raises:
            BadInput: method, data, seed or weights differ between the processes.
            ModelError: the processes cannot exchange the model from where it is.
        """
        inner = unwrap(model)
        if self.device.type == "cuda" and any(p.device.type != "cuda" for p in inner.parameters()):
            raise ModelError("the processes speak through NCCL, which takes no CPU tensors: move the model to this process's GPU")
        different = self.differ(**fingerprints(method, inner, problem))
        if different:
            names = " nor the same ".join(different)
            raise BadInput(f"the processes were not given the same {names}: give every process the same")
        return inner

    def check_layout(self, tensors: Mapping[str, Tensor]) -> None:
        """Check that sharded parameters are split by rows over all processes.

        Raises:
            ModelError: one is not.
        """
        for name, tensor in tensors.items():
            t: Any = tensor
            if not is_sharded(t) or t.device_mesh.ndim != 1 or t.device_mesh.size() != self.size or not t.placements[0].is_shard(0):
                raise ModelError(f"{name!r} is not sharded by rows over all processes: fully_shard the whole model on one mesh")

    def weigh(self, problem: Problem) -> Problem:
        """Return the problem with a task that weighs this process's share of a batch."""
        return replace(problem, task=cast(Task, WeightedTask(problem.task, self.weights)))


@dataclass(frozen=True)
class SingleProcess:
    """The null form of ``ProcessGroup``: one process, which has all rows and nobody to exchange anything with."""

    rank: ClassVar[int] = 0
    size: ClassVar[int] = 1
    inplace: ClassVar[bool] = False
    device: ClassVar[torch.device] = torch.device("cpu")

    def share(self, n: int) -> tuple[int, int]:
        """All n rows."""
        return 0, n

    def share_of(self, jobs: Sequence[T], filler: T) -> list[T]:
        """All of the list."""
        return list(jobs)

    def batches(self, n: int, size: int) -> list[np.ndarray[Any, Any]]:
        """All rows, in order; every batch but the last has ``size``."""
        return list(in_order(n, size))

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Leave the tensors as they are."""

    def sum_gradients(self, params: Mapping[str, nn.Parameter], wide: Mapping[str, Tensor]) -> None:
        """Leave the gradients as they are."""

    def total(self, *values: float) -> list[float]:
        """The numbers themselves."""
        return list(values)

    def most(self, *values: float) -> list[float]:
        """The numbers themselves."""
        return list(values)

    def check_agreement(self, method: str, model: nn.Module, problem: Problem) -> nn.Module:
        """The model without its wrapper."""
        return unwrap(model)

    def check_layout(self, tensors: Mapping[str, Tensor]) -> None:
        """Refuse sharded parameters.

        Raises:
            BadInput: always.
        """
        raise BadInput("the model is sharded over processes: work on it within untrain.distributed(inplace=True)")

    def weigh(self, problem: Problem) -> Problem:
        """The problem itself."""
        return problem


SINGLE = SingleProcess()
_group: ContextVar[ProcessGroup | SingleProcess] = ContextVar("process_group", default=SINGLE)


def process_group() -> ProcessGroup | SingleProcess:
    """Return the processes of the surrounding ``distributed``; outside it, this one alone."""
    return _group.get()


def _reduce(bucket: list[Tensor], op: Any, group: dist.ProcessGroup) -> None:
    if len(bucket) == 1 and bucket[0].is_contiguous():
        dist.all_reduce(bucket[0], op, group)
        return
    flat = torch.cat([t.flatten() for t in bucket])
    dist.all_reduce(flat, op, group)
    for t, part in zip(bucket, flat.split([t.numel() for t in bucket]), strict=True):  # type: ignore[no-untyped-call]
        t.copy_(part.reshape(t.shape))


@contextmanager
def distributed(inplace: bool = False, timeout: float = 600.0) -> Iterator[ProcessGroup]:
    """Let localizers and unlearners within work on one model with all processes of the running job.

    Every process calls the same methods on the same model and problem, takes its share of each batch, and gets the same
    result. An existing process group of torch is used; under ``torchrun`` or ``accelerate launch`` one is started.

    Args:
        inplace: change a model sharded by ``fully_shard`` itself, since torch cannot copy it.
        timeout: seconds to wait for a process before it counts as lost.

    Raises:
        BadInput: there is no process group and none can be started.
        RunFailed: another process ended, failed or did not answer.
    """
    started = not dist.is_initialized()
    if started:
        if not (dist.is_available() and dist.is_torchelastic_launched()):
            raise BadInput("distributed() needs several processes: launch with `torchrun --nproc-per-node 2 script.py`")
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(seconds=timeout))
    group = None
    try:
        # A group of our own: when it is destroyed after an error here, the others notice at once.
        group = dist.new_group(timeout=timedelta(seconds=timeout))
        nccl = dist.get_backend(group) == "nccl"
        device = torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")
        processes = ProcessGroup(group, dist.get_rank(), dist.get_world_size(), inplace, device)
        token = _group.set(processes)
        try:
            yield processes
        finally:
            _group.reset(token)
        dist.barrier(group)
    except RuntimeError as error:
        if not re.search(LOST, str(error), re.IGNORECASE) or isinstance(error, RunFailed | BadInput):
            raise
        reason = str(error).strip().splitlines()[0].rpartition("] ")[2].partition(". ")[0]
        raise RunFailed(f"another process failed, ended or does not answer: its own message says why ({reason})") from None
    finally:
        if group is not None:
            dist.destroy_process_group(group)
        if started:
            dist.destroy_process_group()


def total_cost(mine: Cost) -> Cost:
    """Return the cost over all processes: examples and operations summed, the most of seconds and bytes."""
    group = process_group()
    forward, backward, flops = group.total(mine.forward, mine.backward, mine.flops or 0)
    seconds, peak = group.most(mine.seconds, mine.peak)
    return Cost(seconds, round(forward), round(backward), None if mine.flops is None else round(flops), round(peak))
