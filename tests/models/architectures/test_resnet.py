"""Residual networks."""

import pytest
import torch
from torch import nn

from untrain.models.architectures.resnet import ResNet


def count(net):
    """Number of parameters."""
    return sum(p.numel() for p in net.parameters())


def test_resnet18_has_the_published_number_of_parameters():
    assert count(ResNet().build((3, 32, 32), 10)) == 11_173_962


@pytest.mark.parametrize(
    ("stage", "numbers"),
    [("layer1", 147_968), ("layer2", 525_568), ("layer3", 2_099_712), ("layer4", 8_393_728), ("fc", 5_130)],
)
def test_resnet18_has_the_published_number_of_parameters_in_each_stage(stage, numbers):
    assert count(ResNet().build((3, 32, 32), 10).get_submodule(stage)) == numbers


@pytest.mark.parametrize("depth", [10, 18, 34, 50])
def test_answers_have_one_column_a_class(depth):
    net = ResNet(width=4, depth=depth).build((1, 16, 16), 7)
    assert net(torch.zeros(2, 1, 16, 16)).shape == (2, 7)


def test_the_stem_keeps_the_size_of_the_image():
    net = ResNet(width=4).build((3, 32, 32), 10)
    assert net.conv1(torch.zeros(1, 3, 32, 32)).shape == (1, 4, 32, 32)


def test_there_are_as_many_weighted_layers_as_the_depth_says():
    for depth in (10, 18, 34, 50):
        net = ResNet(width=4, depth=depth).build((3, 32, 32), 10)
        layers = [n for n, p in net.named_parameters() if p.ndim > 1 and "downsample" not in n]
        assert len(layers) == depth


def test_a_block_that_keeps_shape_adds_its_input():
    block = ResNet(width=4).build((3, 32, 32), 10).eval().layer1[0]
    with torch.no_grad():
        block.bn2.weight.zero_()
        x = torch.rand(1, 4, 8, 8)
        assert torch.equal(block(x.clone()), x)


def test_each_later_stage_halves_the_image():
    net, sides = ResNet(width=2).build((3, 32, 32), 10), []
    for stage in (1, 2, 3, 4):
        net.get_submodule(f"layer{stage}").register_forward_hook(lambda part, given, out: sides.append(out.shape[-1]))
    net(torch.zeros(1, 3, 32, 32))
    assert sides == [32, 16, 8, 4]


def test_resnet50_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert count(ResNet(depth=50).build((3, 224, 224), 100)) == 23_712_932


def test_resnet50_begins_with_the_large_stem_unless_told_otherwise():
    large, small = (ResNet(width=4, depth=50, stem=stem).build((3, 64, 64), 10) for stem in ("auto", "small"))
    assert large.conv1.kernel_size == (7, 7)
    assert small.conv1.kernel_size == (3, 3)
    assert count(large) - count(small) == 3 * 4 * (49 - 9)


def test_the_large_stem_divides_the_image_by_four():
    net, seen = ResNet(width=2, stem="large").build((3, 64, 64), 10), []
    net.layer1.register_forward_pre_hook(lambda part, given: seen.append(tuple(given[0].shape[2:])))
    assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 10)
    assert seen == [(16, 16)]


def test_a_bottleneck_that_keeps_shape_adds_its_input():
    block = ResNet(width=4, depth=50).build((3, 32, 32), 10).eval().layer1[1]
    with torch.no_grad():
        block.bn3.weight.zero_()
        x = torch.rand(1, 16, 8, 8)
        assert torch.equal(block(x.clone()), x)


def test_a_bottleneck_strides_in_its_middle_convolution():
    block = ResNet(width=4, depth=50).build((3, 32, 32), 10).layer2[0]
    assert [conv.stride for conv in (block.conv1, block.conv2, block.conv3)] == [(1, 1), (2, 2), (1, 1)]


def fresh(**how):
    """A freshly initialised network whose layers are large enough to tell a law by."""
    torch.manual_seed(0)
    return ResNet(**how).build((3, 32, 32), 10)


def normal_of(weight):
    """Whether draws have the mean, variance and fourth moment of a normal of variance 2 / fan-out, within five standard errors."""
    unit = weight.detach().double().flatten() / (2 / (weight.shape[0] * weight[0, 0].numel())) ** 0.5
    moments = [(1, 0.0, 1.0), (2, 1.0, 2.0), (4, 3.0, 96.0)]  # power, mean, variance
    return all(abs(float((unit**k).mean()) - mean) < 5 * (variance / unit.numel()) ** 0.5 for k, mean, variance in moments)


def uniform_of(weight, fan_in):
    """Whether draws fill +- 1 / sqrt(fan-in) evenly: nothing beyond it, and the mean square within five standard errors."""
    unit = weight.detach().double().flatten() * fan_in**0.5
    near = abs(float((unit**2).mean()) - 1 / 3) < 5 * (4 / 45 / unit.numel()) ** 0.5
    return near and 0.9 < float(unit.abs().max()) <= 1 + 1e-6


@pytest.mark.parametrize("how", [{}, {"width": 16, "depth": 50}])
def test_convolutions_begin_normal_by_their_fan_out(how):
    net = fresh(**how)
    stem = [] if net.large else [net.conv1]
    convolutions = [part for part in net.modules() if isinstance(part, nn.Conv2d) and part not in stem]
    assert all(normal_of(part.weight) for part in convolutions)
    assert len(convolutions) + len(stem) == {False: 20, True: 53}[net.large]


def test_a_replaced_small_stem_begins_with_torchs_default():
    net = fresh()
    assert uniform_of(net.conv1.weight, 27)
    assert not normal_of(net.conv1.weight)


def test_norms_begin_at_one_and_zero_and_the_head_uniform_by_its_fan_in():
    net = fresh()
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) == 20
    assert all(bool((part.weight == 1).all()) and not part.bias.any() for part in norms)
    assert uniform_of(net.fc.weight, 512)
    assert float(net.fc.bias.detach().abs().max()) <= 512**-0.5
