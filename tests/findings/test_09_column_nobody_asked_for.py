"""What is optional does not block what is needed: further columns may have empty cells, or hold what nobody can compare."""

import datetime
import decimal

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import RequestError
from untrain.core.metering import metered
from untrain.data.readers.base import Arrays
from untrain.data.readers.image_cache import decode_once

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
N = 6
ODD = {
    "comment": [None, *"abcde"],
    "age": pa.array([2**60 + 1, None, 3, 4, 5, 6], pa.int64()),
    "small": pa.array([1, None, 3, 4, 5, 6], pa.int64()),
    "sure": [True, None, False, True, True, False],
    "day": pa.array([None, *(datetime.date(2020, 1, at) for at in range(1, 6))]),
    "nothing": pa.nulls(N),
    "price": [decimal.Decimal("1.5")] * N,
    "time": [datetime.time(1, 2)] * N,
    "tags": [["a"], None, [], ["b"], ["c"], ["d"]],
    "raw": [b"\x00"] * N,
    "nul": ["a\0", *"abcde"],
    "label_of_nobody": pa.array(["a", None, "b", "a", "b", "a"]).dictionary_encode(),
}


def write(folder, **columns):
    table = pa.table({"v": [[float(at), 1.0] for at in range(N)], "label": [0, 1] * 3, **columns})
    parquet.write_table(table, folder / "a.parquet")
    return ut.Parquet(path=str(folder / "a.parquet"), x=("v",))


@pytest.mark.parametrize("name", ODD)
def test_the_file_is_read_and_what_is_odd_is_told(tmp_path, name):
    with metered() as meter:
        data = ut.examples(write(tmp_path, **{name: ODD[name]}))
    assert len(data) == N
    assert len(meter.notes) == 1


def test_a_column_with_empty_cells_can_be_asked_for_as_far_as_it_goes(tmp_path):
    data = ut.examples(write(tmp_path, **{name: ODD[name] for name in ("comment", "age", "small", "sure", "day")}))
    assert data.columns["age"][0] == 2**60 + 1
    assert len(ut.Where("small > 3").draw(data)) == 3
    with pytest.raises(RequestError, match="'comment' has 1 empty cells"):
        ut.Where("comment == 'a'").draw(data)


def test_one_long_text_does_not_fill_the_memory(tmp_path):
    table = pa.table({"v": [[1.0]] * 300, "label": [0, 1] * 150, "comment": ["x" * 1_000_000, *["y"] * 299]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with metered() as meter:
        data = ut.examples(ut.Parquet(path=str(tmp_path / "a.parquet"), x=("v",)))
    assert "comment" not in data.columns
    assert "shorten the longest text, of 1,000,000 characters" in " ".join(meter.notes)


@pytest.mark.parametrize("name", ["label", "who"])
def test_a_column_that_is_needed_may_have_none(tmp_path, name):
    columns = {"label": [0, 1, None, 0, 1, 0]} if name == "label" else {"who": [*"abcde", None]}
    reader = write(tmp_path, **columns)
    with pytest.raises(ut.BadInput, match=rf"column '{name}' has 1 empty cells, the first in row"):
        ut.examples(ut.Parquet(path=reader.path, x=("v",), id="" if name == "label" else "who"))


def test_empty_cells_survive_the_cache_of_images(tmp_path):
    columns = {"comment": np.array([None, *"abcde"], dtype=object), "age": np.array([2**60, None, 3, 4, 5, 6], dtype=object)}

    def read(hold):
        read.count += 1
        images = hold(iter([np.zeros((N, 1, 2, 2), np.uint8)]), N)
        return Arrays(images, np.arange(N) % 2, np.arange(N), 2, columns)

    read.count = 0
    for _ in range(2):
        data = decode_once(str(tmp_path / "kept"), "a source", read)
        assert data.columns["comment"].tolist() == [None, *"abcde"]
        assert data.columns["age"].tolist()[:2] == [2**60, None]
    assert read.count == 1
