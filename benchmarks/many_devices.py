"""One model over two processes of one thread each against one: localization, an epoch of masked finetuning, and batch norm.

Both are timed in the same two processes, in turns; while one works alone the other sleeps. On two idle cores two processes
could be twice as fast. The sums between them travel through the loopback device.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from localization import posed
from side_by_side import Row, noise, ratio, row, show
from torch import nn

from untrain.data.examples import take
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.architectures.resnet import ResNet
from untrain.training.problem import Problem
from untrain.training.process_group import distributed
from untrain.training.steps import Steps
from untrain.unlearners.finetune import Finetune

SIZES = {True: (ResNet(width=8, depth=10), 256, 3), False: (ResNet(width=16), 1024, 5)}


def two(folder: Path, quick: bool) -> list[Row]:
    """Start two processes and read what the first found."""
    command = [sys.executable, __file__, "--quick" if quick else "--full", str(folder)]
    made = [subprocess.Popen([*command, str(rank)]) for rank in range(2)]
    try:
        if any(process.wait(1800) for process in made):
            raise RuntimeError("a process of the benchmark failed")
    finally:
        for process in made:
            process.kill()
    return torch.load(folder / "rows.pt", weights_only=False)


def worker(folder: Path, rank: int, quick: bool) -> None:
    """What each process does."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    architecture, count, repeats = SIZES[quick]
    torch.manual_seed(0)
    model = architecture.build((3, 32, 32), 10).eval()
    whole = posed(2 * count).forget
    problem = Problem(posed(1).task, take(whole, np.arange(count)), take(whole, np.arange(count, 2 * count)))
    mask = WeightedGrad(keep=0.3)(model, problem)
    masked = Problem(problem.task, problem.forget, problem.retain, mask=mask)
    finetune = Finetune(steps=Steps(lr=0.01, epochs=1))
    label = f"{architecture!r}, {count} images"
    rows = []
    for name, work in {
        f"{label}: DEL's mask": lambda: WeightedGrad(keep=0.3)(model, problem),
        f"{label}: an epoch of finetuning 30 %": lambda: finetune(model, masked),
    }.items():
        alone, both = turns(work, rank, repeats)
        rows.append(ratio(f"{name}, two processes / one", both, alone, "0.5 on two idle cores"))
    for buffers, told in (("move", "batch statistics of each process"), ("freeze", "stored batch statistics")):
        rows.append(difference(f"{label}: {told}", Finetune(steps=Steps(lr=0.01, epochs=1, buffers=buffers)), model, masked))
    if rank == 0:
        torch.save(rows, folder / "rows.pt")
    dist.barrier()
    dist.destroy_process_group()


def turns(work: Callable[[], object], rank: int, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of the first process alone and of both, in turns, after one of each that is not counted."""
    alone, both = [], []
    for _ in range(repeats + 1):
        dist.barrier()
        start = time.perf_counter()
        if rank == 0:
            work()
        alone.append(time.perf_counter() - start)
        dist.barrier()
        start = time.perf_counter()
        with distributed():
            work()
        both.append(time.perf_counter() - start)
    return alone[1:], both[1:]


def difference(label: str, finetune: Finetune, model: nn.Module, problem: Problem) -> Row:
    """How far the weights of two processes end from those of one, as a share of how far one moved them."""
    one = finetune(model, problem)
    with distributed():
        two = finetune(model, problem)

    def flat(net: nn.Module) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in net.parameters()]).double()

    apart = float((flat(two) - flat(one)).norm() / (flat(one) - flat(model)).norm())
    inner = dict(one.named_buffers())
    drift = [
        float((b - inner[n]).norm() / inner[n].norm().clamp(min=1e-12)) for n, b in two.named_buffers() if b.is_floating_point()
    ]
    return row(f"{label}: weights of two processes from those of one", "share of the way moved", [apart], statistics=max(drift))


def main(quick: bool = False, threads: int = 1) -> list[Row]:
    """All rows."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        return [noise(threads), *two(Path(folder), quick), noise(threads)]


if __name__ == "__main__":
    if len(sys.argv) == 4:
        worker(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[1] == "--quick")
    else:
        show(main("--quick" in sys.argv))
