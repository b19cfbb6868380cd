"""What users hold in memory becomes examples, or is refused for what it is."""

import numpy as np
import pytest
import torch
from scipy import sparse

import untrain as ut
from untrain.core.errors import DataError
from untrain.core.metering import metered

pd = pytest.importorskip("pandas")
Y = [0, 1, 0, 1]
FRAME = pd.DataFrame({
    "a": [1, 2, 3, 4], "b": [0.5, 1, 2, 3], "sure": [True, False, True, True], "city": list("wxyz"),
    "day": pd.date_range("2020-01-01", periods=4), "kind": pd.Categorical(list("abab")),
    "nullable": pd.array([1, None, 3, 4], "Int64"),
    "whole": pd.array([1, 2, 3, 4], "Int64"), "decimal": pd.array([1.5, 2, 3, 4], "Float64"),
    "object": pd.Series([1, 2.5, 3, 4], dtype=object),
})  # fmt: skip
HELD = {
    "csr": sparse.csr_matrix(np.eye(4)), "coo": sparse.coo_array(np.eye(4)), "torch": torch.eye(4).to_sparse(),
    "bfloat16": torch.eye(4).bfloat16(), "float8": torch.eye(4).to(torch.float8_e4m3fn), "grad": torch.eye(4, requires_grad=True),
    "lists": np.eye(4).tolist(), "list of tensors": list(torch.eye(4)), "matrix": np.asmatrix(np.eye(4)),
    "frame": pd.DataFrame(np.eye(4)),
    "tensors that want gradients": list(torch.eye(4, requires_grad=True)), "unmasked": np.ma.masked_array(np.eye(4)),
    "sparse frame": pd.DataFrame.sparse.from_spmatrix(sparse.eye(4).tocsr()),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_numbers_are_read_whatever_holds_them(name):
    for data in (ut.examples(HELD[name], Y), ut.examples((HELD[name], np.array(Y)))):
        assert (data.x.numpy() == np.eye(4, dtype=np.float32)).all()
        assert data.y.tolist() == Y


@pytest.mark.parametrize("name", ["csr", "coo", "torch"])
def test_writing_out_what_is_sparse_is_told(name):
    with metered() as meter:
        ut.examples(HELD[name], Y)
    assert list(meter.notes) == ["x is sparse and is written out, 0.0 MB"]


TORCH = torch.sparse_coo_tensor(torch.zeros((2, 0), dtype=torch.int64), torch.zeros(0), (4, 10**9), check_invariants=True)


@pytest.mark.parametrize("large", [sparse.csr_matrix((4, 10**9)), TORCH])
def test_a_sparse_matrix_that_is_too_large_is_refused_with_its_size(large):
    with pytest.raises(DataError, match=r"x is sparse, of shape \(4, 1000000000\), and takes (16|32)\.0 GB written out"):
        ut.examples(large, Y)


def test_numeric_columns_of_a_frame_are_inputs_and_others_have_to_be_placed():
    numbers = FRAME[["a", "b", "sure", "whole", "decimal", "object"]]
    data = ut.examples(numbers, Y)
    assert data.features == tuple(numbers.columns)
    assert data.x[1].tolist() == [2, 1, 0, 2, 2, 2.5]
    for name in ("city", "day", "kind"):
        with pytest.raises(DataError, match=rf"x has 1 columns that hold no numbers, such as '{name}' .*columns=\{{'{name}'"):
            ut.examples(FRAME[["a", name]], Y)
        with metered() as meter:
            data = ut.examples(FRAME[["a", name]], Y, columns={name: FRAME[name]})
        assert data.features == ("a",)
        assert list(meter.notes) == [f"1 columns of the data frame hold no numbers and are not inputs, such as {name!r}"]


BAD = {
    "dict": ({"a": [1]}, "x is a dict: an array"), "generator": ((at for at in Y), "x is a generator"),
    "nothing": (None, "x is a NoneType"),
    "empty cells": (FRAME[["nullable"]], "NaN or infinite values in 1 of 4 rows"), "ragged": ([[1], [1, 2], [1], [1]], "ragged"),
    "masked": (np.ma.masked_array(np.eye(4), np.eye(4)), "x has 4 masked cells"),
    "meta": (torch.empty(4, 2, device="meta"), "'meta'"),
    "twice": (pd.concat([FRAME[["a"]], FRAME[["a"]]], axis=1), "two columns 'a'"), "complex": (np.eye(4) * 1j, "complex128"),
    "no number": (FRAME[["city"]], "hold no numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_table_of_numbers_is_refused_for_what_it_is(name):
    held, message = BAD[name]
    with pytest.raises(DataError, match=message):
        ut.examples(held, Y)


def test_a_frame_without_labels_and_labels_of_text_are_told():
    with pytest.raises(DataError, match="a data frame came without labels"):
        ut.examples(FRAME)
    with pytest.raises(DataError, match="y holds Python objects such as 'a': labels are whole numbers"):
        ut.examples(FRAME[["a"]], FRAME["kind"])


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.float64])
def test_whole_numbers_that_float32_rounds_are_counted(kind):
    with metered() as meter:
        ut.examples(np.array([[2**24 + 1], [2**24], [3], [1_700_000_001]], dtype=kind), Y)
    assert [note.partition(",")[0] for note in meter.notes] == ["2 whole numbers of x are rounded as float32"]
    with metered() as meter:
        ut.examples(np.array([[2**24], [0.1], [3], [2.0**40]]), Y)
    assert not meter.notes


def test_columns_of_uint8_that_are_taken_for_pixels_are_told():
    for names, told in ((["age"], True), (["age", "a"], False)):
        with metered() as meter:
            ut.examples(FRAME.assign(age=np.array([30, 40, 50, 60], dtype=np.uint8))[names], Y)
        note = "x: 1 columns of uint8, such as 'age', are taken for pixels, which are divided by 255"
        assert list(meter.notes) == [note] * told
