"""Rows in a file answer as a tensor would."""

import os

import numpy as np
import pytest
import torch

from untrain.core.errors import DataError, FileChanged
from untrain.data.fingerprint import array_digest, fingerprint
from untrain.data.on_disk import OnDisk, open_npy, pieces


@pytest.fixture(params=[np.uint8, np.float32, np.float64, np.int16])
def both(request, tmp_path):
    """The same numbers in a file and in memory."""
    x = np.random.default_rng(0).integers(0, 200, (50, 3, 2)).astype(request.param)
    np.save(tmp_path / "x.npy", x)
    return open_npy(tmp_path / "x.npy"), torch.from_numpy(x if request.param is np.uint8 else x.astype(np.float32))


PLACES = [
    slice(None), slice(3, 9), slice(40, 99), slice(7, 7), 4, -1, np.array([5, 3, 3, 49, 0, -2]), torch.tensor([9, 8, 7]),
    np.array([], dtype=np.int64), np.arange(50) % 7 == 0,
]  # fmt: skip


@pytest.mark.parametrize("at", PLACES, ids=str)
def test_rows_are_read_as_a_tensor_gives_them(both, at):
    file, x = both
    found = file[at]
    assert found.dtype == x.dtype
    assert torch.equal(found, x[at])


def test_it_looks_like_a_tensor(both):
    file, x = both
    for name in ("shape", "dtype", "ndim", "device"):
        assert getattr(file, name) == getattr(x, name)
    assert len(file) == len(x)
    assert file.is_floating_point() == x.is_floating_point()
    assert file.to("meta").device == torch.device("meta")
    assert file.to("meta")[:3].device == torch.device("meta")


def test_rows_of_rows_are_those_of_the_file_and_nothing_is_read(both, monkeypatch):
    file, x = both
    rows, again = np.array([9, 4, 4, 30, 2]), np.array([3, -1])
    monkeypatch.setattr(OnDisk, "_read", lambda *_: pytest.fail("read"))
    taken = file.take(rows).take(again)
    monkeypatch.undo()
    assert torch.equal(taken[:], x[rows][again])


def test_digests_do_not_depend_on_where_the_numbers_are(both, monkeypatch):
    file, x = both
    monkeypatch.setattr("untrain.data.on_disk.PIECE", 100)
    ids = np.arange(50)
    assert array_digest(file, ids) == array_digest(x, ids) == array_digest(x.numpy(), ids)
    assert fingerprint(ids, file) == fingerprint(ids, x)
    assert fingerprint(ids[:5], file.take(np.arange(5))) != fingerprint(ids[:5], file.take(np.arange(1, 6)))
    assert sum(len(p) for p in pieces(file)) == 50
    assert len(list(pieces(file))) > 3


def test_a_place_that_is_not_there_is_an_error(both):
    with pytest.raises(IndexError, match="of 50"):
        both[0][np.array([50])]


def save(path, x):
    np.save(path, x)
    return path


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda p: p / "none.npy", "cannot read"),
        (lambda p: (p / "x.npy").write_bytes(b"no array") and p / "x.npy", "is not a NumPy file"),
        (lambda p: save(p / "x.npy", np.array([["a"]])), "numbers are needed"),
        (lambda p: save(p / "x.npy", np.asfortranarray(np.ones((3, 4)))), "Fortran order"),
        (lambda p: save(p / "x.npy", np.ones(3)), "rows of at least one number"),
        (lambda p: save(p / "x.npy", np.ones((0, 3))), "rows of at least one number"),
    ],
)
def test_a_file_that_cannot_be_read_row_by_row_is_refused(tmp_path, make, told):
    with pytest.raises(DataError, match=told):
        open_npy(make(tmp_path))


def test_a_file_that_is_cut_short_is_told_before_and_while_it_is_read(tmp_path):
    path = save(tmp_path / "x.npy", np.ones((9, 4)))
    file, whole = open_npy(path), path.read_bytes()
    path.write_bytes(whole[:-8])
    with pytest.raises(FileChanged, match="has changed since it was opened"):
        file[8]
    with pytest.raises(DataError, match="cut short"):
        open_npy(path)


def test_a_file_that_is_written_anew_is_not_read_as_if_it_were_the_old_one(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 2), dtype=np.float32))
    rows = open_npy(tmp_path / "x.npy")
    os.utime(tmp_path / "x.npy", ns=(1, 1))
    with pytest.raises(FileChanged, match="has changed since it was opened"):
        rows[:2]
