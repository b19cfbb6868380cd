"""Inputs written to disk piece by piece are those that were given."""

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset, TensorDataset

import untrain as ut
from untrain.core.errors import DataError
from untrain.data.on_disk import OnDisk

X = np.random.default_rng(0).integers(0, 255, (700, 2, 3), dtype=np.uint8)
Y = np.arange(700) % 4


class Stream(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y, strict=True))


SOURCES = {
    "pieces": lambda: ((X[i : i + 90], Y[i : i + 90]) for i in range(0, 700, 90)),
    "map-style": lambda: TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
    "iterable": Stream,
    "pair": lambda: (X, Y),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_source_gives_the_same_examples_and_the_same_file(source, tmp_path):
    held = ut.examples(source(), on_disk=tmp_path / "a")
    ut.examples(source(), on_disk=tmp_path / "a")
    assert isinstance(held.x, OnDisk)
    assert torch.equal(held.x[:], torch.from_numpy(X))
    assert held.y.tolist() == Y.tolist()
    assert (np.load(held.x.path) == X).all()
    assert [f.name for f in (tmp_path / "a").iterdir()] == [held.x.path.name]


def test_numbers_other_than_bytes_become_float32(tmp_path):
    held = ut.examples(X.astype(np.float64) / 3, Y, on_disk=tmp_path)
    assert torch.equal(held.x[:], ut.examples(X.astype(np.float64) / 3, Y).x)


def test_a_file_of_inputs_and_one_of_labels_are_examples(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    for held in (
        ut.examples(tmp_path / "x.npy", tmp_path / "y.npy"),
        ut.examples((str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))),
        ut.examples(tmp_path / "x.npy", Y),
    ):
        assert isinstance(held.x, OnDisk)
        assert torch.equal(held.x[:], torch.from_numpy(X))
        assert held.classes == 4
        assert isinstance(ut.examples(held).x, OnDisk)


def test_a_row_with_nan_is_found_in_a_file(tmp_path):
    x = np.ones((30, 2), dtype=np.float32)
    x[17, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    with pytest.raises(DataError, match="the first is row 17"):
        ut.examples(tmp_path / "x.npy", Y[:30])


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([], "nothing to write"),
        ([(X, Y), (X[:, :1], Y)], "make them alike"),
        ([(X, Y), (X.astype(float), Y)], "make them alike"),
        ([(X, Y[:5])], "make them alike"),
        ([X], "a pair"),
        ([(X[0, 0], 3)], "are needed"),
        ([(X.astype(str), Y)], "numbers are needed"),
        ("x.parquet", "what can be iterated"),
    ],
)
def test_pieces_that_do_not_go_together_are_refused_and_leave_no_file(pieces, told, tmp_path):
    with pytest.raises(DataError, match=told):
        ut.examples(pieces, on_disk=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write to"):
        ut.examples(X, Y, on_disk=tmp_path / "file")
