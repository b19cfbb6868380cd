"""One model over several processes: who takes part, and what they tell each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from untrain.core.errors import BadInput, ModelError, RunFailed
from untrain.core.metering import Cost
from untrain.core.sharding import here, is_sharded
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.problem import Problem

BUCKET = 25_000_000  # bytes: torch's own DistributedDataParallel takes 25 MiB
LOST = r"gloo|nccl|connection (closed|reset|refused)|broken pipe|timed out|socket"


@dataclass(frozen=True, eq=False)
class ProcessGroup:
    """The processes that work on one model.

    Args:
        group: torch's process group, our own.
        rank: which process this is.
        size: number of processes.
        inplace: whether a sharded model may be changed itself.
        device: where numbers lie that are told to all.
        weights: what the loss of a batch counts in this step, by the storage of its rows; empty when all count alike.
        asked: those batches that the task weighed in this step.
    """

    group: dist.ProcessGroup
    rank: int
    size: int
    inplace: bool
    device: torch.device
    weights: dict[int, float] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)

    def share(self, n: int) -> tuple[int, int]:
        """First row, and the one after the last, of this process's part of n."""
        return self.rank * n // self.size, (self.rank + 1) * n // self.size

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, through flat buckets of one type."""
        bucket: list[Tensor] = []
        for at, tensor in enumerate(tensors):
            bucket.append(tensor)
            last = at + 1 == len(tensors) or tensors[at + 1].dtype != tensor.dtype
            if last or sum(t.nbytes for t in bucket) >= BUCKET:
                _reduce(bucket, dist.ReduceOp.SUM, self.group)
                bucket = []

    def total(self, *values: float) -> list[float]:
        """The sum of each number over the processes."""
        held = torch.tensor(values, dtype=torch.float64, device=self.device)
        self.sum([held])
        return [float(v) for v in held.tolist()]

    def most(self, *values: float) -> list[float]:
        """The largest of each number over the processes."""
        held = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(held, dist.ReduceOp.MAX, self.group)
        return [float(v) for v in held.tolist()]

    def differ(self, **digests: bytes) -> list[str]:
        """The names of those bytes that are not the same on all processes."""
        # 48 bits of a hash are whole numbers in float64, and so are their negatives.
        codes = [int.from_bytes(hashlib.sha256(d).digest()[:6], "big") for d in digests.values()]
        found = self.most(*codes, *(-c for c in codes))
        return [name for at, name in enumerate(digests) if found[at] != -found[at + len(codes)]]

    def agree(self, asked: str, model: nn.Module, problem: Problem) -> None:
        """Check that every process has been asked for the same.

        Raises:
            BadInput: method, data, seed or weights differ between the processes.
        """
        params = [*model.parameters(), *model.buffers()]
        given = {
            "method": asked.encode(),
            "forget set": problem.digest.encode() + repr(problem.forget.ids.tolist()).encode(),
            "retain set": b"" if problem.retain is None else repr(problem.retain.ids.tolist()).encode() + _sampled(problem.retain),
            "seed": repr((problem.seed, problem.origin, problem.head)).encode(),
            "model": b"" if any(map(is_sharded, params)) else content(params),
            "mask": b"" if problem.mask is None else content([here(b) for b in problem.mask.bits.values() if not is_sharded(b)]),
        }
        other = self.differ(**given)
        if other:
            raise BadInput(f"the processes were not given the same {' nor the same '.join(other)}: give every process the same")


def _reduce(bucket: list[Tensor], op: Any, group: dist.ProcessGroup) -> None:
    if len(bucket) == 1 and bucket[0].is_contiguous():
        dist.all_reduce(bucket[0], op, group)
        return
    flat = torch.cat([t.flatten() for t in bucket])
    dist.all_reduce(flat, op, group)
    for t, part in zip(bucket, flat.split([t.numel() for t in bucket]), strict=True):  # type: ignore[no-untyped-call]
        t.copy_(part.reshape(t.shape))


def _sampled(examples: Examples) -> bytes:
    """A hash of at most 64 rows, evenly spaced: enough to tell one data set from another, in no time."""
    batch = batch_of(examples, np.arange(0, len(examples), -(-len(examples) // 64)))
    return content(list(batch.fields.values()))


def content(tensors: Sequence[Tensor]) -> bytes:
    """A hash of the bits of tensors, in order."""
    sha = hashlib.sha256()
    for t in tensors:
        sha.update(t.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes() if t.numel() else b"")
    return sha.digest()


_team: ContextVar[ProcessGroup | None] = ContextVar("team", default=None)


def team() -> ProcessGroup | None:
    """The processes that work together here; None outside ``distributed``."""
    return _team.get()


@contextmanager
def distributed(inplace: bool = False, timeout: float = 600.0) -> Iterator[ProcessGroup]:
    """Within, localizers and unlearners work on one model with all processes of the running job.

    Every process calls the same methods on the same model and problem, takes its share of each batch, and gets the same
    result. torch's process group is used where there is one; under ``torchrun`` or ``accelerate launch`` it is made.

    Args:
        inplace: let a model sharded by ``fully_shard``, which torch cannot copy, be changed itself.
        timeout: seconds after which a process that does not answer is given up.

    Raises:
        BadInput: there is no process group and none can be made.
        RunFailed: another process ended, failed or did not answer.
    """
    made = not dist.is_initialized()
    if made:
        if not (dist.is_available() and dist.is_torchelastic_launched()):
            raise BadInput("together() needs several processes: launch with `torchrun --nproc-per-node 2 script.py`")
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(seconds=timeout))
    group = None
    try:
        # A group of our own: when it is given up after an error here, the others notice at once.
        group = dist.new_group(timeout=timedelta(seconds=timeout))
        kind = torch.device("cuda", torch.cuda.current_device()) if dist.get_backend(group) == "nccl" else torch.device("cpu")
        crew = ProcessGroup(group, dist.get_rank(), dist.get_world_size(), inplace, kind)
        token = _team.set(crew)
        try:
            yield crew
        finally:
            _team.reset(token)
        dist.barrier(group)
    except RuntimeError as error:
        if not re.search(LOST, str(error), re.IGNORECASE) or isinstance(error, RunFailed | BadInput):
            raise
        told = str(error).strip().splitlines()[0].rpartition("] ")[2].partition(". ")[0]
        raise RunFailed(f"another process failed, ended or does not answer: its own message says why ({told})") from None
    finally:
        if group is not None:
            dist.destroy_process_group(group)
        if made:
            dist.destroy_process_group()


class WeightedTask:
    """A task whose losses count as much as this process's share of their batch asks.

    Args:
        task: how the model is asked.
        crew: the processes, with the weights of the running step.
    """

    def __init__(self, task: Task, crew: ProcessGroup):
        self.task, self.crew = task, crew

    def resolve(self, examples: Examples) -> WeightedTask:
        """Itself: the task within has taken all that it needs from the data."""
        return self

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Outputs; what is computed from them has its gradient weighed."""
        found, weight = self.task.forward(model, batch), self._weight(batch)
        return found if weight == 1 else _Scale.apply(found, weight)  # type: ignore[no-untyped-call]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Loss of each example, (b,), weighed."""
        found, weight = self.task.loss(model, batch), self._weight(batch)
        return found if weight == 1 else found * weight

    def __getattr__(self, name: str) -> Any:
        """As the task does; what it computes from outputs is weighed already."""
        return getattr(self.task, name)

    def _weight(self, batch: Batch) -> float:
        key = batch.rows.untyped_storage().data_ptr()
        self.crew.asked.add(key)
        return self.crew.weights.get(key, 1.0)


