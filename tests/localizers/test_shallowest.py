"""The layers next to the input."""

import pytest
import torch

from untrain.data.examples import Examples
from untrain.localizers._mask_units import Channels
from untrain.localizers.deepest import Deepest
from untrain.localizers.shallowest import Shallowest
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.toy import small


def test_thirty_percent_of_resnet18_are_three_stages_and_the_beginning_of_the_fourth(resnet18, counts):
    found = counts(Shallowest()(*resnet18))
    assert found.pop("layer4.0.conv1.weight") == 577_084
    assert all(n.startswith(("conv1", "bn1", "layer1", "layer2", "layer3")) for n in found)
    assert sum(found.values()) == 2_775_104


def test_by_tensor_it_stops_at_the_first_that_does_not_fit(resnet18, counts):
    assert sum(counts(Shallowest(per="tensor")(*resnet18)).values()) == 2_775_104


def test_depth_is_the_order_in_which_an_example_meets_the_layers(backwards, counts):
    assert counts(Shallowest(channels=Channels(count=20))(*backwards)) == {"stem.weight": 16, "body.weight": 4}


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8])
def test_by_tensor_it_shares_none_with_the_deepest_rest(keep):
    one = Shallowest(keep=keep, per="tensor")(*small()).bits
    other = Deepest(keep=1 - keep, per="tensor")(*small()).bits
    assert not any(bool((one[n] & other[n]).any()) for n in one)


def test_a_batch_norm_alone_can_be_cut(resnet18, counts):
    _, problem = resnet18
    net = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()
    problem = Problem(Classification(), *(Examples.labelled(e.x, e.y % 3, e.ids, 3) for e in (problem.forget, problem.retain)))
    assert counts(Shallowest(keep=0.5)(net, problem)) == {"0.weight": 3}
    assert counts(Deepest(keep=0.5, per="channel")(net, problem)) == {"0.bias": 3}
