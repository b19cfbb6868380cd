"""What Flip does to labels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import DataError
from untrain.data.examples import Examples
from untrain.data.noise.flip import Flip
from untrain.data.readers.convert import examples
from untrain.data.requests.random import Random


def clean(n=300, classes=10):
    return examples(np.zeros((n, 1)), np.arange(n) % classes, classes=classes)


@given(st.floats(0.01, 1), st.integers(2, 10), st.integers(0, 3))
def test_exactly_the_rounded_share_changes_to_another_class(rate, classes, seed):
    noisy = Flip(rate=rate, seed=seed).plant(clean(classes=classes))
    assert int((noisy.y != noisy.true).sum()) == round(rate * 300)
    assert 0 <= int(noisy.y.min()) <= int(noisy.y.max()) < classes


def test_true_keeps_the_labels_and_the_input_is_left_alone():
    given_labels = clean()
    noisy = Flip().plant(given_labels)
    assert torch.equal(noisy.true, clean().y)
    assert torch.equal(given_labels.y, clean().y)


def test_new_classes_are_uniform_over_the_others():
    noisy = Flip(rate=1.0).plant(clean(n=9000))
    counts = torch.bincount((noisy.y - noisy.true) % 10, minlength=10)
    assert counts[0] == 0
    assert ((counts[1:] - 1000).abs() < 5 * 1000**0.5).all()  # five standard deviations of a Poisson count


def test_the_seed_is_all_that_it_depends_on():
    first, again, other = (Flip(seed=seed).plant(clean()).y for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_one_class_leaves_nothing_to_flip_to():
    with pytest.raises(DataError, match="needs another class to flip to, and the data have 1"):
        Flip().plant(clean(classes=1))


def test_a_request_with_the_same_seed_does_not_draw_the_flipped_rows():
    train = Examples.labelled(torch.zeros(1000, 1), torch.arange(1000) % 10, np.arange(1000), 10)
    noisy = Flip(rate=0.1, seed=0).plant(train)
    drawn = Random(fraction=0.1, seed=0).draw(noisy)
    assert (noisy.y != noisy.true)[drawn].sum() < 30  # 10 are expected of 100
