"""What a terminal shows of work under way: a bar that fills, and nothing wider than the terminal."""

import io
import time

import pytest

from untrain.commands.cli.output import Tracker, bar
from untrain.runtime.progress import Progress, ProgressTracker, asking, show_stage


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("live", "begins"),
    [(True, ["[          ] 0/3 ", "[###       ] 1/3 ", "[######    ] 2/3 ", "[##########] 3/3 "]), (False, ["3/3 "])],
)
def test_a_terminal_shows_a_bar_that_fills_and_a_file_has_none(live, begins, monkeypatch):
    stream = Terminal() if live else io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("untrain.commands.cli.output.time.monotonic", lambda: 1.0)
    progress = ProgressTracker(Tracker("models"), 3)
    for name in "abc":
        progress.finished(name * 200)
    lines = lines_of(stream)
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
        assert lines_of(stream) == [f"untrain run: {text} ..." for text in shown]
    show_stage(None, "nobody looks")
    show_stage(print, "a callback of someone who counts models alone")


@pytest.mark.parametrize("total", [0, 1, 7, 1000])
def test_a_bar_is_full_when_all_is_done_and_never_before(total):
    assert bar(total, total) == f"[{'#' * 10}]"
    assert all(bar(done, total).endswith(" ]") for done in range(total))


def lines_of(stream):
    return [line for line in stream.getvalue().replace("\r", "").replace("\x1b[2K", "\n").splitlines() if line]


def wait_for(condition):
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    assert condition()


@pytest.mark.parametrize("live", [True, False])
def test_the_line_moves_while_nothing_is_finished(live, monkeypatch):
    stream = Terminal() if live else io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("untrain.commands.cli.output.OFTEN", 0.01)
    monkeypatch.setattr("untrain.commands.cli.output.SILENT", 0.02)
    with Tracker("models", "demo") as tracker:
        wait_for(lambda: "untrain demo: starting ..." in lines_of(stream))
        ProgressTracker(tracker, 3, label="2 workers start", expected=18.0)
        count = len(lines_of(stream))
        wait_for(lambda: len(lines_of(stream)) > count + 2)
    begins = "[          ] 0/3 models, 0 s of about 18 s expected: 2 workers start"
    assert lines_of(stream)[-1] == (begins if live else begins.removeprefix("[          ] "))


def test_seconds_pass_in_the_line_and_what_is_left_shrinks(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    tracker = Tracker("models", "demo")
    tracker.show_stage("reading")
    assert tracker._line(7.0) == "untrain demo: reading ... 7 s"
    tracker.show_start(Progress(0, 9, "", 0.0, None, expected=8.0))
    assert tracker._line(7.0) == "[          ] 0/9 models, 7 s of about 8 s expected"
    assert tracker._line(9.0) == "[          ] 0/9 models, 9 s, about 8 s expected"
    tracker(Progress(4, 9, "DEL(steps=Steps(lr=0.1)) 0", 12.0, 30.0))
    assert tracker._line(10.0) == "[####      ] 4/9 models, 22 s, about 20 s left: DEL 0"
    assert tracker._line(100.0) == "[####      ] 4/9 models, 112 s, about 1 s left: DEL 0"
    tracker(Progress(9, 9, "DEL() 0", 50.0, 0.0))
    assert tracker._line(2.0) == "untrain demo: at work ... 2 s"


@pytest.mark.parametrize(("width", "line"), [
    (80, "[####      ] 4/9 models, 12 s, about 30 s left: DEL 0"),
    (50, "[####      ] 4/9 models, 12 s, about 30 s left"),
    (42, "[####      ] 4/9, 12 s, about 30 s left"),
    (30, "4/9 models, 12 s"),
])  # fmt: skip
def test_a_narrow_terminal_shows_fewer_words_and_whole_ones(width, line, monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("untrain.commands.cli.output._columns", lambda: width)
    tracker = Tracker("models", "demo")
    tracker(Progress(4, 9, "DEL() 0", 12.0, 30.0))
    assert tracker._line(0.0) == line


@pytest.mark.parametrize(("width", "line"), [
    (80, "untrain run: reading the data of Digits(noise=Flip()) ... 3 s"), (60, "untrain run: reading the data of Digits ... 3 s"),
    (40, "reading the data of Digits ... 3 s"), (30, "untrain run ... 3 s"),
])  # fmt: skip
def test_a_stage_moves_on_a_narrow_terminal_too(width, line, monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("untrain.commands.cli.output._columns", lambda: width)
    tracker = Tracker("models", "run")
    tracker.show_stage("reading the data of Digits(noise=Flip())")
    assert tracker._line(3.0) == line


def test_a_note_breaks_between_words_on_a_terminal_and_not_at_all_in_a_file(monkeypatch):
    note = "price: 52 models to train, about 18 s of training here"
    for stream, lines in ((Terminal(), ["price: 52 models to train, about 18 s", "  of training here"]), (io.StringIO(), [note])):
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr("untrain.commands.cli.output._columns", lambda: 40)
        Tracker("models", "demo")(Progress(0, 0, "", 0.0, None, note))
        assert lines_of(stream) == lines


def test_nothing_moves_while_a_person_types_or_once_a_stage_has_ended(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("untrain.commands.cli.output.OFTEN", 0.01)
    with Tracker("models", "request") as tracker:
        tracker(Progress(0, 0, "", 0.0, None, "the plan"))
        assert tracker._line(3.0) == "untrain request: at work ... 3 s"
        with asking():
            time.sleep(0.03)  # a line that was under way is finished
            count = len(lines_of(stream))
            time.sleep(0.1)
            assert len(lines_of(stream)) == count
        wait_for(lambda: len(lines_of(stream)) > count)
        show_stage(tracker, "")
        count = len(lines_of(stream))
        time.sleep(0.1)
        assert len(lines_of(stream)) == count
