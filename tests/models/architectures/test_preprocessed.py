"""Cropped and normalised by the model itself, whoever asks it."""

from copy import deepcopy

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import ModelError
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.huggingface import HuggingFace
from untrain.models.architectures.preprocessed import Preprocessed
from untrain.models.architectures.resnet import ResNet
from untrain.models.architectures.vit import ViT
from untrain.models.tasks.classification import Classification


def built(spec, shape=(3, 12, 12), seed=0):
    torch.manual_seed(seed)
    return spec.build(shape, 4).eval()


def test_answers_are_those_of_the_network_on_the_normalised_middle():
    mean, std = (0.5, 0.25, 0.1), (0.2, 0.5, 1.0)
    plain, prepared = built(ConvNet(width=4)), built(Preprocessed(model=ConvNet(width=4), crop=8, mean=mean, std=std))
    x = torch.rand(5, 3, 12, 12)
    middle = (x[:, :, 2:10, 2:10] - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert torch.equal(prepared(x), plain(middle))


def test_the_middle_is_where_torchvision_has_it():
    """Its left side is round((width - crop) / 2), to the even number where two are as near."""
    x = torch.arange(11.0).expand(1, 1, 11, 11)
    for crop, left in ((8, 2), (6, 2), (10, 0), (7, 2)):
        seen = []
        net = Preprocessed(model=ConvNet(width=2), crop=crop).build((1, 11, 11), 2)
        net[0].register_forward_pre_hook(lambda _, given, seen=seen: seen.append(given[0]))
        net(x.expand(2, 1, 11, 11))
        assert seen[0][0, 0, 0].tolist() == list(range(left, left + crop))


def test_images_no_larger_than_the_crop_keep_their_size():
    plain, prepared = built(ConvNet(width=4)), built(Preprocessed(model=ConvNet(width=4), crop=12))
    for side in (12, 9):
        x = torch.rand(2, 3, side, side)
        assert torch.equal(prepared(x), plain(x))


def test_parameters_bear_the_names_and_values_that_they_have_without():
    plain, prepared = (
        built(s, (3, 40, 40)) for s in (ResNet(width=4, depth=10), Preprocessed(model=ResNet(width=4, depth=10), crop=32))
    )
    assert plain.state_dict().keys() == prepared.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), prepared.parameters(), strict=True))


def test_a_network_that_asks_for_a_size_gets_the_cropped_one():
    net = Preprocessed(model=ViT(patch=4, width=16, depth=1, heads=2, hidden=16), crop=8).build((3, 10, 10), 4)
    assert net(torch.rand(2, 3, 10, 10)).shape == (2, 4)


def test_of_two_the_outer_comes_first():
    """Of 11 columns 3 go and then 3: the outer takes 2 from the left, the inner 2; the inner alone would take 3 of 6."""
    inner = Preprocessed(model=ConvNet(width=4), crop=5, mean=(1.0,) * 3, std=(2.0,) * 3)
    twice, plain = built(Preprocessed(model=inner, crop=8), (3, 11, 11)), built(ConvNet(width=4), (3, 5, 5))
    x = torch.rand(2, 3, 11, 11)
    torch.testing.assert_close(twice(x), plain((x[:, :, 4:9, 4:9] - 1) / 2))


@pytest.mark.parametrize(
    "inner",
    [
        Preprocessed(model=ConvNet(), mean=(0.5,), std=(0.5,)),
        Preprocessed(model=Preprocessed(model=ConvNet(), mean=(0.5,), std=(0.5,)), crop=8),
        HuggingFace(checkpoint="owner/name"),
        HuggingFace(kind="vit", mean=(0.5,), std=(0.5,)),
    ],
)
def test_nothing_is_normalised_twice(inner):
    with pytest.raises(ut.BadInput, match="normalises its images itself, and they would be twice") as caught:
        Preprocessed(model=inner, mean=(0.5,), std=(0.5,))
    assert "\n" not in str(caught.value)
    assert Preprocessed(model=inner, crop=8).normalises()
    plain = Preprocessed(model=HuggingFace(kind="vit"), mean=(0.5,), std=(0.5,))
    assert plain.mean == (0.5,), "a new model of a kind does nothing of its own"


def test_bytes_are_scaled_before_they_are_normalised_and_a_copy_does_the_same():
    prepared = built(Preprocessed(model=ConvNet(width=4), mean=(0.5,) * 3, std=(0.5,) * 3))
    x = torch.randint(0, 256, (4, 3, 12, 12), dtype=torch.uint8)
    plain = built(ConvNet(width=4))
    asked = Classification().forward(prepared, ut.Examples.labelled(x, torch.zeros(4), np.arange(4), 4))
    torch.testing.assert_close(asked, plain((x.float() / 255 - 0.5) / 0.5))
    assert torch.equal(
        Classification().forward(deepcopy(prepared), ut.Examples.labelled(x, torch.zeros(4), np.arange(4), 4)), asked
    )


@pytest.mark.parametrize(
    ("spec", "shape", "told"),
    [
        (
            Preprocessed(model=ConvNet(), mean=(0.5,), std=(0.5,)),
            (3, 8, 8),
            r"for images of 3 channels: give each one number per channel",
        ),
        (Preprocessed(model=ConvNet(), mean=(0.5,)), (1, 8, 8), r"mean=\(0.5,\) and std=\(\)"),
        (Preprocessed(model=ConvNet(), crop=4), (7,), r"needs images .*shape \(7,\)"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(spec, shape, told):
    with pytest.raises(ModelError, match=told) as caught:
        spec.build(shape, 2)
    assert "\n" not in str(caught.value)


def test_a_deviation_of_zero_is_refused():
    with pytest.raises(ut.BadInput, match="std"):
        Preprocessed(model=ConvNet(), mean=(0.5,), std=(0.0,))


def test_its_spelling_reads_back():
    made = ut.parse("CIFAR10(model=Preprocessed(model=ResNet(), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)))")
    assert ut.parse(repr(made)) == made
