"""Populations of models: stacked, as heads and packed into processes, against training one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.stats import ks_2samp
from side_by_side import Row, noise, ratio, row, show, times
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.data.batching import count
from untrain.data.examples import Batch, Examples, take
from untrain.experiments.populations.populate import train_population
from untrain.experiments.scenarios.digits import Digits
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.mlp import MLP
from untrain.models.inference import logits
from untrain.runtime.executors.processes import ProcessPool
from untrain.runtime.executors.serial import SerialPool
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.learners.train import Train
from untrain.training.stacked.stack import Member, Walk, train_together
from untrain.training.steps import Steps

CORES = 2


def pairs_of(train: Examples, m: int) -> list[tuple[np.ndarray, int]]:
    """Random halves of the training data, each with a seed."""
    rng = np.random.default_rng(0)
    return [(np.sort(rng.choice(len(train), len(train) // 2, replace=False)), seed) for seed in range(m)]


def headed() -> nn.Module:
    """A frozen convolutional body, the same each time, under a head that is drawn anew."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = ConvNet(width=16).build((1, 8, 8), 10)[:-1]
    return nn.Sequential(body.requires_grad_(False), nn.Linear(128, 10))


def against_loop(label: str, learner: Train, m: int, threads: int, repeats: int, asked: str = "") -> Row:
    """A whole ``train_population``, stacked and one after the other, on the same threads; initialisation and answers included."""
    data = Digits().load()
    pairs = pairs_of(data.train, m)
    pool = SerialPool(threads)
    variants = {
        "loop": lambda: train_population(learner, data.train, pairs, data.test, executor=pool, together="loop"),
        "stacked": lambda: train_population(learner, data.train, pairs, data.test, executor=pool, together="stacked"),
    }
    found = times(variants, repeats)
    name = f"{m} {label}: loop / stacked, threads={threads}"
    return ratio(name, found["loop"], found["stacked"], asked, threads=threads, models=m)


def convolutional(width: int, m: int, repeats: int) -> list[Row]:
    """Small convolutional nets: a loop on one thread against vmap, grouped convolutions and processes that are running already."""
    data = Digits().load()
    learner = Train(model=ConvNet(width=width), steps=Steps(lr=0.05, epochs=2, batch=64))
    pairs = pairs_of(data.train, m)
    members = [Member(*pair) for pair in pairs]
    models = [learner.init(data.train, seed) for _, seed in pairs]
    pool = ProcessPool(CORES, 1)
    variants: dict[str, Callable[[], object]] = {
        "loop": lambda: [learner(take(data.train, rows), seed) for rows, seed in pairs],
        "vmap": lambda: train_together(models, data.train, members, learner.steps, learner.task),
        "grouped": lambda: grouped(models, data.train, members, learner),
        "packed": lambda: train_population(learner, data.train, pairs, data.test, executor=pool, together="packed"),
    }
    try:
        found = times(variants, repeats)
    finally:
        pool.close()
    return [
        ratio(f"{m} ConvNet(width={width}): loop / {name}", found["loop"], found[name], "about 2" if name == "packed" else "")
        for name in ("vmap", "grouped", "packed")
    ]


