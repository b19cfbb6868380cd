"""Models whose layers lie in a known order, and one whose gradients are its inputs."""

import numpy as np
import pytest
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.models.architectures.resnet import ResNet
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem


class Plain(Choice):
    """A task whose loss is the model's output, so that the inputs are the gradients."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return outputs.sum(1)


def _linear(weights, inputs, retain=None):
    """A linear model without bias, and sets whose rows are the gradients of their examples."""
    model = nn.Linear(len(weights), 1, bias=False).eval()
    model.weight.data = torch.tensor([weights])
    sets = [torch.tensor(rows) for rows in (inputs, inputs if retain is None else retain)]
    return model, Problem(Plain(), *(Examples.labelled(x, torch.zeros(len(x)).long(), np.arange(len(x)), 1) for x in sets))


@pytest.fixture
def linear():
    return _linear


@pytest.fixture
def resnet18():
    """CIFAR's ResNet-18 and a problem of four images."""
    torch.manual_seed(0)
    model = ResNet().build((3, 32, 32), 10).eval()
    given = Examples.labelled(torch.rand(4, 3, 32, 32), torch.arange(4), np.arange(4), 10)
    return model, Problem(Classification(), given, given)


class Backwards(nn.Module):
    """Layers that are declared from the output to the input, and one that is never asked."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2, bias=False)
        self.body = nn.Linear(4, 3, bias=False)
        self.spare = nn.Linear(5, 5, bias=False)
        self.stem = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).relu())


@pytest.fixture
def backwards():
    """Such a model: head 6, body 12, spare 25, stem 16 weights."""
    given = Examples.labelled(torch.rand(4, 4), torch.arange(4) % 2, np.arange(4), 2)
    return Backwards().eval(), Problem(Classification(), given, given)


@pytest.fixture
def counts():
    """Weights in a mask of each parameter that has some."""
    return lambda mask: {n: int(b.sum()) for n, b in mask.bits.items() if bool(b.any())}
