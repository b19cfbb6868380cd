"""CIFAR10, as far as it differs from other published images."""

import numpy as np
import pytest
from datasets import ClassLabel, Image

from untrain.core.spec import parse
from untrain.data.requests.resolve import request
from untrain.experiments.scenarios.cifar10 import CIFAR10


def test_real_images_load_in_balanced_parts(shared):
    data = CIFAR10(path=shared("cifar10"), size=200).load()
    assert [tuple(part.x.shape) for part in (data.train, data.valid, data.test)] == [
        (200, 3, 32, 32),
        (20, 3, 32, 32),
        (200, 3, 32, 32),
    ]
    assert all(part.y.bincount(minlength=10).unique().numel() == 1 for part in (data.train, data.valid, data.test))


@pytest.mark.slow
def test_all_real_images_load_and_are_those_that_were_published(shared):
    data = CIFAR10(path=shared("cifar10"), request=parse("Random(fraction=0.1, classes=(2, 5))")).load()
    assert [len(part) for part in (data.train, data.valid, data.test)] == [45_000, 5_000, 10_000]
    whole = np.full(50_000, -1)
    for part in (data.train, data.valid):
        whole[part.ids] = part.y.numpy()
    assert whole[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.bincount(whole).tolist() == [5_000] * 10
    assert data.train.y.bincount().tolist() == [4_500] * 10
    assert data.test.y.bincount().tolist() == [1_000] * 10


def test_real_labels_are_those_that_were_published(shared):
    """The first ten, and how many there are of each class; no image is decoded."""
    from untrain.data.readers.datasets import read_parquet

    seen = []
    for part in ("train", "test"):
        read_parquet(f"{shared('cifar10')}/{part}.parquet", pick=lambda y: seen.append(y) or np.arange(1))
    assert seen[0][:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.bincount(seen[0]).tolist() == [5_000] * 10
    assert np.bincount(seen[1]).tolist() == [1_000] * 10


def test_dels_forget_set_of_two_classes_is_a_tenth_of_the_training_set(tmp_path, lay, squares):
    for part in ("train", "test"):
        lay(tmp_path, part, squares(200, side=8), {"label": [i % 10 for i in range(200)]})
    made = parse(f"CIFAR10(path={str(tmp_path)!r}, request=Random(fraction=0.1, classes=(2, 5)))")
    train = made.load().train
    rows = np.array(request(train, made.request).rows)
    assert len(rows) == 18
    assert set(train.y[rows].tolist()) == {2, 5}


def test_the_hub_is_asked_for_both_parts_and_its_column_img_is_found(hub, squares):
    asked, answer = hub
    for split, n in (("train", 50), ("test", 20)):
        answer(split, squares(n), {"label": [i % 10 for i in range(n)]}, img=Image(), label=ClassLabel(num_classes=10))
    data = CIFAR10().load()
    assert asked == [("uoft-cs/cifar10", None, {"split": split}) for split in ("train", "test")]
    assert data.train.x[:, 0, 0, 0].tolist() == data.train.ids.tolist()


def test_its_spelling_reads_back_and_its_learner_has_its_network():
    made = parse("CIFAR10(path='somewhere', size=100)")
    assert parse(repr(made)) == made
    assert repr(made.learner().model) == "ResNet()"