def join(asked: str, model: nn.Module, problem: Problem) -> nn.Module:
    """The model itself where several processes work together, all of which ask the same of it; outside, as it is.

    Raises:
        BadInput: method, data, seed or weights differ between the processes.
        ModelError: the model is where the processes cannot exchange it.
    """
    crew = team()
    if crew is None:
        return model
    inner = unwrap(model)
    if crew.device.type == "cuda" and any(p.device.type != "cuda" for p in inner.parameters()):
        raise ModelError("the processes speak through NCCL, which takes no CPU tensors: move the model to this process's GPU")
    crew.agree(asked, inner, problem)
    return inner


def weighed(problem: Problem) -> Problem:
    """The problem with a task that weighs this process's share of a batch."""
    crew = team()
    return problem if crew is None else replace(problem, task=cast(Task, WeightedTask(problem.task, crew)))


def summed(mine: Cost) -> Cost:
    """What this process took, or all that work together: examples and operations summed, the most of seconds and bytes."""
    crew = team()
    if crew is None:
        return mine
    forward, backward, flops = crew.total(mine.forward, mine.backward, mine.flops)
    seconds, peak = crew.most(mine.seconds, mine.peak)
    return Cost(seconds, round(forward), round(backward), round(flops), round(peak))


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.weight, None


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside DistributedDataParallel and what ``Accelerator().prepare`` gives; another one as it is.

    Raises:
        ModelError: it is wrapped in the older FullyShardedDataParallel.
    """
    while isinstance(model, nn.parallel.DistributedDataParallel):
        model = model.module
    if type(model).__name__ == "FullyShardedDataParallel":
        raise ModelError("FullyShardedDataParallel flattens parameters, so channels cannot be told: shard with fully_shard")
    return model


def sharding(tensors: Mapping[str, Tensor]) -> bool:
    """Whether parameters are sharded.

    Raises:
        ModelError: some are and others are not, or another way than by rows over all processes of one group.
        BadInput: they are, and the work is not done together.
    """
    if not any(map(is_sharded, tensors.values())):
        return False
    crew = team()
    if crew is None:
        raise BadInput("the model is sharded over processes: work on it within untrain.distributed(inplace=True)")
    for name in tensors:
        t: Any = tensors[name]
        if not is_sharded(t) or t.device_mesh.ndim != 1 or t.device_mesh.size() != crew.size or not t.placements[0].is_shard(0):
            raise ModelError(f"{name!r} is not sharded by rows over all processes: fully_shard the whole model on one mesh")
    return True


def whole(model: nn.Module, who: str) -> None:
    """Refuse a model of which each process holds a part.

    Raises:
        BadInput: it is sharded.
    """
    if sharding(dict(model.named_parameters())):
        raise BadInput(f"{who} needs whole weights, and the model is sharded over processes: take NegGrad, or do not shard it")
