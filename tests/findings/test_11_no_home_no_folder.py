"""A user without a home, as containers have it, and a working folder that was removed: one line, no traceback."""

import os
import shutil
import subprocess
import sys

import pytest

from covering import thin
from untrain.core.environment import absolute, searching, working_folder
from untrain.core.errors import BadInput
from untrain.core.paths import user_path

BARE = [sys.executable, "-m", "untrain"]
NOBODY = ["unshare", "-U", "--map-user=23456", "--map-group=23456", "env", "-u", "HOME", "-u", "UNTRAIN_HOME"]


def said(argv, folder, **more):
    """Exit code and last line of what a command says on stderr or stdout."""
    env = {n: v for n, v in os.environ.items() if n != "UNTRAIN_HOME"} | {"PYTHONPATH": os.pathsep.join(sys.path)} | more
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder, env=env, check=False)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.returncode, (done.stderr or done.stdout).strip().splitlines()[-1]


def can_be_nobody():
    return bool(shutil.which("unshare")) and subprocess.run([*NOBODY, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_be_nobody(), reason="this machine lets nobody be a user without a name")
@pytest.mark.parametrize("command", thin([["store"], ["report"], ["run", "Digits", "Nothing", "--price"]], 2))
def test_a_user_without_a_home_is_told_what_to_give(tmp_path, command):
    tmp_path.chmod(0o755)
    code, line = said([*NOBODY, *BARE, *command], tmp_path)
    assert code == 2
    assert "the home folder of ~ is not known" in line
    assert "HOME" in line


def test_a_user_that_is_not_there_has_no_home(tmp_path):
    code, line = said([*BARE, "store", "--store", "~nobodyhere/x"], tmp_path)
    assert (code, "~nobodyhere/x: the home folder of ~nobodyhere is not known; there is no such user" in line) == (2, True)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (["--version"], 0),
        (["methods"], 2),
        (["show", "DEL"], 2),
        (["store", "--store", "/nowhere/at/all"], 2),
        (["store", "--store", "here"], 2),
        (["check", "my_module.Mine"], 2),
        (["run", "Digits", "Nothing", "--store", "here", "--price"], 2),
        (["run", "Digits", "Nothing", "--store", "here"], 2),
        (["memorize", "Digits", "--out", "scores.csv", "--store", "here"], 2),
    ],
)
def test_a_working_folder_that_is_gone_is_no_traceback(tmp_path, command, wanted):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"rmdir {gone}; exec {sys.executable} -m untrain {' '.join(command)}"
    code, line = said(["sh", "-c", script], gone)
    assert (code, "the working folder is gone" in line) == (wanted, wanted == 2)


def test_paths_are_written_out_in_one_place(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x"
    assert str(user_path("a~b")) == "a~b"
    with pytest.raises(BadInput, match="no such user"):
        user_path("~nobodyhere")


def test_a_folder_that_is_gone_is_said(monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for asked in (working_folder, lambda: absolute("x")):
        with pytest.raises(BadInput, match="the working folder is gone"):
            asked()
    assert str(absolute("/x")) == "/x"
    with searching() as place:
        assert place is None
    monkeypatch.chdir("/")
