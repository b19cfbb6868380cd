"""What Ids reads, and what it says about files that it cannot read."""

import numpy as np
import pytest

from untrain.core.errors import RequestError
from untrain.data.readers.convert import examples
from untrain.data.requests.idfile import IdFile


def rows(path, ids=None, n=10):
    return IdFile(path=str(path)).draw(examples(np.zeros((n, 1)), np.arange(n) % 2, ids=ids)).tolist()


def file(folder, name, content):
    path = folder / name
    if isinstance(content, np.ndarray):
        np.save(path, content, allow_pickle=True)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "3\n7\n1\n"),
        ("a.csv", "id\n3\n7\n1\n"),
        ("a.csv", "row number\r\n3\r\n7\r\n\r\n1"),
        ("a.csv", '"id"\n"3"\n"7"\n"1"\n'),
        ("a.csv", "\ufeffid\n3\n7\n1\n"),
        ("a.txt", "3\n 7 \n\n1"),
        ("a.TXT", "ids\n3\n7\n1"),
        ("a.npy", np.array([3, 7, 1])),
        ("a.npy", np.array([3, 7, 1], dtype=np.uint8)),
    ],
)
def test_the_same_ids_are_read_from_every_kind_of_file(tmp_path, name, content):
    assert rows(file(tmp_path, name, content)) == [1, 3, 7]


def test_an_id_names_all_rows_that_bear_it(tmp_path):
    people = ["ann", "bob", "ann", "eve", "bob", "ann"]
    assert rows(file(tmp_path, "a.txt", "ann\neve"), people, 6) == [0, 2, 3, 5]
    assert rows(file(tmp_path, "a.csv", "user_id\nbob"), people, 6) == [1, 4]
    assert rows(file(tmp_path, "a.npy", np.array(["bob"])), people, 6) == [1, 4]


def test_a_text_id_that_looks_like_a_number_keeps_its_zeros(tmp_path):
    assert rows(file(tmp_path, "a.csv", "id\n007"), ["7", "007"], 2) == [1]


def test_a_text_id_may_hold_what_only_some_call_a_line_break(tmp_path):
    odd = ["ann\u2028lee", "bob\x1cray", "eve\nfay"]
    assert rows(file(tmp_path, "a.txt", "ann\u2028lee\r\nbob\x1cray\r"), odd, 3) == [0, 1]
    assert rows(file(tmp_path, "a.csv", 'id\n"ann\u2028lee"\n"eve\nfay"\n'), odd, 3) == [0, 2]


def test_a_mistyped_first_text_id_is_no_heading(tmp_path):
    with pytest.raises(RequestError, match=r"lists 1 of 2 ids that the training data lack: 'anne'"):
        rows(file(tmp_path, "a.csv", "anne\nbob"), ["ann", "bob", "eve"], 3)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "3\n12\n-1\n", r"lists -1, and no id of these data is below 0"),
        ("a.csv", "3\n99\n", r"lists 1 of 2 ids that the training data lack: 99; ids there are such as 0, 1, 2, \.\.\.|lack: 99"),
        ("a.csv", "3\n7\n3\n", r"lists 3 more than once"),
        ("a.csv", "3\nseven\n", r"lists 'seven', and the ids of these data are whole numbers"),
        ("a.csv", "3.0\n", r"lists '3.0'"),
        ("a.csv", "12a\n3\n", r"lists '12a'"),
        ("a.csv", "id,label\n3,1\n", r"has 2 columns in row 1"),
        ("a.csv", "", r"a.csv is empty"),
        ("a.csv", "\n \n", r"a.csv is empty"),
        ("a.csv", "id\n", r"a heading and no id below it"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\xff", r"a.csv is not UTF-8 text, whatever its name says"),
        ("a.txt", b"3\x00\n", r"a.txt is not UTF-8 text"),
        ("a.txt", b"\x93NUMPY\x01\x00", r"a.txt is a NumPy array, whatever its name says"),
        ("a.txt", "3,7\n", r"lists '3,7'"),
        ("a.npy", "3\n7\n", r"a.npy is not a NumPy array, whatever its name says"),
        ("a.npy", b"\x93NUMPY\x01\x00v\x00", r"a.npy cannot be read as a plain array"),
        ("a.npy", np.array([3.0, 7.0]), r"holds float64 of shape \(2,\)"),
        ("a.npy", np.array([[3, 7]]), r"holds int64 of shape \(1, 2\)"),
        ("a.npy", np.array([3, "x"], dtype=object), r"a.npy cannot be read as a plain array"),
        ("a.npy", np.array([], dtype=np.int64), r"a.npy lists no id"),
        ("a.xlsx", "3\n", r"read from .csv, .txt or .npy, and '.*a.xlsx' is none"),
    ],
)
def test_a_bad_file_is_told_in_one_line_that_names_what_was_got(tmp_path, name, content, told):
    with pytest.raises(RequestError, match=told) as caught:
        rows(file(tmp_path, name, content))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RequestError, match=r"cannot read ids from '.*gone.csv': No such file"):
        rows(tmp_path / "gone.csv")


def test_negative_ids_are_ids_where_the_data_have_them(tmp_path):
    assert rows(file(tmp_path, "a.csv", "-1"), [-1, 0, 1], 3) == [0]
