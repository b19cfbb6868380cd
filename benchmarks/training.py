"""Training with untrain beside the plain loop: images a second on all cores, and whether the accuracy is the same."""

from __future__ import annotations

import os
import sys
import time
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from scipy import stats
from side_by_side import Row, noise, row, show
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from untrain.data.examples import Examples
from untrain.experiments.scenarios.digits import Digits
from untrain.models.architectures.base import Architecture
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.resnet import ResNet
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.steps import SGD, Cosine, Steps, step_size


class Items(Dataset):
    """Examples one by one, as a data set usually gives them: an image of bytes becomes a float tensor when asked for."""

    def __init__(self, examples: Examples):
        self.x, self.y = examples.x.numpy(), examples.y.tolist()

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, at: int) -> tuple[torch.Tensor, int]:
        x = torch.from_numpy(self.x[at])
        return (x.float() / 255 if x.dtype == torch.uint8 else x), self.y[at]


def plain(examples: Examples, net: Architecture, steps: Steps, seed: int) -> nn.Module:
    """The loop that everyone writes: DataLoader, float32, the loss asked for at each step."""
    torch.manual_seed(seed)
    model = net.build(tuple(examples.x.shape[1:]), examples.classes).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=steps.lr, momentum=0.9)
    loader = DataLoader(Items(examples), batch_size=steps.batch, shuffle=True)
    total = 0.0
    for epoch in range(int(steps.epochs)):
        for group in optimizer.param_groups:
            group["lr"] = step_size(steps, epoch, int(steps.epochs))
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
    return model.eval()


def ours(examples: Examples, net: Architecture, steps: Steps, seed: int) -> nn.Module:
    """The same with untrain's learner."""
    return Train(model=net, steps=steps)(examples, seed)


def images(count: int) -> Examples:
    """Random images of CIFAR-10's shape; what is on them does not matter for time."""
    made = torch.Generator().manual_seed(0)
    x = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=made)
    return Examples.labelled(x, torch.randint(10, (count,), generator=made), np.arange(count), 10)


def _packed(gate: Any, out: Any, examples: Examples, net: Architecture, steps: Steps, repeats: int) -> None:
    torch.set_num_threads(1)
    ours(examples, net, Steps(lr=0.01, epochs=1, batch=steps.batch), 0)
    for at in range(repeats):
        gate.wait()
        start = time.perf_counter()
        ours(examples, net, steps, at)
        out.put((at, time.perf_counter() - start))
        gate.wait()
        gate.wait()


def speed(label: str, examples: Examples, net: Architecture, steps: Steps, repeats: int) -> list[Row]:
    """Images a second on all cores: the plain loop with a thread a core, one model of ours, and a model a core."""
    cores = os.cpu_count() or 1
    count = len(examples) * int(steps.epochs)
    context = get_context("spawn")
    gate, out = context.Barrier(cores + 1), context.Queue()
    workers = [context.Process(target=_packed, args=(gate, out, examples, net, steps, repeats)) for _ in range(cores)]
    for worker in workers:
        worker.start()
    for threads in (1, cores):  # once uncounted
        torch.set_num_threads(threads)
        plain(examples, net, Steps(lr=0.01, epochs=1, batch=steps.batch), 0)
        ours(examples, net, Steps(lr=0.01, epochs=1, batch=steps.batch), 0)
    found: dict[str, list[float]] = {"plain": [], "one": [], "packed": []}
    for at in range(repeats):
        # The workers wait at the gate, without work, while this process measures.
        torch.set_num_threads(cores)
        found["plain"].append(count / _timed(plain, examples, net, steps, at))
        torch.set_num_threads(1)
        found["one"].append(count / _timed(ours, examples, net, steps, at))
        gate.wait()
        gate.wait()
        slowest = max(out.get()[1] for _ in workers)
        found["packed"].append(cores * count / slowest)
        gate.wait()
    for worker in workers:
        worker.join()
    rows = [row(f"{label}: images a second, {kind}", "1/s", values) for kind, values in found.items()]
    for kind, asked in (("packed", "at least 2"), ("one", "")):
        each = [a / b for a, b in zip(found[kind], found["plain"], strict=True)]
        told = f"{cores} models, a core each" if kind == "packed" else "one model, one thread"
        rows.append(row(f"{label}: {told} / plain loop with {cores} threads, images a second", "ratio", each, asked))
    return rows


def _timed(train: Any, examples: Examples, net: Architecture, steps: Steps, seed: int) -> float:
    start = time.perf_counter()
    train(examples, net, steps, seed)
    return time.perf_counter() - start


def equivalence(label: str, train: Examples, test: Examples, net: Architecture, steps: Steps, seeds: int = 10) -> list[Row]:
    """Two one-sided t-tests (Welch) of the difference in test accuracy against a margin of one point."""
    torch.set_num_threads(1)
    found = {}
    for name, learn in (("plain", plain), ("untrain", ours)):
        right = [
            logits(learn(train, net, steps, seed), test, Classification()).argmax(1) == test.y.numpy() for seed in range(seeds)
        ]
        found[name] = 100 * np.array([r.mean() for r in right])
    a, b = found["untrain"], found["plain"]
    above = stats.ttest_ind(a + 1, b, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(a - 1, b, equal_var=False, alternative="less").pvalue
    p = float(max(above, below))
    return [
        row(f"{label}: test accuracy, untrain", "%", a.tolist()),
        row(f"{label}: test accuracy, plain loop", "%", b.tolist()),
        row(f"{label}: p of the two one-sided tests, margin 1 point", "p", [p], "below 0.05", points=float(a.mean() - b.mean())),
    ]


def main(quick: bool = False) -> list[Row]:
    """All rows."""
    digits = Digits().load()
    steps = Steps(lr=0.1, epochs=12, batch=64, optimizer=SGD(momentum=0.9), schedule=Cosine())
    rows = [noise(1)]
    rows += speed("ConvNet on digits, batch 64", digits.train, ConvNet(), Steps(lr=0.1, epochs=4, batch=64), 3 if quick else 5)
    if not quick:
        once = Steps(lr=0.1, epochs=1, batch=128)
        rows += speed("ResNet(width=8, depth=10), 32x32, batch 128", images(2560), ResNet(width=8, depth=10), once, 4)
    rows += equivalence("ConvNet on digits", digits.train, digits.test, ConvNet(), steps, 3 if quick else 10)
    return [*rows, noise(1)]


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
