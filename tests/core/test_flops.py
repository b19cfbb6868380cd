"""Operations are those of torch's own counter."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from untrain.core.flops import cost_key, count_flops
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.resnet import ResNet


def by_torch(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def attention(inference=False):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    with torch.inference_mode(inference):
        return layer(torch.ones(2, 3, 8)).sum()


@pytest.mark.parametrize("built", [ConvNet(width=4), ResNet(width=4, depth=10)])
@pytest.mark.parametrize("train", [True, False])
def test_a_pass_forward_and_backward_counts_as_torch_counts_it(built, train):
    model = built.build((3, 8, 8), 5).train(train)
    next(model.parameters()).requires_grad_(False)

    def work():
        model(torch.ones(3, 3, 8, 8)).sum().backward()

    assert count_flops(work)[1] == by_torch(work) > 0


@pytest.mark.parametrize("work", [lambda: attention().backward(), lambda: attention(inference=True)])
def test_operations_made_of_others_are_taken_apart(work):
    assert count_flops(work)[1] == by_torch(work) > 0


def test_a_convolution_whose_weight_gradient_is_of_few_channels_counts_what_it_does():
    x, grad = torch.ones(2, 3, 6, 6), torch.ones(2, 8, 4, 4)

    def back(channels):
        weight = torch.ones(channels, 3, 3, 3)
        how = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False])
        return count_flops(lambda: torch.ops.aten.convolution_backward(grad[:, :channels], x, weight, None, *how))[1]

    assert back(2) * 4 == back(8) == 2 * 2 * 16 * 8 * 27


def test_what_work_returns_is_handed_on():
    assert count_flops(lambda: "done") == ("done", 0)


def test_models_of_one_kind_are_alike_in_all_that_operations_depend_on():
    def kind(width=4, stride=1, free=True, train=False, shape=(3, 8, 8)):
        conv = nn.Conv2d(3, width, 3, stride=stride)
        conv.weight.requires_grad_(free)
        return cost_key(nn.Sequential(conv, nn.ReLU()).train(train), shape)

    assert kind() == kind()
    hash(kind())
    others = [kind(width=5), kind(stride=2), kind(free=False), kind(train=True), kind(shape=(3, 9, 9))]
    assert len({kind(), *others}) == 6


def test_attributes_of_any_sort_tell_kinds_apart():
    def made(cfg):
        layer = torch.nn.Linear(2, 2)
        layer.cfg = cfg
        return cost_key(layer)

    assert made(([1, 2], [3])) == made(([1, 2], [3]))
    assert made([0]) != made([0, 0])
    hash(made({"a": [1]}))
