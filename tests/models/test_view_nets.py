"""Networks that take a view of what convolutions give are asked and trained in their own layout, others in the faster one."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from untrain.core.precision import channels_last, takes_channels_last
from untrain.data.examples import Examples
from untrain.models.features import features
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.steps import Steps


class First(nn.Module):
    """The network of PyTorch's first tutorials on digits."""

    def __init__(self, channels=1):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, 4, 5), nn.Conv2d(4, 6, 5)
        self.last = nn.Linear(96, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.last(x.view(-1, 96))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_with_a_view_is_asked_and_trained(channels):
    torch.manual_seed(0)
    x = torch.rand(12, channels, 28, 28)
    examples = Examples.labelled(x, torch.arange(12) % 10, np.arange(12), 10)
    net, task = First(channels).eval(), Classification(classes=10)
    with torch.no_grad():
        assert np.allclose(logits(net, examples, task), net(x).numpy(), atol=1e-6)
    assert features(net, examples, task).shape == (12, 96)
    trained = Train(model=lambda: First(channels), steps=Steps(epochs=1, batch=4), task=task)(examples, 0)
    assert not torch.equal(trained.last.weight, net.last.weight)


def test_the_faster_layout_is_for_networks_that_surely_take_it():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    assert takes_channels_last(plain)
    assert not takes_channels_last(nn.Sequential(First(), nn.Flatten()))
    assert not takes_channels_last(torch.fx.symbolic_trace(First()))
    unread: dict[str, type] = {}
    exec("from torch import nn\nclass Net(nn.Sequential): pass", {"__name__": "nowhere"}, unread)
    assert not takes_channels_last(unread["Net"]())
    with channels_last(plain):
        assert plain[0].weight.is_contiguous(memory_format=torch.channels_last)
