"""The guess of what is left, on a clock that the test turns."""

import pytest

from untrain.runtime import progress


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    return now


def test_starting_up_does_not_count_in_what_is_left(clock):
    told = []
    tracker = progress.ProgressTracker(told.append, 10)
    for moment in (100.0, 101.0, 102.0, 103.0, 104.0):
        clock[0] = moment
        tracker.finished("it")
    assert [p.left for p in told] == [None, None, None, pytest.approx(6.0), pytest.approx(5.0)]
    assert told[-1].elapsed == 104.0


def test_several_that_are_finished_at_once_count_as_many(clock):
    told = []
    tracker = progress.ProgressTracker(told.append, 16)
    for moment in (15.0, 16.0):
        clock[0] = moment
        tracker.finished("ensemble", 4)
    assert [p.done for p in told] == [4, 8]
    assert told[-1].left == pytest.approx(2.0)  # four a second, eight left; the first four bore the start


def test_what_was_done_before_is_no_pace(clock):
    told = []
    tracker = progress.ProgressTracker(told.append, 12, done=6)
    for moment in (50.0, 52.0, 54.0, 56.0):
        clock[0] = moment
        tracker.finished("it")
    assert told[-1].left == pytest.approx(4.0)
