"""The journal, the sampler and the pruner, without any model."""

import multiprocessing
import os
import signal

import pytest

from untrain.core.errors import StoreError
from untrain.core.search_space import Choices, Range

optuna = pytest.importorskip("optuna")
adapter = pytest.importorskip("untrain.experiments.search.optuna")

SPACE = {"x": Range(0.0, 1.0), "n": Range(1, 9, whole=True), "word": Choices(("a", "b"))}


def study(folder, seed=0, **facts):
    return adapter.Study(folder / "j.journal", "name", seed, facts)


def go(at, count, value=lambda drawn: -((drawn["x"] - 0.3) ** 2)):
    """Finish some trials; what was drawn."""
    every = []
    for _ in range(count):
        asked = at.ask(SPACE, "me")
        every.append(asked.drawn)
        at.done(asked, value(asked.drawn))
    return every


def test_what_is_drawn_is_of_its_dimension(tmp_path):
    for drawn in go(study(tmp_path), 15):
        assert 0 <= drawn["x"] <= 1
        assert drawn["n"] in range(1, 10)
        assert drawn["word"] in ("'a'", "'b'")


def test_a_study_that_is_opened_again_and_again_draws_as_one_that_stays_open(tmp_path):
    (tmp_path / "a").mkdir()
    one = go(study(tmp_path / "a"), 14)
    assert [go(study(tmp_path / "b"), 1)[0] for _ in range(14)] == one
    assert [d["x"] for d in one] != [d["x"] for d in go(study(tmp_path / "c", seed=1), 14)]


def test_fields_of_a_trial_are_drawn_apart(tmp_path):
    at = study(tmp_path)
    asked = [at.ask({"x": Range(0.0, 1.0), "y": Range(0.0, 1.0)}, "me") for _ in range(5)]
    assert all(abs(a.drawn["x"] - a.drawn["y"]) > 1e-6 for a in asked)


def test_what_is_begun_with_is_tried_first_and_once(tmp_path):
    drawn = {"x": 0.25, "n": 3, "word": "'b'"}
    for _ in range(2):
        at = study(tmp_path)
        at.begin(drawn, {"given": True})
    assert go(at, 2)[0] == drawn
    assert [t.facts.get("given", False) for t in at.records()] == [True, False]


def test_a_trial_whose_process_is_gone_is_tried_again_with_what_was_drawn(tmp_path):
    at = study(tmp_path)
    kept, lost = at.ask(SPACE, "alive"), at.ask(SPACE, "dead")
    assert at.reclaim(lambda owner: owner == "dead") == 1
    assert [t.state for t in at.records()] == ["running", "stopped", "waiting"]
    assert at.ask(SPACE, "alive").drawn == lost.drawn
    at.done(kept, 1.0)
    assert at.reclaim(lambda owner: owner == "dead") == 0


def test_a_trial_that_failed_is_no_stopped_one(tmp_path):
    at = study(tmp_path)
    at.fail(at.ask(SPACE, "me"), "why")
    assert [(t.state, t.facts["error"]) for t in at.records()] == [("failed", "why")]


def test_a_trial_below_the_median_of_the_finished_is_hopeless(tmp_path):
    at = study(tmp_path)
    for value in range(adapter.STARTUP):
        asked = at.ask(SPACE, "me")
        assert not at.hopeless(asked, 0, float(value))
        at.done(asked, float(value))
    low, high = at.ask(SPACE, "me"), at.ask(SPACE, "me")
    assert at.hopeless(low, 0, 1.0)
    assert not at.hopeless(high, 0, 3.0)
    at.prune(low)
    assert at.records()[low.number].state == "pruned"


def test_attributes_of_the_study_are_in_the_journal(tmp_path):
    study(tmp_path, oracle_guided=True)
    assert '"oracle_guided":true' in (tmp_path / "j.journal").read_text()
    assert study(tmp_path).facts() == {"oracle_guided": True}


def test_the_journal_is_one_that_optuna_reads(tmp_path):
    go(study(tmp_path), 3)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "j.journal"))
    assert len(optuna.load_study(study_name="name", storage=optuna.storages.JournalStorage(backend)).trials) == 3


def test_half_a_line_that_a_process_left_is_mended(tmp_path):
    at = study(tmp_path)
    go(at, 2)
    with (tmp_path / "j.journal").open("a") as file:
        file.write('{"op_code":4,"wor')
    again = study(tmp_path)
    go(again, 1)
    assert len(study(tmp_path).records()) == 3


def test_a_journal_that_is_none_is_told_in_one_line(tmp_path):
    (tmp_path / "j.journal").write_text("no journal\nat all\n")
    with pytest.raises(StoreError, match="is damaged"):
        study(tmp_path)


def test_a_journal_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        study(tmp_path / "file")


def test_importance_waits_for_enough_trials(tmp_path):
    at = study(tmp_path)
    go(at, adapter.ENOUGH - 1)
    assert at.importance() == {}
    go(at, 6)
    assert sum(at.importance().values()) == pytest.approx(1.0)
    assert max(at.importance(), key=at.importance().get) == "x"


def hold(file, says):
    adapter.FileLock(file).acquire()
    says.set()
    signal.pause()


def test_the_lock_of_a_process_that_is_killed_holds_nobody_up(tmp_path):
    go(study(tmp_path), 1)
    context = multiprocessing.get_context("fork")
    says = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "j.journal", says))
    process.start()
    assert says.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    go(study(tmp_path), 1)
