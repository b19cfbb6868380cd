"""Published images: what is trained, tuned and tested on."""

import os
import shutil

import datasets
import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from untrain.core.errors import BadInput, DataError
from untrain.data.noise.flip import Flip
from untrain.data.readers.image_sets import ImageSetSource, Subset, load_image_set

FOUR = ImageSetSource(hub="nobody/four", classes=4)


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
    data = load_image_set(FOUR, Subset(folder))
    assert (len(data.train), len(data.valid), len(data.test)) == (90, 10, 40)
    assert sorted([*data.train.ids, *data.valid.ids]) == list(range(100))


def test_a_size_is_met_with_balanced_classes_and_a_tenth_as_many_to_tune_on(folder):
    data = load_image_set(FOUR, Subset(folder, 20))
    assert data.train.y.bincount().tolist() == [5, 5, 5, 5]
    assert len(data.valid) == 2
    assert not set(data.train.ids) & set(data.valid.ids)
    assert data.test.y.bincount().tolist() == [5, 5, 5, 5]


def test_an_id_is_the_row_in_the_file(folder):
    data = load_image_set(FOUR, Subset(folder, 20))
    assert all(part.x[:, 0, 0, 0].tolist() == part.ids.tolist() for part in (data.train, data.valid, data.test))


def test_two_loads_are_the_same(folder):
    first, again = (load_image_set(FOUR, Subset(folder, 20)).train.ids.tolist() for _ in range(2))
    assert first == again


def test_noise_is_planted_in_train_only(folder):
    data = load_image_set(FOUR, Subset(folder, 20), Flip(rate=0.5))
    assert int((data.train.y != data.train.true).sum()) == 10
    assert data.valid.true is None or (data.valid.true == data.valid.y).all()


def test_more_than_there_is_to_train_and_tune_on_is_refused(folder):
    with pytest.raises(DataError, match="size=100, and there are 100 examples"):
        load_image_set(FOUR, Subset(folder, 100))


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"there is no folder '/nowhere': path names one with Parquet files such as train.parquet"):
        load_image_set(FOUR, Subset("/nowhere"))


def test_a_folder_may_lie_in_the_users_own(folder, monkeypatch):
    monkeypatch.setenv("HOME", os.path.dirname(folder))
    assert len(load_image_set(FOUR, Subset(f"~/{os.path.basename(folder)}", 20)).train) == 20
    with pytest.raises(BadInput, match=r"~nobody-here/set: .* there is no such user"):
        load_image_set(FOUR, Subset("~nobody-here/set"))


def test_a_folder_without_the_files_is_told(tmp_path):
    with pytest.raises(DataError, match=r"there is no file '.*train.parquet'"):
        load_image_set(FOUR, Subset(str(tmp_path)))


def test_parts_of_other_shapes_are_refused(folder):
    datasets.disable_progress_bars()
    images = [Image.fromarray(np.zeros((5, 5), np.uint8))] * 4
    datasets.Dataset.from_dict({"img": images, "label": [0, 1, 2, 3]}).to_parquet(f"{folder}/test.parquet")
    datasets.enable_progress_bars()
    with pytest.raises(DataError, match=r"training images have shape \(1, 4, 4\), test images \(1, 5, 5\)"):
        load_image_set(FOUR, Subset(folder))


def laid(folder, name, images, y, **features):
    """One Parquet file."""
    datasets.disable_progress_bars()
    held = datasets.Dataset.from_dict({"image": [Image.new("L", (4, 4), value) for value in images], "label": y})
    (held.cast_column("label", features["label"]) if features else held).to_parquet(folder / f"{name}.parquet")
    datasets.enable_progress_bars()


@pytest.fixture
def shards(tmp_path):
    """Training images in three files, the sixth image in the second; a part to test on in one."""
    for at, rows in enumerate((range(5), range(5, 20), range(20, 40))):
        laid(tmp_path, f"train-{at:05d}-of-00003", rows, [row % 4 for row in rows])
    laid(tmp_path, "test-00000-of-00001", range(8), [0, 1, 2, 3] * 2)
    return tmp_path


def test_files_as_the_hub_writes_them_follow_each_other(shards):
    data = load_image_set(FOUR, Subset(str(shards)))
    assert sorted([*data.train.ids, *data.valid.ids]) == list(range(40))
    for part in (data.train, data.valid, data.test):
        assert part.x[:, 0, 0, 0].tolist() == part.ids.tolist()
        assert (part.y.numpy() == part.ids % 4).all()


