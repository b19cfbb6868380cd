"""DEL's mask against one plain forward and backward pass over the forget set, and against the reference procedure."""

from __future__ import annotations

import sys

import numpy as np
import torch
from side_by_side import Row, noise, peak, ratio, row, show, times
from torch import nn
from torch.nn import functional as F

from untrain.data.examples import Examples
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.resnet import ResNet
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem


def posed(count: int, seed: int = 0) -> Problem:
    """Random images to forget; what is on them does not matter for time."""
    made = torch.Generator().manual_seed(seed)
    x = torch.randint(256, (count + 2, 3, 32, 32), dtype=torch.uint8, generator=made)
    y = torch.randint(10, (count + 2,), generator=made)
    ids = np.arange(count + 2)
    parts = [Examples.labelled(x[rows], y[rows], ids[rows], 10) for rows in (slice(0, count), slice(count, None))]
    return Problem(Classification(), *parts)


def plain(model: nn.Module, problem: Problem) -> None:
    """One forward and backward pass in batches of 128."""
    for x, y in zip(problem.forget.x.split(128), problem.forget.y.split(128), strict=True):
        F.cross_entropy(model(x.float() / 255), y, reduction="sum").backward()
    model.zero_grad()


def reference(model: nn.Module, problem: Problem, keep: float = 0.3) -> dict[str, torch.Tensor]:
    """The procedure of the paper's code, written anew: products in a dictionary batch by batch, then two sorts of all elements."""
    sums = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
    for x, y in zip(problem.forget.x.split(128), problem.forget.y.split(128), strict=True):
        model.zero_grad()
        F.cross_entropy(model(x.float() / 255), y).backward()
        products = {n: (p.detach() * p.grad).clone() for n, p in model.named_parameters()}
        for n, product in products.items():
            sums[n] = sums[n] + product
    model.zero_grad()
    spread = {}
    for n, total in sums.items():
        size = total.abs()
        if size.ndim > 1:
            table = size.reshape(len(size), -1)
            top = min(max(int(0.1 * len(table)), 1), table.shape[1])
            size = table.sort(descending=True).values[:, :top].mean(1, keepdim=True).expand_as(table).reshape(size.shape)
        spread[n] = size
    flat = torch.cat([s.flatten() for s in spread.values()])
    rank = torch.empty_like(flat, dtype=torch.long)
    rank[torch.argsort(flat, descending=True)] = torch.arange(len(flat))
    chosen = (torch.argsort(torch.argsort(flat, descending=True)) < int(keep * len(flat))).split(
        [s.numel() for s in spread.values()]
    )
    return {n: c.reshape(spread[n].shape) for n, c in zip(spread, chosen, strict=True)}


def against(label: str, net: Architecture, count: int, repeats: int, memory: bool = False) -> list[Row]:
    """Time of both beside the plain pass, and memory, which only the first and largest of a process's nets can show."""
    problem = posed(count)
    model = net.build((3, 32, 32), 10).eval()
    localizer = WeightedGrad(keep=0.3)
    variants = {
        "pass": lambda: plain(model, problem),
        "untrain": lambda: localizer(model, problem),
        "reference": lambda: reference(model, problem),
    }
    found = times(variants, repeats)
    if not memory:
        return [
            ratio(f"{label}: DEL's mask / plain pass", found["untrain"], found["pass"], "at most 1.10"),
            ratio(f"{label}: reference procedure / plain pass", found["reference"], found["pass"]),
        ]
    held = {name: [peak(variants[name]) for _ in range(3)] for name in ("pass", "untrain")}
    more = [a / b for a, b in zip(held["untrain"], held["pass"], strict=True)]
    return [
        ratio(f"{label}: DEL's mask / plain pass", found["untrain"], found["pass"], "at most 1.10"),
        ratio(f"{label}: reference procedure / plain pass", found["reference"], found["pass"]),
        row(f"{label}: peak memory, DEL's mask / plain pass", "ratio", more, "at most 1.05", bytes=min(held["pass"])),
    ]


def main(quick: bool = False, threads: int = 1) -> list[Row]:
    """All rows."""
    torch.set_num_threads(threads)
    rows = [noise(threads)]
    if quick:
        return rows + against("ResNet(width=8, depth=10), 128 images", ResNet(width=8, depth=10), 128, 5)
    rows += against("ResNet-18, 128 images", ResNet(), 128, 5, memory=True)
    rows += against("ResNet(width=8, depth=10), 128 images", ResNet(width=8, depth=10), 128, 15)
    rows += against("ResNet(width=8, depth=10), 5,000 images", ResNet(width=8, depth=10), 5000, 5)
    return [*rows, noise(threads)]


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
