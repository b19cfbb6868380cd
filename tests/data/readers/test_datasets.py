"""From Parquet to plain arrays."""

import io
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

import untrain as ut
from untrain.core.errors import DataError
from untrain.data.readers import datasets as adapter
from untrain.data.readers.datasets import Wanted

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"


@pytest.fixture(autouse=True)
def quiet():
    """No progress bars of the writer."""
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def picture(value, size=(4, 3), mode="RGB"):
    return Image.new(mode, size, (value,) * 3 if mode == "RGB" else value)


def write(path, columns, features=None):
    datasets.Dataset.from_dict(columns, features=features).to_parquet(path)
    return str(path)


def pictures(n=4):
    return {
        "image": [picture(i) for i in range(n)],
        "label": [i % 2 for i in range(n)],
        "who": ["ann", "bob", "ann", "eve"][:n],
        "age": list(range(n)),
    }


def test_images_are_decoded_to_uint8_channels_first(tmp_path):
    read = adapter.read_parquet(write(tmp_path / "a.parquet", pictures()))
    assert read.x.dtype == np.uint8
    assert read.x.shape == (4, 3, 3, 4)
    assert read.x[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert read.y.tolist() == [0, 1, 0, 1]
    assert read.ids.tolist() == [0, 1, 2, 3]
    assert read.columns["who"].tolist() == ["ann", "bob", "ann", "eve"]
    assert read.columns["age"].tolist() == [0, 1, 2, 3]


def test_a_column_of_ids_may_name_several_rows(tmp_path):
    read = adapter.read_parquet(write(tmp_path / "a.parquet", pictures()), Wanted(id="who"))
    assert read.ids.tolist() == ["ann", "bob", "ann", "eve"]
    assert "who" not in read.columns


def test_a_column_named_id_is_the_id_when_none_is_told(tmp_path):
    read = adapter.read_parquet(write(tmp_path / "a.parquet", pictures() | {"id": [7, 8, 9, 7]}))
    assert read.ids.tolist() == [7, 8, 9, 7]


def test_a_column_of_owners_is_named_or_called_owner_and_is_no_further_column(tmp_path):
    named = ut.Parquet(path=write(tmp_path / "a.parquet", pictures()), owner="who")
    assert named.read().owner.tolist() == ["ann", "bob", "ann", "eve"]
    assert "who" not in named.read().columns
    assert ut.examples(named).owner.tolist() == ["ann", "bob", "ann", "eve"]
    called = ut.Parquet(path=write(tmp_path / "b.parquet", pictures() | {"owner": [7, 8, 9, 7]})).read()
    assert called.owner.tolist() == [7, 8, 9, 7]
    assert "owner" not in called.columns
    assert adapter.read_parquet(write(tmp_path / "c.parquet", pictures())).owner is None
    with pytest.raises(DataError, match=r"no column 'whom'; .*did you mean 'who'"):
        ut.examples(replace(named, owner="whom"))


def test_bytes_without_a_hint_of_the_writer_are_images_too(tmp_path):
    buffer = io.BytesIO()
    picture(9).save(buffer, "PNG")
    path = write(tmp_path / "a.parquet", {"image": [{"bytes": buffer.getvalue(), "path": "a.png"}], "label": [0]})
    assert adapter.read_parquet(path).x[0, 0, 0, 0] == 9


def test_numbers_in_several_columns_or_in_lists_are_features(tmp_path):
    path = write(tmp_path / "a.parquet", {"a": [1, 2], "b": [0.5, 1.5], "v": [[1.0, 2.0], [3.0, 4.0]], "label": [0, 1]})
    assert adapter.read_parquet(path, Wanted(("a", "b"))).x.tolist() == [[1, 0.5], [2, 1.5]]
    assert adapter.read_parquet(path, Wanted(("v",))).x.tolist() == [[1, 2], [3, 4]]
    assert adapter.read_parquet(path, Wanted(("v", "a"))).features == ("v", "v", "a")
    assert ut.examples(ut.Parquet(path=path, x=("b", "a"))).features == ("b", "a")
    assert ut.examples(ut.Parquet(path=path, x=("b", "a")), features=("c", "d")).features == ("c", "d")
    assert ut.examples(ut.Parquet(path=write(tmp_path / "b.parquet", pictures()))).features == ()


def test_class_names_tell_the_number_of_classes(tmp_path):
    features = datasets.Features(a=datasets.Value("float32"), label=datasets.ClassLabel(names=["x", "y", "z"]))
    path = write(tmp_path / "a.parquet", {"a": [1.0, 2.0], "label": [0, 1]}, features)
    assert adapter.read_parquet(path, Wanted(("a",))).classes == 3


def test_only_the_rows_picked_are_read_in_the_order_picked(tmp_path):
    read = adapter.read_parquet(write(tmp_path / "a.parquet", pictures()), pick=lambda y: np.flatnonzero(y == 1)[::-1])
    assert read.x[:, 0, 0, 0].tolist() == read.ids.tolist() == [3, 1]
    assert read.columns["who"].tolist() == ["eve", "bob"]


def test_a_file_name_may_hold_marks_of_a_pattern(tmp_path):
    assert len(adapter.read_parquet(write(tmp_path / "a[1]*.parquet", pictures())).y) == 4


def test_nothing_is_left_beside_the_file(tmp_path):
    adapter.read_parquet(write(tmp_path / "a.parquet", pictures()))
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_progress_bars_are_as_they_were(tmp_path):
    datasets.enable_progress_bars()
    adapter.read_parquet(write(tmp_path / "a.parquet", pictures()))
    assert datasets.is_progress_bar_enabled()


NUMBERS = {"a": [1.0, 2.0], "label": [0, 1]}


@pytest.mark.parametrize(
    ("columns", "wanted", "told"),
    [
        (NUMBERS, Wanted(), r"has no image columns: name the inputs with x=.*; it has \['a', 'label'\]"),
        (NUMBERS, Wanted(("b",)), r"no column 'b'; it has \['a', 'label'\]"),
        (NUMBERS, Wanted(("a",), ("lable",)), r"no column 'lable'; .*; did you mean 'label'\?"),
        (NUMBERS, Wanted(("a",), id="user"), r"no column 'user'"),
        (NUMBERS | {"t": ["x", "y"]}, Wanted(("t",)), r"column 't' does not hold numbers"),
        ({"a": [1.0, 2.0], "label": [0, None]}, Wanted(("a",)), r"column 'label' has 1 empty cells, the first in row 1"),
        ({"a": [1.0, None], "label": [0, 1]}, Wanted(("a",)), r"column 'a' has 1 empty cells"),
        ({"a": [[1.0], [1.0, 2.0]], "label": [0, 1]}, Wanted(("a",)), r"the lists in column 'a' differ in length"),
        ({"image": [picture(0), picture(0, (5, 5))], "label": [0, 1]}, Wanted(), r"row 1 has \(3, 5, 5\)"),
        ({"image": [picture(0), picture(0, mode="L")], "label": [0, 1]}, Wanted(), r"row 1 has \(1, 3, 4\)"),
        ({"image": [picture(0), None], "label": [0, 1]}, Wanted(), r"column 'image' has no image in row 1"),
        ({"image": [{"bytes": b"no", "path": "a"}], "label": [0]}, Wanted(), r"'image', row 0 is not .*: cannot identify"),
    ],
)  # fmt: skip
def test_bad_columns_are_told_in_one_line_that_names_what_was_got(tmp_path, columns, wanted, told):
    with pytest.raises(DataError, match=told) as caught:
        adapter.read_parquet(write(tmp_path / "a.parquet", columns), wanted)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", r"a.parquet is empty: a Parquet file was expected"),
        (b"id,label\n1,2\n", r"a.parquet is not a Parquet file, whatever its name says: it begins with b'id,l'"),
        (b"PAR1 and then nothing", r"a.parquet cannot be read as Parquet"),
        (None, r"there is no file '.*a.parquet'"),
    ],
)
def test_a_file_that_is_no_parquet_is_told_in_one_line(tmp_path, content, told):
    path = tmp_path / "a.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=told) as caught:
        adapter.read_parquet(str(path))
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match="it is a folder"):
        adapter.read_parquet(str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    with pytest.raises(
        DataError, match=r"cannot get nobody/nothing from the Hugging Face hub .*: connect, or give path="
    ) as caught:
        adapter.read_hub("nobody/nothing", None, "train")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "shape"), [("mnist", (1, 28, 28)), ("fashion_mnist", (1, 28, 28)), ("cifar10", (3, 32, 32))])
def test_real_images_are_read(name, shape):
    path = SHARED / name / "test.parquet"
    if not path.is_file():
        pytest.skip(f"{path} is not on this machine")
    read = adapter.read_parquet(str(path), pick=lambda y: np.arange(0, len(y), 500))
    assert read.x.shape == (20, *shape)
    assert read.x.std() > 10
    assert read.classes == 10