def test_a_file_that_is_whole_is_taken_before_parts_of_one(shards):
    laid(shards, "train", range(12), [0, 1, 2, 3] * 3)
    data = load_image_set(FOUR, Subset(str(shards)))
    assert len(data.train) + len(data.valid) == 12


def test_a_part_that_is_missing_is_named(shards):
    (shards / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(DataError, match=r"lacks train-00001-of-00003.parquet: 1 of 3 files are not there"):
        load_image_set(FOUR, Subset(str(shards)))


def test_parts_of_two_sets_are_not_mixed(shards):
    laid(shards, "train-00001-of-00007", range(4), [0, 1, 2, 3])
    with pytest.raises(DataError, match=r"holds train-00001-of-00007.parquet besides 3 files named ...-of-00003"):
        load_image_set(FOUR, Subset(str(shards)))


def test_a_damaged_part_is_named(shards):
    (shards / "train-00002-of-00003.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"train-00002-of-00003.parquet is empty"):
        load_image_set(FOUR, Subset(str(shards)))


def test_the_same_set_has_the_same_examples_on_disk_and_in_memory(folder, tmp_path):
    for size in (None, 20):
        memory, disk = (load_image_set(FOUR, Subset(folder, size, where)) for where in ("", str(tmp_path / "kept")))
        for a, b in ((memory.train, disk.train), (memory.valid, disk.valid), (memory.test, disk.test)):
            assert (a.x == b.x[:]).all()
            assert a.y.tolist() == b.y.tolist()
            assert a.ids.tolist() == b.ids.tolist()


def test_two_folders_alike_by_names_sizes_and_times_keep_their_labels_apart(tmp_path):
    turns = {"one": 0, "other": 1}
    for name, turn in turns.items():
        (tmp_path / name).mkdir()
        for part, n in (("train", 20), ("test", 8)):
            laid(tmp_path / name, part, range(n), [(row + turn) % 4 for row in range(n)])
            file = tmp_path / name / f"{part}.parquet"
            parquet.write_table(parquet.read_table(file), file, compression="none", use_dictionary=False)
            os.utime(file, (0, 0))
    assert len({(tmp_path / name / "test.parquet").stat().st_size for name in turns}) == 1
    for name in ("one", "other", "one"):
        test = load_image_set(FOUR, Subset(str(tmp_path / name), None, str(tmp_path / "kept"))).test
        assert test.y.tolist() == [(row + turns[name]) % 4 for row in range(8)]


def test_a_moved_folder_is_not_decoded_again_and_other_code_decodes_anew(folder, tmp_path, monkeypatch):
    kept, whole = str(tmp_path / "kept"), load_image_set(FOUR, Subset(folder, None, str(tmp_path / "kept")))
    moved = shutil.copytree(folder, tmp_path / "moved", ignore=shutil.ignore_patterns("kept"))
    with monkeypatch.context() as without:
        without.setattr("untrain.data.readers.pillow.pixels", None)
        assert (load_image_set(FOUR, Subset(str(moved), None, kept)).train.x[:] == whole.train.x[:]).all()
    monkeypatch.setattr("untrain.data.readers.image_sets.own_file_digest", lambda name: "other")
    monkeypatch.setattr("untrain.data.readers.pillow.pixels", lambda image: np.full((1, 4, 4), 7, np.uint8))
    assert (load_image_set(FOUR, Subset(folder, None, kept)).train.x[:] == 7).all()


def test_a_set_of_other_classes_is_told_in_one_line(tmp_path):
    for name in ("train", "test"):
        laid(tmp_path, name, range(8), [0, 1, 2, 3] * 2, label=datasets.ClassLabel(num_classes=5))
    with pytest.raises(DataError, match="has 5 classes; nobody/four has 4"):
        load_image_set(FOUR, Subset(str(tmp_path)))


def test_a_label_that_the_set_cannot_have_is_told_in_one_line(tmp_path):
    for name in ("train", "test"):
        laid(tmp_path, name, range(8), [0, 1, 2, 7] * 2)
    with pytest.raises(DataError, match=r"y holds the label 7 in row .*: labels have to be 0 to 3"):
        load_image_set(FOUR, Subset(str(tmp_path)))