class Grouped(nn.Module):
    """Models of ``ConvNet`` as one net whose convolutions have a group for each."""

    def __init__(self, models: Sequence[nn.Module]):
        super().__init__()
        self.m, layers = len(models), list[nn.Module]()
        for at, part in enumerate(models[0]):
            own = [model[at] for model in models]
            if isinstance(part, nn.Conv2d):
                made = nn.Conv2d(self.m * part.in_channels, self.m * part.out_channels, 3, padding=1, groups=self.m, bias=False)
                made.weight.data = torch.cat([each.weight.data for each in own])
                layers.append(made)
            elif isinstance(part, nn.BatchNorm2d):
                layers.append(nn.BatchNorm2d(self.m * part.num_features))
            elif not isinstance(part, nn.Linear | nn.Flatten):
                layers.append(part)
        self.body = nn.Sequential(*layers)
        self.weight = nn.Parameter(torch.stack([model[-1].weight.data for model in models]))
        self.bias = nn.Parameter(torch.stack([model[-1].bias.data for model in models]))

    def forward(self, x: Tensor) -> Tensor:
        """Answers (m * b, c) of inputs (m * b, channels, height, width)."""
        b, (c, h, w) = len(x) // self.m, x.shape[1:]
        seen = self.body(x.reshape(self.m, b, c, h, w).transpose(0, 1).reshape(b, self.m * c, h, w))
        own = seen.reshape(b, self.m, -1).transpose(0, 1)
        return torch.baddbmm(self.bias[:, None], own, self.weight.mT).flatten(0, 1)


def grouped(models: Sequence[nn.Module], train: Examples, members: Sequence[Member], learner: Train) -> None:
    """The same training with grouped convolutions."""
    net = Grouped(models)
    walk = Walk(net, train, members, learner.steps, learner.task)

    def loss(batch: Batch) -> Tensor:
        x, y = (field.transpose(0, 1).flatten(0, 1) for field in (batch.x, batch.y))
        return net.m * F.cross_entropy(net(x), y)

    descend(net, loss, Plan(2, walk.draw, train, learner.task, count(walk.longest, learner.steps.batch)), learner.steps)


def agreement(m: int) -> list[Row]:
    """Stacked models against the loop: the same seeds after 300 steps, and accuracies of other seeds."""
    data = Digits().load()
    learner = Train(model=MLP(width=64), steps=Steps(lr=0.02, epochs=30, batch=64))
    pairs = pairs_of(data.train, 2 * m)
    ours = train_population(learner, data.train, pairs[:m], data.test, together="stacked")["logits"]
    same = np.stack([logits(learner(take(data.train, rows), seed), data.test, learner.task) for rows, seed in pairs[:m]])
    others = np.stack([logits(learner(take(data.train, rows), seed), data.test, learner.task) for rows, seed in pairs[m:]])
    y = data.test.y.numpy()
    p = ks_2samp((ours.argmax(2) == y).mean(1), (others.argmax(2) == y).mean(1)).pvalue
    far = np.abs(ours - same).max((1, 2)).tolist()
    return [
        row(f"{m} MLP(width=64): largest difference of a logit from the loop after 300 steps", "logits", far, "at most 0.001"),
        row(f"{m} and {m} MLP(width=64): accuracies, stacked against other seeds of the loop", "p of KS", [float(p)], "above 0.01"),
    ]


def main(quick: bool = False) -> list[Row]:
    """All rows."""
    torch.set_num_threads(1)
    steps = Steps(lr=0.05, epochs=1 if quick else 4, batch=64)
    repeats = 2 if quick else 3
    mlp, linear, head = (Train(model=model, steps=steps) for model in (MLP(width=64), MLP(depth=0), headed))
    head = Train(model=headed, steps=Steps(lr=0.05, epochs=steps.epochs, batch=64, buffers="freeze"))
    if quick:
        return [noise(1), against_loop("MLP(width=64)", mlp, 16, 1, repeats), *convolutional(4, 4, 1)]
    rows = [noise(1), against_loop("MLP(width=64)", mlp, 64, 1, repeats, "at least 5")]
    rows.append(against_loop("MLP(width=64)", mlp, 64, CORES, repeats, "at least 5"))
    rows.append(against_loop("MLP(width=256, depth=2)", Train(model=MLP(width=256, depth=2), steps=steps), 16, 1, 2))
    for m in (16, 64):
        rows.append(against_loop("linear models", linear, m, 1, 3))
        rows.append(against_loop("heads on a frozen ConvNet", head, m, 1, 2))
    return rows + convolutional(8, 8, 3) + agreement(16) + [noise(1)]


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
