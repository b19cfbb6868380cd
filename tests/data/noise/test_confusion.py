"""Confused classes, and images with a trigger."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from untrain.core.errors import DataError, RequestError
from untrain.data.examples import Examples
from untrain.data.noise.confusion import Confusion
from untrain.data.noise.flip import Flip
from untrain.data.noise.trigger import Trigger
from untrain.data.requests.mislabelled import Mislabelled


def images(n=60, dtype=torch.uint8):
    x = torch.zeros(n, 3, 8, 8, dtype=dtype)
    return Examples.labelled(x, torch.arange(n) % 3, np.arange(n), 3)


def test_two_classes_change_places_and_no_other_label_does():
    noisy = Confusion(classes=(0, 2), rate=0.3).plant(images())
    wrong = noisy.y != noisy.true
    assert int(wrong.sum()) == 12
    assert sorted(zip(noisy.true[wrong].tolist(), noisy.y[wrong].tolist(), strict=True)) == [(0, 2)] * 6 + [(2, 0)] * 6


@pytest.mark.parametrize(
    ("classes", "why"), [((1, 1), "names class 1 twice"), ((0, 7), "names class 7, of which the data have no")]
)
def test_classes_that_are_not_two_of_the_data_are_refused(classes, why):
    with pytest.raises(DataError, match=why):
        Confusion(classes=classes).plant(images())


@pytest.mark.parametrize(("dtype", "bright"), [(torch.uint8, 255), (torch.float32, 1)])
def test_a_trigger_marks_a_corner_and_gives_the_target_and_touches_nothing_else(dtype, bright):
    clean = images(dtype=dtype)
    poisoned = Trigger(rate=0.2, target=1, side=2).plant(clean)
    marked = (poisoned.x != clean.x).flatten(1).any(1)
    assert int(marked.sum()) == 12
    assert torch.equal(marked, poisoned.y != poisoned.true)
    assert set(poisoned.y[marked].tolist()) == {1}
    assert 1 not in poisoned.true[marked].tolist()
    assert (poisoned.x[marked][:, :, -2:, -2:] == bright).all()
    assert (poisoned.x[marked][:, :, :-2] == 0).all()
    assert (clean.x == 0).all()


def test_what_cannot_be_poisoned_is_refused():
    flat = Examples.labelled(torch.zeros(4, 5), torch.arange(4) % 2, np.arange(4), 2)
    for noise, data, why in (
        (Trigger(), flat, r"marks images \(n, channels, height, width\), and the inputs have shape \(4, 5\)"),
        (Trigger(side=9), images(), "does not fit images of 8 x 8 pixels"),
        (Trigger(target=3), images(), r"Trigger\(target=3\) names class 3, and the data have 3 classes: name one below that"),
        (Trigger(), replace(images(), categories=()), "names class 0, and the data have 0 classes"),
        (Trigger(rate=0.9), images(), "poisons 54 images, and 40 are of other classes"),
    ):
        with pytest.raises(DataError, match=why):
            noise.plant(data)


def test_a_share_of_the_faults_is_found_and_the_same_one_each_time():
    noisy = Flip(rate=0.5).plant(images())
    whole = Mislabelled().draw(noisy)
    found = Mislabelled(found=0.4).draw(noisy)
    assert len(found) == round(0.4 * len(whole))
    assert set(found) < set(whole)
    assert found.tolist() == Mislabelled(found=0.4).draw(noisy).tolist()
    assert found.tolist() != Mislabelled(found=0.4, seed=1).draw(noisy).tolist()
    with pytest.raises(RequestError, match=r"found=0\.01 of 30 mislabelled examples is none"):
        Mislabelled(found=0.01).draw(noisy)
