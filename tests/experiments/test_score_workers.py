"""Runs scored by workers: progress counts methods while they work, and all are done in the end."""

import time

from untrain.experiments.score_workers import _watched, _written_to
from untrain.runtime.progress import Progress, ProgressTracker


def test_methods_that_workers_have_scored_are_counted_while_they_work(tmp_path, monkeypatch):
    monkeypatch.setattr("untrain.experiments.score_workers._OFTEN", 0.005)
    seen = []
    tracker = ProgressTracker(seen.append, 5, what="methods scored")
    first, second = (_written_to(tmp_path / name) for name in "ab")
    with _watched(tmp_path, tracker):
        first(Progress(0, 2, "", 0.0, None, note="scoring"))  # a note is of the worker alone
        first(Progress(1, 2, "DEL()", 0.0, None))
        until = time.monotonic() + 5
        while not seen and time.monotonic() < until:
            time.sleep(0.005)
        assert [(at.done, at.label) for at in seen] == [(1, "DEL()")]
        for at, name in enumerate(("Nothing()", "Retrain()")):
            second(Progress(at + 1, 2, name, 0.0, None))
    assert (seen[-2].done, seen[-2].label) == (3, "Retrain()")
    assert seen[-1].done == 5  # the scores of the others were in the store


def test_a_worker_that_takes_up_the_run_of_a_dead_one_counts_from_the_start(tmp_path):
    (tmp_path / "a").write_bytes("DEL()\nNothing()\nRetr\u00e9".encode()[:-1])  # it died within a letter
    seen = []
    with _watched(tmp_path, ProgressTracker(seen.append, 2)):
        again = _written_to(tmp_path / "a")
        for at in (1, 2):
            again(Progress(at, 2, "DEL()", 0.0, None))
    assert max(at.done for at in seen) == 2
    (tmp_path / "a").write_bytes("DEL()\n\u00e9".encode()[:-1])
    with _watched(tmp_path, ProgressTracker(seen.append, 2)):
        pass
    assert seen[-1].done == 2
