"""Files that are there whole or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from untrain.core.atomic_write import READY, atomic_set, atomic_write, finish_set
from untrain.core.work_files import work_name
from untrain.reports.write import write_files

NAMES = ("report.html", "results.json", "scores.csv")
# Writes a set of files, and is killed before the n-th call that changes the disk.
KILLED = """
import os, signal, sys
from pathlib import Path
from untrain.reports.write import write_files
left = int(sys.argv[2])
def counted(plain):
    def call(*args, **more):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return plain(*args, **more)
    return call
for name in ("mkdir", "rename", "replace", "rmdir", "unlink", "fsync"):
    setattr(os, name, counted(getattr(os, name)))
Path.write_text = counted(Path.write_text)
write_files(Path(sys.argv[1]), dict.fromkeys(("report.html", "results.json", "scores.csv"), "new"))
"""


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


def held(folder):
    return {name: (folder / name).read_text() for name in NAMES if (folder / name).exists()}


@pytest.mark.parametrize("begun", [{}, dict.fromkeys(NAMES, "old")], ids=["an empty folder", "an older set"])
def test_a_set_whose_writer_is_killed_before_any_change_of_the_disk_is_the_old_one_or_the_new_one(tmp_path, begun):
    seen = []
    for at in range(40):
        folder = tmp_path / str(at)
        folder.mkdir()
        for name, text in begun.items():
            (folder / name).write_text(text)
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(at)], check=False)
        before = held(folder)
        finish_set(folder)
        after = held(folder)
        assert after in (begun, dict.fromkeys(NAMES, "new"))
        assert after == before or at > 4, "until one rename nothing is replaced"
        seen.append(after)
        write_files(folder, dict.fromkeys(NAMES, "newest"))
        assert held(folder) == dict.fromkeys(NAMES, "newest")
        assert sorted(f.name for f in folder.iterdir()) == sorted(NAMES), (
            "the next writer leaves nothing of the one that was killed"
        )
        if done.returncode == 0:
            break
    else:
        pytest.fail("there are more changes of the disk than were counted")
    assert seen[0] == begun
    assert done.returncode != -signal.SIGKILL


def test_a_set_that_cannot_be_written_leaves_the_old_one_and_nothing_beside(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_set(tmp_path) as fresh:
        (fresh / "a").write_text("\ud800", encoding="utf-8")
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError), atomic_set(tmp_path) as fresh:
        (fresh / "b").write_text("new")
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b"]


def test_an_interrupt_between_two_files_of_a_set_does_not_leave_half_of_it(tmp_path, monkeypatch):
    plain, calls = os.replace, []

    def replace(*args, **more):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(*args, **more)

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path, dict.fromkeys(NAMES, "new"))
    assert held(tmp_path) == dict.fromkeys(NAMES, "new")
    assert not (tmp_path / READY).exists()


def test_a_set_of_another_process_that_comes_while_one_is_finished_is_left_to_it(tmp_path, monkeypatch):
    plain, others = os.rmdir, tmp_path / "others"
    for folder in (tmp_path / READY, others):
        folder.mkdir()
        (folder / ("second" if folder == others else "first")).write_text("new")

    def rmdir(*args, **more):
        if others.exists():  # somebody else removed the folder first, and put a whole set there
            plain(*args, **more)
            others.rename(tmp_path / READY)
        return plain(*args, **more)

    monkeypatch.setattr("os.rmdir", rmdir)
    finish_set(tmp_path)
    assert (tmp_path / READY / "second").exists()
    finish_set(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["first", "second"]


def test_what_a_killed_writer_left_beside_a_file_goes_with_the_next_and_that_of_a_living_one_stays(tmp_path):
    dead = tmp_path / f"{work_name('.untrain').replace(f'-{os.getpid()}.', '-4194399.')}.scores.csv"
    living = tmp_path / f"{work_name('.untrain')}.scores.csv"
    for file in (dead, living, tmp_path / ".untrain.mine"):
        file.write_text("x")
    with atomic_write(tmp_path / "scores.csv") as fresh:
        fresh.write_text("new")
    assert {f.name for f in tmp_path.iterdir()} == {"scores.csv", living.name, ".untrain.mine"}
