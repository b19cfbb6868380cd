"""Published images: what is trained, tuned and tested on."""

import datasets
import numpy as np
import pytest
from PIL import Image

from untrain.core.errors import DataError
from untrain.data.noise.flip import Flip
from untrain.data.published import Published, Taken, published

FOUR = Published(hub="nobody/four", classes=4)


@pytest.fixture
def folder(tmp_path):
    """100 images to train on in four uneven classes, 40 sorted ones to test on; a pixel tells the row."""
    datasets.disable_progress_bars()
    for name, y in (("train", [0] * 40 + [1] * 30 + [2] * 20 + [3] * 10), ("test", [i // 10 for i in range(40)])):
        images = [Image.new("L", (4, 4), row) for row in range(len(y))]
        datasets.Dataset.from_dict({"img": images, "label": y}).to_parquet(tmp_path / f"{name}.parquet")
    datasets.enable_progress_bars()
    return str(tmp_path)


def test_without_a_size_all_is_used_and_a_tenth_is_to_tune_on(folder):
    data = published(FOUR, Taken(folder))
    assert (len(data.train), len(data.valid), len(data.test)) == (90, 10, 40)
    assert sorted([*data.train.ids, *data.valid.ids]) == list(range(100))


def test_a_size_is_met_with_balanced_classes_and_a_tenth_as_many_to_tune_on(folder):
    data = published(FOUR, Taken(folder, 20))
    assert data.train.y.bincount().tolist() == [5, 5, 5, 5]
    assert len(data.valid) == 2
    assert not set(data.train.ids) & set(data.valid.ids)
    assert data.test.y.bincount().tolist() == [5, 5, 5, 5]


def test_an_id_is_the_row_in_the_file(folder):
    data = published(FOUR, Taken(folder, 20))
    assert all(part.x[:, 0, 0, 0].tolist() == part.ids.tolist() for part in (data.train, data.valid, data.test))


def test_two_loads_are_the_same(folder):
    first, again = (published(FOUR, Taken(folder, 20)).train.ids.tolist() for _ in range(2))
    assert first == again


def test_noise_is_planted_in_train_only(folder):
    data = published(FOUR, Taken(folder, 20), Flip(rate=0.5))
    assert int((data.train.y != data.train.true).sum()) == 10
    assert data.valid.true is None or (data.valid.true == data.valid.y).all()


def test_more_than_there_is_to_train_and_tune_on_is_refused(folder):
    with pytest.raises(DataError, match="size=100, and there are 100 examples"):
        published(FOUR, Taken(folder, 100))


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(DataError, match="there is no folder '/nowhere'"):
        published(FOUR, Taken("/nowhere"))


def test_a_folder_without_the_files_is_told(tmp_path):
    with pytest.raises(DataError, match=r"there is no file '.*train.parquet'"):
        published(FOUR, Taken(str(tmp_path)))


def test_parts_of_other_shapes_are_refused(folder):
    datasets.disable_progress_bars()
    images = [Image.fromarray(np.zeros((5, 5), np.uint8))] * 4
    datasets.Dataset.from_dict({"img": images, "label": [0, 1, 2, 3]}).to_parquet(f"{folder}/test.parquet")
    datasets.enable_progress_bars()
    with pytest.raises(DataError, match=r"training images have shape \(1, 4, 4\), test images \(1, 5, 5\)"):
        published(FOUR, Taken(folder))
