"""The small convolutional network."""

import pytest
import torch

from untrain.models.architectures.convnet import ConvNet


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 5, 7)])
def test_it_takes_images_of_any_size(shape):
    assert ConvNet(width=2).build(shape, 4)(torch.zeros(3, *shape)).shape == (3, 4)


def test_the_number_of_parameters_follows_the_formula():
    w, c, k = 4, 1, 3
    net = ConvNet(width=w).build((c, 8, 8), k)
    by_hand = 9 * c * w + 2 * w + 9 * w * 2 * w + 4 * w + 9 * 2 * w * 2 * w + 4 * w + 8 * w * k + k
    assert sum(p.numel() for p in net.parameters()) == by_hand
