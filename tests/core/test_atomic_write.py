"""Files that are there whole or not at all."""

import pytest

from untrain.core.atomic_write import atomic_write


def test_what_is_written_beside_a_file_takes_its_place_when_all_of_it_is_there(tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text("old")
    with atomic_write(file) as fresh:
        fresh.write_text("new")
        assert (file.read_text(), fresh.parent, fresh.suffix) == ("old", tmp_path, ".csv")
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_block_that_fails_leaves_a_file_as_it_was_and_nothing_beside_it(tmp_path):
    file = tmp_path / "scores.csv"
    file.write_text("old")
    for half in ("", "half of it"):
        with pytest.raises(UnicodeEncodeError), atomic_write(file) as fresh:
            fresh.write_text(half + "\ud800", encoding="utf-8")
        assert file.read_text() == "old"
        assert list(tmp_path.iterdir()) == [file]


def test_where_there_is_no_folder_the_complaint_of_the_writer_comes_through(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "no" / "scores.csv") as fresh:
        fresh.write_text("new")
