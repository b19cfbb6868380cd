"""Where the main job's time goes: the share of convolutions and matrix products, by torch's profiler, and operations a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from side_by_side import Row, row, show
from torch.profiler import ProfilerActivity, profile

from untrain.core.metering import metered
from untrain.core.spec import parse
from untrain.experiments.scenarios.digits import Digits
from untrain.training.problem import problem

MATRIX = ("convolution", "addmm", "aten::mm", "bmm", "baddbmm")
PARTS = {
    "convolutions and matrix products": MATRIX,
    "batch norm": ("batch_norm",),
    "activation and pooling": ("relu", "threshold", "clamp_min", "max_pool"),
    "the optimizer": ("Optimizer", "add_", "mul_", "addcmul", "foreach"),
}


def shares(label: str, work: Callable[[], object]) -> list[Row]:
    """Shares of the time in operators, by kind, and operations a second as a share of a matrix product's."""
    work()
    with metered() as meter:
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        flops = meter.flops
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        work()
    spent = {e.key: e.self_cpu_time_total for e in seen.key_averages()}
    whole = sum(spent.values())
    left = dict(spent)
    rows = []
    for part, marks in PARTS.items():
        mine = [k for k in left if any(mark in k for mark in marks)]
        rows.append(row(f"{label}: share of time in {part}", "share", [sum(left.pop(k) for k in mine) / whole]))
    rows.append(row(f"{label}: share of time in all else", "share", [sum(left.values()) / whole]))
    rows.append(row(f"{label}: share of this machine's rate at a large matrix product", "share", [flops / seconds / peak_rate()]))
    return rows


def peak_rate() -> float:
    """Operations a second of a 1,000 x 1,000 matrix product, the best of several."""
    a = torch.randn(1000, 1000)
    best = float("inf")
    for _ in range(7):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2e9 / best


def main(quick: bool = False, threads: int = 1) -> list[Row]:
    """All rows."""
    torch.set_num_threads(threads)
    scenario = Digits()
    data, learner = scenario.load(), scenario.learner()
    model = learner(data.train, 0)
    posed = problem(data.train, scenario.request, learner, data.valid)
    rows = shares("training the demo's model", lambda: learner(data.train, 0))
    for method in ("DEL(steps=Steps(lr=0.05, epochs='30%', batch=64))", "SalUn(steps=Steps(lr=0.05, epochs='30%', batch=64))"):
        made = parse(method)
        rows += shares(type(made).__name__, lambda made=made: made(model, posed))
    return rows


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
