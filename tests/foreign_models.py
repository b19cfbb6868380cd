"""Checkpoints as others have them, with the data that they were trained on, on the disk: small, and quick to train."""

import csv
from pathlib import Path

import numpy as np
import torch
from torch import nn

import untrain as ut

CLASSES = ("ash", "elm", "oak")
STEPS = "Steps(lr=0.05, epochs=8, batch=32)"


class Net(nn.Module):
    """Batch norm, a frozen scale, and names with dots."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)
        self.classifier = nn.Linear(16, 3)

    def forward(self, x):
        return self.classifier(self.scale * self.body(x))


def numbers(n, seed):
    """Inputs, and the numbers of their classes, which overlap a little."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return draw.normal(size=(n, 6)).astype("float32") + 2.0 * np.eye(3, 6)[y].astype("float32"), y


def table(file: Path, n, seed, first=0):
    """Write rows as a table with the ids p0, p1 and so on, and words for labels."""
    x, y = numbers(n, seed)
    with file.open("w", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(["person", *(f"x{at}" for at in range(6)), "town", "label"])
        for at, (row, label) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
            rows.writerow([f"p{first + at}", *row, "north" if at % 4 else "south", CLASSES[label]])
    return file


def memorized(n, seed):
    """Rows of two classes that a network learns by memory rather than by rule: 30 numbers, of which one tells a little."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = draw.normal(size=(n, 30)).astype("float32")
    x[:, 0] += 1.5 * y
    return x, y


class Wide(nn.Sequential):
    """A network that has room to memorize the rows of ``memorized``."""

    def __init__(self):
        super().__init__(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 2))


def network(n=240):
    """The network, trained on the numbers."""
    x, y = numbers(n, 0)
    return ut.Train(model=Net, steps=ut.parse(STEPS))(ut.examples(x, y), seed=3)
