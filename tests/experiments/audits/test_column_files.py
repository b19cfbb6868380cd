"""Labels, sides and ids of examples, one per row."""

import numpy as np
import pytest
import torch

from untrain.core.errors import DataError
from untrain.experiments.audits.column_files import read_ids, read_labels, read_sides


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_columns_come_from_files_and_lists_a_heading_is_left_out(here):
    (here / "y.csv").write_text("label\n3\n1\n\n")
    (here / "y.txt").write_text("3\n1\n")
    np.save("y.npy", np.array([3, 1]))
    np.save("s.npy", np.array([b"forget", b"test"]))
    for given in ("y.csv", "y.txt", "y.npy", [3, 1], torch.tensor([3, 1])):
        assert read_labels(given).tolist() == [3, 1]
    assert read_sides("s.npy")[0].tolist() == ["forget", "test"]
    assert read_ids(np.array(["a", "b"], dtype=object), {2}).tolist() == ["a", "b"]


def test_sides_may_bring_their_ids(here):
    (here / "s.csv").write_text("id,side\n7,forget\n9,test\n")
    side, ids = read_sides("s.csv")
    assert (side.tolist(), ids.tolist()) == (["forget", "test"], ["7", "9"])
    (here / "t.csv").write_text("a7,forget\nb9,test\n")
    assert read_sides("t.csv")[1].tolist() == ["a7", "b9"]
    assert read_sides(["forget", "test"])[1] is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"label\n", "is empty"),
        (b"1,2\n3,4\n", "has 2 columns"),
        (b"1\n2,3\n", "1 to 2 columns"),
        (b"\xff\x00\xff", "UTF-8"),
    ],
)
def test_a_column_that_is_none_is_refused(here, content, told):
    (here / "y.csv").write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_labels("y.csv")
    with pytest.raises(DataError, match="no file"):
        read_labels("none.csv")
    with pytest.raises(DataError, match="Python objects"):
        read_labels(np.array([{}, 1], dtype=object))


def test_ids_stay_text_and_the_number_of_examples_tells_a_heading_from_an_id(here):
    (here / "i.csv").write_text("David\n007\n7\n")
    assert read_ids("i.csv", {3}).tolist() == ["David", "007", "7"]
    assert read_ids("i.csv", {2}).tolist() == ["007", "7"]
    (here / "j.csv").write_text("id\na\n")
    assert read_ids("j.csv", {2}).tolist() == ["id", "a"]
    assert read_ids("j.csv", {17}).tolist() == ["a"]
    (here / "k.csv").write_text("name;user_id\nx;07\ny;7\n")
    assert read_ids("k.csv", {2}).tolist() == ["07", "7"]


def test_labels_and_sides_may_have_any_heading(here):
    (here / "y.csv").write_text("diagnosis\n3\n1\n")
    assert read_labels("y.csv").tolist() == [3, 1]
    (here / "s.csv").write_text("who;where\n007;forget\n7;test\n")
    side, ids = read_sides("s.csv")
    assert (side.tolist(), ids.tolist()) == (["forget", "test"], ["007", "7"])
