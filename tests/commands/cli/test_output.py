"""What a terminal shows of work under way: a bar that fills, and nothing wider than the terminal."""

import io

import pytest

from untrain.commands.cli.output import Tracker, bar
from untrain.runtime.progress import ProgressTracker, show_stage


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
    progress = ProgressTracker(Tracker("models"), 3)
    for name in "abc":
        progress.finished(name * 200)
    lines = [line for line in stream.getvalue().replace("\r", "").replace("\x1b[2K", "\n").splitlines() if line]
    assert [line[: len(start)] for line, start in zip(lines, begins, strict=True)] == begins
    assert not live or max(map(len, lines)) < 80


def test_a_terminal_shows_what_begins_and_a_file_only_after_ten_silent_seconds(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("untrain.commands.cli.output.time.monotonic", lambda: clock[0])
    for live, shown in ((True, ["reading", "training", "writing"]), (False, ["writing"])):
        stream = Terminal() if live else io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        clock[0] = 100.0
        show = Tracker("models", "run")
        for moment, text in ((100.0, "reading"), (105.0, "training"), (111.0, "writing")):
            clock[0] = moment
            show_stage(show, text)
        lines = [line for line in stream.getvalue().replace("\r", "").replace("\x1b[2K", "\n").splitlines() if line]
        assert lines == [f"untrain run: {text} ..." for text in shown]
    show_stage(None, "nobody looks")
    show_stage(print, "a callback of someone who counts models alone")


@pytest.mark.parametrize("total", [0, 1, 7, 1000])
def test_a_bar_is_full_when_all_is_done_and_never_before(total):
    assert bar(total, total) == f"[{'#' * 10}]"
    assert all(bar(done, total).endswith(" ]") for done in range(total))
