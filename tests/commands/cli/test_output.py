"""What a terminal shows of work under way: a bar that fills, and nothing wider than the terminal."""

import io

import pytest

from untrain.commands.cli.output import bar, tracker
from untrain.runtime.progress import ProgressTracker


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("live", "begins"), [(True, ["[###       ] 1/3 ", "[######    ] 2/3 ", "[##########] 3/3 "]), (False, ["3/3 "])]
)
def test_a_terminal_shows_a_bar_that_fills_and_a_file_has_none(live, begins, monkeypatch):
    stream = Terminal() if live else io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("untrain.commands.cli.output.time.monotonic", lambda: 1.0)
    progress = ProgressTracker(tracker("models"), 3)
    for name in "abc":
        progress.finished(name * 200)
    lines = [line for line in stream.getvalue().replace("\r", "").replace("\x1b[2K", "\n").splitlines() if line]
    assert [line[: len(start)] for line, start in zip(lines, begins, strict=True)] == begins
    assert not live or max(map(len, lines)) < 80


@pytest.mark.parametrize("total", [0, 1, 7, 1000])
def test_a_bar_is_full_when_all_is_done_and_never_before(total):
    assert bar(total, total) == f"[{'#' * 10}]"
    assert all(bar(done, total).endswith(" ]") for done in range(total))
