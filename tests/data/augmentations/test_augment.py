"""Crops move images by at most the padding; mirrors are their own inverse; draws are new each epoch and the seed's."""

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import DataError
from untrain.data.augmentations.horizontalflip import HorizontalFlip
from untrain.data.augmentations.randomcrop import RandomCrop
from untrain.training.learners.train import Train
from untrain.training.steps import Steps


def dot(n, side=9, at=(4, 4), dtype=torch.float32):
    """Images of one bright pixel; the second channel has twice its value."""
    x = torch.zeros(n, 2, side, side, dtype=dtype)
    x[:, 0, at[0], at[1]], x[:, 1, at[0], at[1]] = 1, 2
    return x


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_crop_moves_a_pixel_by_every_step_up_to_pad_and_alike_in_all_channels(dtype):
    moved = RandomCrop(pad=2)(dot(2000, dtype=dtype), np.random.default_rng(0))
    assert moved.dtype == dtype
    assert moved.is_contiguous()
    assert torch.equal(2 * moved[:, 0], moved[:, 1])
    image, down, across = moved[:, 0].nonzero(as_tuple=True)
    assert torch.equal(image, torch.arange(2000))
    counts = np.histogram2d(down.numpy(), across.numpy(), bins=[np.arange(10), np.arange(10)])[0]
    assert (counts[2:7, 2:7] > 40).all(), "each of 25 places is expected 80 times"
    assert counts.sum() == counts[2:7, 2:7].sum()


def test_what_a_crop_moves_out_of_the_image_is_gone_and_zeros_come_in():
    moved = RandomCrop(pad=1)(torch.ones(100, 1, 3, 5), np.random.default_rng(0))
    assert set(moved.sum((1, 2, 3)).tolist()) == {15.0, 12.0, 10.0, 8.0}


def test_a_crop_is_that_of_each_image_by_itself():
    x = torch.rand(20, 3, 6, 4)
    rng = np.random.default_rng(3)
    down, across = rng.integers(0, 5, (2, 20))
    wide = torch.nn.functional.pad(x, (2, 2, 2, 2))
    one_by_one = torch.stack([wide[i, :, d : d + 6, a : a + 4] for i, (d, a) in enumerate(zip(down, across, strict=True))])
    assert torch.equal(RandomCrop(pad=2)(x, np.random.default_rng(3)), one_by_one)


def test_a_mirror_is_its_own_inverse_and_turns_its_share_of_the_images():
    x = torch.arange(2 * 3 * 4).reshape(1, 2, 3, 4).repeat(1000, 1, 1, 1)
    sure, never = HorizontalFlip(rate=1.0), HorizontalFlip(rate=0.0)
    rng = np.random.default_rng(0)
    assert torch.equal(sure(sure(x, rng), rng), x)
    assert torch.equal(never(x, rng), x)
    assert torch.equal(sure(x, rng), x.flip(3))
    turned = (HorizontalFlip()(x, rng) != x).flatten(1).any(1)
    assert 420 < int(turned.sum()) < 580


@pytest.mark.parametrize("augment", [RandomCrop(), HorizontalFlip()])
def test_what_is_no_image_is_refused_in_one_line(augment):
    with pytest.raises(DataError, match=r"needs images .*shape \(5, 7\)"):
        augment(torch.ones(5, 7), np.random.default_rng(0))
    with pytest.raises(DataError, match="needs images"):
        Train(model=lambda: nn.Linear(7, 2), steps=Steps(epochs=1), augment=(augment,))(
            ut.examples(torch.ones(5, 7), [0, 1, 0, 1, 0])
        )


@pytest.fixture
def watched(monkeypatch):
    """A learner whose every training batch is kept."""
    seen = []

    class Net(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Flatten(), nn.Linear(2 * 81, 3))

        def forward(self, x):
            seen.append((self.training, x.detach().clone()))
            return super().forward(x)

    return Train(model=Net, steps=Steps(lr=0.01, epochs=2, batch=16), augment=(RandomCrop(pad=3), HorizontalFlip())), seen


def test_training_sees_new_draws_each_epoch_and_the_same_for_the_same_seed(watched):
    learner, seen = watched
    data = ut.examples(dot(16, at=(3, 6)), np.arange(16) % 3)
    learner(data, seed=1)
    first = [x for training, x in seen if training]
    assert not torch.equal(first[0], first[1])
    seen.clear()
    learner(data, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first, [x for training, x in seen if training], strict=True))


def test_unlearning_augments_its_steps_and_neither_localization_nor_questions(watched):
    learner, seen = watched
    x = dot(32, at=(3, 6))
    model = learner.init(ut.examples(x, np.arange(32) % 3), 0).eval()
    problem = ut.problem((x, np.arange(32) % 3), [1, 2, 3], learner)
    seen.clear()
    ut.parse("NegGrad(steps=Steps(epochs=1, batch=8)) @ WeightedGrad(keep=0.5)")(model, problem)
    trained = torch.cat([x for training, x in seen if training])
    plain = torch.cat([x for training, x in seen if not training])
    assert len(plain) >= 3
    assert torch.equal(plain, dot(len(plain), at=(3, 6)))
    assert len(trained) >= 29 + 3
    assert int((trained[:, 0, 3, 6] == 0).sum()) > len(trained) / 2


def test_augmentation_has_a_spelling():
    text = "Train(model=ConvNet(), augment=(RandomCrop(pad=2), HorizontalFlip()))"
    assert ut.parse(text).augment == (RandomCrop(pad=2), HorizontalFlip())
    assert ut.parse(repr(ut.parse(text))) == ut.parse(text)
