"""Residual networks."""

import pytest
import torch

from untrain.models.resnet import ResNet


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
