"""A small network, and data of which each set is one batch, to compare single steps on."""

import numpy as np
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps

LR = 0.1
PLAIN = Steps(lr=LR, epochs=1, batch=64, optimizer=SGD(momentum=0.0), schedule=Constant())


def network():
    """Two layers without batch norm, in eval mode."""
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).eval()


def convolutional():
    """Two convolutions and a head, in eval mode."""
    body = (nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Conv2d(4, 5, 2), nn.Flatten())
    return nn.Sequential(nn.Unflatten(1, (1, 5, 5)), *body, nn.Linear(20, 3)).eval()


class Tokens(nn.Module):
    """A transformer in small: its class token and its embeddings of places are declared first and belong to no layer."""

    def __init__(self):
        super().__init__()
        self.token, self.places = nn.Parameter(torch.randn(1, 1, 4)), nn.Parameter(torch.randn(1, 3, 4))
        self.patches, self.attention, self.head = nn.Linear(2, 4), nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), self.patches(x.unflatten(1, (2, 2)))], 1) + self.places
        return self.head(self.attention(x, x, x, need_weights=False)[0][:, 0])


def posed(make=network, width=4, forget=6, retain=10):
    """A model and a problem with held-out data whose sets are smaller than a batch."""
    torch.manual_seed(0)
    sides, at = [], 0
    for n in (forget, retain, 8):
        sides.append(Examples.labelled(torch.randn(n, width), torch.arange(n) % 3, np.arange(n) + at, 3))
        at += n

    def init(seed):
        torch.manual_seed(seed)
        return make()

    return make(), Problem(Classification(), *sides, init=init, seed=5)


def close(forgot, wanted, tolerance=1e-6):
    """Whether the parameters of two models agree."""
    pairs = zip(forgot.parameters(), wanted.parameters(), strict=True)
    return all(torch.allclose(a, b, atol=tolerance) for a, b in pairs)
