"""A table on a terminal of any width and kind has every number whole."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios

import pytest


def on_terminal(columns, argv, **env):
    """What a command prints on a terminal of so many columns."""
    pid, end = pty.fork()
    if pid == 0:
        os.environ.pop("COLUMNS", None)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execve(sys.executable, [sys.executable, "-m", "untrain", *argv], os.environ | env)
    printed = b""
    while True:
        try:
            block = os.read(end, 4096)
        except OSError:
            break
        if not block:
            break
        printed += block
    os.close(end)
    os.waitpid(pid, 0)
    return printed.decode(errors="replace")


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("columns", "env"),
    [
        (40, {}), pytest.param(80, {"TERM": "xterm-256color"}, marks=slow), pytest.param(40, {"TERM": "dumb"}, marks=slow),
        pytest.param(0, {}, marks=slow),
    ],
)  # fmt: skip
def test_every_number_is_whole(tiny, tmp_path, columns, env):
    argv = ["report", "--store", str(tiny.store), "--out", str(tmp_path / "page"), "--no-images", "--verbose"]
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_terminal(columns, argv, **env))
    assert "…" not in text
    shown = text[text.index("Digits(") :]
    lines = [line for line in shown.splitlines() if not line.startswith("report: ") and str(tmp_path) not in line]
    assert max(map(len, lines)) <= (columns or 80)
    row = tiny.document["results"][0]
    score = row["scores"]["forget_accuracy"]
    cell = f"{100 * score['value']:.1f} [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
    assert cell in shown


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, {"COLUMNS": "20"}, pytest.param({"NO_COLOR": "1"}, marks=slow),
        pytest.param({"TERM": ""}, marks=slow), pytest.param({"COLUMNS": "x"}, marks=slow),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_other_terminals_get_the_table_too(tiny, tmp_path, env):
    argv = ["report", "--store", str(tiny.store), "--out", str(tmp_path / "page"), "--no-images"]
    text = on_terminal(60, argv, **env)
    assert "Traceback" not in text
    assert "oracles (ideal)" in text
    assert "report: " in text
