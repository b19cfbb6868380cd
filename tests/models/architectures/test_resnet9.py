"""ResNet9: its size, its shape, its cost, and that it learns."""

import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import ModelError
from untrain.core.flops import count_flops
from untrain.models.architectures.resnet9 import ResNet9
from untrain.models.inference import logits


def numbers(net):
    """How many parameters it has."""
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("shape", "count"), [((3, 32, 32), 103_944), ((1, 28, 28), 103_800)])
def test_at_width_eight_it_has_about_104_000_parameters(shape, count):
    assert numbers(ResNet9().build(shape, 10)) == count


@pytest.mark.parametrize("w", [1, 5, 16])
def test_the_number_of_parameters_in_closed_form(w):
    # 3x3 kernels w*c + 2w*w + 2(2w)^2 + 4w*2w + 8w*4w + 2(8w)^2, a scale and a shift per channel, 8w weights per class.
    kernels = 9 * (3 * w + 2 * w**2 + 8 * w**2 + 8 * w**2 + 32 * w**2 + 128 * w**2)
    scales = 2 * (w + 2 * w + 2 * 2 * w + 4 * w + 8 * w + 2 * 8 * w)
    assert numbers(ResNet9(width=w).build((3, 32, 32), 7)) == kernels + scales + 7 * 8 * w


def test_one_image_takes_six_million_multiply_adds():
    net = ResNet9().build((3, 32, 32), 10).eval()
    _, operations = count_flops(lambda: net(torch.zeros(1, 3, 32, 32)))
    # The stem, then five parts of equal cost, as each halves the image and doubles the channels.
    assert operations / 2 == 9 * 3 * 8 * 1024 + 5 * 9 * 8 * 16 * 1024 + 640


def test_the_head_is_the_last_linear_layer_without_bias_and_its_output_is_the_models():
    net = ResNet9().build((1, 28, 28), 10).eval()
    assert isinstance(net.fc, nn.Linear)
    assert net.fc.bias is None
    outputs = []
    net.fc.register_forward_hook(lambda part, given, out: outputs.append(out))
    x = torch.rand(3, 1, 28, 28)
    assert torch.equal(net(x), outputs[0])


def test_logits_are_an_eighth_of_the_last_layers():
    net = ResNet9().build((1, 28, 28), 10).eval()
    seen = []
    net.layer3.register_forward_hook(lambda part, given, out: seen.append(out))
    x = torch.rand(3, 1, 28, 28)
    out = net(x)
    assert torch.equal(out, net.fc(seen[0].amax((2, 3))) / 8)


@pytest.mark.parametrize("shape", [(3, 7, 32), (64,), (8, 8)])
def test_what_cannot_be_pooled_three_times_is_refused_in_one_line(shape):
    with pytest.raises(ModelError, match="needs images of at least 8 x 8 pixels"):
        ResNet9().build(shape, 10)


def test_it_learns_digits():
    data = ut.Digits().load()
    learner = ut.Train(model=ResNet9(width=4), steps=ut.Steps(lr=0.5, epochs=4, batch=64, schedule=ut.Triangular()))
    right = logits(learner(data.train, 0), data.test, learner.task).argmax(1) == data.test.y.numpy()
    assert right.mean() > 0.95
