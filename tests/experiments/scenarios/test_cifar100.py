"""CIFAR100, as far as it differs from other published images."""

import datasets
import pytest
from datasets import ClassLabel, Image

from untrain.core.errors import DataError, SpecError
from untrain.core.spec import parse
from untrain.data.requests.resolve import request
from untrain.experiments.scenarios.cifar100 import CIFAR100

FINE, COARSE = [i % 100 for i in range(400)], [i % 100 % 20 for i in range(400)]


@pytest.fixture
def folder(tmp_path, lay, squares):
    """As the hub has it: a column `img` and two of labels."""
    for part, shards in (("train", 2), ("test", None)):
        lay(tmp_path, part, squares(400, side=8), {"fine_label": FINE, "coarse_label": COARSE}, shards, image="img")
    return str(tmp_path)


def test_fine_labels_are_a_hundred_classes_and_the_groups_a_column(folder):
    data = CIFAR100(path=folder, size=200).load()
    assert data.train.classes == 100
    assert data.train.y.bincount().tolist() == [2] * 100
    assert (data.train.y.numpy() == data.train.ids % 100).all()
    assert (data.train.columns["coarse_label"] == data.train.ids % 20).all()
    asked = request(data.train, parse("Where('coarse_label == 3')"))
    assert set(data.train.y[list(asked.rows)].tolist()) == {3, 23, 43, 63, 83}


def test_coarse_labels_are_twenty_classes(folder):
    data = CIFAR100(path=folder, size=200, labels="coarse").load()
    assert data.train.classes == 20
    assert data.train.y.bincount().tolist() == [10] * 20
    assert (data.train.columns["fine_label"] == data.train.ids % 100).all()


def test_a_copy_that_calls_its_column_label_is_read(tmp_path, lay, squares):
    for part in ("train", "test"):
        lay(tmp_path, part, squares(400, side=8), {"label": FINE})
    assert CIFAR100(path=str(tmp_path), size=100).load().train.classes == 100


def test_columns_that_are_not_there_are_told_in_one_line(tmp_path, lay, squares):
    for part in ("train", "test"):
        lay(tmp_path, part, squares(10, side=8), {"label": range(10)})
    with pytest.raises(DataError, match=r"has no column 'coarse_label'; it has \['image', 'label'\]") as caught:
        CIFAR100(path=str(tmp_path), labels="coarse").load()
    assert "\n" not in str(caught.value)
    lay(tmp_path, "train", squares(10, side=8), {"cls": range(10)})
    with pytest.raises(DataError, match=r"has no column 'fine_label' or 'label'; it has \['image', 'cls'\]"):
        CIFAR100(path=str(tmp_path)).load()


def test_the_coarse_labels_of_a_copy_are_not_taken_for_fine_ones(tmp_path, lay, squares):
    features = datasets.Features(image=Image(), label=ClassLabel(num_classes=20))
    for part in ("train", "test"):
        lay(tmp_path, part, squares(40, side=8), {"label": [i % 20 for i in range(40)]})
        held = datasets.Dataset.from_parquet(str(tmp_path / f"{part}.parquet"), cache_dir=str(tmp_path / "cache"))
        held.cast(features).to_parquet(tmp_path / f"{part}.parquet")
    with pytest.raises(DataError, match=r"has 20 classes; uoft-cs/cifar100 has 100"):
        CIFAR100(path=str(tmp_path)).load()


@pytest.mark.parametrize(("labels", "classes", "other"), [("fine", 100, "coarse_label"), ("coarse", 20, "fine_label")])
def test_the_hub_is_asked_for_both_parts_and_the_label_that_is_wanted(hub, squares, labels, classes, other):
    asked, answer = hub
    kinds = {"img": Image(), "fine_label": ClassLabel(num_classes=100), "coarse_label": ClassLabel(num_classes=20)}
    for split in ("train", "test"):
        answer(split, squares(400, side=8), {"fine_label": FINE, "coarse_label": COARSE}, **kinds)
    data = CIFAR100(labels=labels).load()
    assert asked == [("uoft-cs/cifar100", None, {"split": split}) for split in ("train", "test")]
    assert (data.train.y.numpy() == data.train.ids % 100 % classes).all()
    assert list(data.test.columns) == [other]


def test_its_spelling_reads_back():
    made = parse("CIFAR100(labels='coarse', augment=(RandomCrop(), HorizontalFlip()))")
    assert parse(repr(made)) == made
    with pytest.raises(SpecError, match="labels"):
        CIFAR100(labels="both")


def test_a_fine_class_is_a_part_of_a_group_that_can_be_forgotten(folder):
    data = CIFAR100(path=folder, size=200, labels="coarse").load()
    asked = request(data.train, parse("Where('fine_label == 23')"))
    assert set((data.train.ids[list(asked.rows)] % 100).tolist()) == {23}
    assert set(data.train.y[list(asked.rows)].tolist()) == {3}
    assert (data.train.y == 3).sum() > len(asked.rows)
