"""Work under way tells whose it is; what a killed process left is found."""

import os
import subprocess
import sys
import tempfile
import time

import pytest

from untrain.core.errors import BadInput
from untrain.core.work_files import HOUR, clear, is_abandoned, is_older, left_scratch, scratch, work_name


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A place of temporary files of its own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_work_of_this_process_is_under_way_and_that_of_one_that_ended_is_not(tmp_path):
    ours = tmp_path / work_name("model")
    code = "from untrain.core.work_files import work_name; print(work_name('model'))"
    theirs = tmp_path / subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    ours.mkdir()
    theirs.mkdir()
    os.utime(ours, (0, 0))
    assert (is_abandoned(ours, 0), is_abandoned(theirs, HOUR)) == (False, True)


def test_work_of_another_machine_is_under_way_for_an_hour(tmp_path):
    work = tmp_path / "model.00000000-1.1"
    work.mkdir()
    assert not is_abandoned(work, HOUR)
    os.utime(work, (time.time() - 2 * HOUR,) * 2)
    assert is_abandoned(work, HOUR)


def test_what_comes_from_the_future_is_as_old_as_it_is_ahead(tmp_path):
    now = time.time()
    os.utime(tmp_path, (now + 1000, now + 1000))
    assert is_older(tmp_path, 0)
    assert is_older(tmp_path, 900)
    assert not is_older(tmp_path, 1100)
    assert is_older(tmp_path, 1100, made=now - 2000)


def test_a_scratch_folder_is_private_and_goes_also_when_the_work_fails(temporary):
    seen = []

    def work(folder):
        seen.append((folder.parent, folder.stat().st_mode & 0o077))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), scratch("arrow") as made:
        work(made)
    assert seen == [(temporary, 0)]
    assert list(temporary.iterdir()) == []


def test_a_scratch_folder_of_a_killed_process_is_found_and_removed_by_the_next(temporary):
    code = f"""
import os, signal, tempfile
from untrain.core.work_files import scratch
tempfile.tempdir = {str(temporary)!r}
with scratch("arrow") as folder:
    (folder / "data.arrow").write_text("private")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (temporary / "untrain-notes").mkdir()
    (temporary / "untrain-arrow.00000000-1.1").symlink_to(temporary / "untrain-notes")
    assert [left.name.split(".")[0] for left in left_scratch()] == ["untrain-arrow"]
    with scratch("job"):
        pass
    assert sorted(f.name for f in temporary.iterdir()) == ["untrain-arrow.00000000-1.1", "untrain-notes"]


def test_a_place_that_cannot_be_written_is_told_in_one_line(temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "none"))
    with pytest.raises(BadInput, match="or set TMPDIR"), scratch("job"):
        pass
    with pytest.raises(BadInput, match="make room there") as told, scratch("job", temporary / "none"):
        pass
    assert "TMPDIR" not in str(told.value)


def test_clear_removes_links_and_nothing_behind_them(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    left = tmp_path / "left"
    left.mkdir()
    (left / "link").symlink_to(tmp_path / "home")
    (tmp_path / "direct").symlink_to(tmp_path / "home")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    for path in (left, tmp_path / "direct", tmp_path / "dangling", tmp_path / "never"):
        clear(path)
    assert [f.name for f in tmp_path.rglob("*")] == ["home", "thesis.tex"]
