"""Streams that are closed, full or of few letters: one line or a whole answer, and never a traceback."""

import os
import subprocess
import sys
import time

import pytest

from covering import quick

UNTRAIN = f"{sys.executable} -m untrain"


def shell(line, **env):
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=os.environ | env, check=False)


def one_line(done, code):
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == (1 if code else 0), done.stderr


@pytest.mark.parametrize("what", ["methods", "--version", "run --help"])
def test_a_full_disk_is_one_line(what):
    done = shell(f"{UNTRAIN} {what} > /dev/full")
    one_line(done, 1)
    assert "cannot write to standard output: No space left" in done.stderr


@pytest.mark.parametrize(
    "end", quick([">&-", "<&- 2>&-", "| head -0", "| head -1 > /dev/null", ">&- 2>&- <&-"], "| head -0", ">&- 2>&- <&-")
)
def test_closed_streams_are_not_missed(tiny, tmp_path, end):
    done = shell(f"{UNTRAIN} report --no-images --store {tiny.store} --out {tmp_path / 'page'} {end}")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert (tmp_path / "page" / "report.html").read_bytes().startswith(b"<!")


@pytest.mark.parametrize(
    "env", [{"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "LC_ALL": "C"}, {"COLUMNS": "0"}]
)
@pytest.mark.parametrize("what", ["methods", "show KLoM", "run --help"])
@pytest.mark.slow
def test_text_is_whole_in_any_locale_and_has_no_marks_of_docstrings(what, env):
    done = shell(f"{UNTRAIN} {what}", **env)
    one_line(done, 0)
    assert len(done.stdout) > 100
    assert "``" not in done.stdout


def test_on_a_terminal_something_is_shown_at_once(tiny, tmp_path):
    import pty

    argv = [sys.executable, "-m", "untrain", "report", "--no-images", "--store", str(tiny.store), "--out", str(tmp_path / "page")]
    began, (pid, end) = time.monotonic(), pty.fork()
    if pid == 0:
        os.execv(sys.executable, argv)
    first = os.read(end, 100)
    waited = time.monotonic() - began
    rest = first
    while True:
        try:
            block = os.read(end, 4096)
        except OSError:
            break
        if not block:
            break
        rest += block
    whole = time.monotonic() - began
    os.close(end)
    os.waitpid(pid, 0)
    assert first.startswith(b"untrain report: starting ...")
    assert waited < whole / 5  # long before torch is imported
    assert b"reading runs of the store" in rest
    assert b"collecting what the page shows" in rest
    assert b"\x1b[2K" in rest
