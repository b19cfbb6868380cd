"""Recovery on planted answers: right, planted, neither; and which facts are set apart to tune on."""

from dataclasses import replace

import numpy as np
import pytest

from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.recovery import Recovery
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import number
from untrain.models.tasks.causallm import CausalLM

IDS = np.array(["a", "b", "c", "d", "e"])
SIDE = np.array(["forget", "forget", "forget", "retain", "test"])


def put_out(ids, said, losses=None):
    """What a model puts out on answers of three tokens, of which all are said or two."""
    ids, said = np.asarray(ids), np.asarray(said)
    losses = np.ones(len(ids)) if losses is None else np.asarray(losses, dtype=float)
    outputs = {"loss": losses[None], "count": np.full((1, len(ids)), 3), "hits": np.where(said, 3, 2)[None]}
    return Observation(outputs, ids, ids, np.repeat("other", len(ids)), ids, task=CausalLM())


def scores(clean, corrupted, **fields):
    made = Recovery(**fields)
    other = put_out(["a", "a", "c"], np.zeros(3), [3.0, 5.0, 1.0])  # of b there is no other answer
    seen = replace(put_out(IDS, np.zeros(5)), side=SIDE, probes={"clean": clean, "corrupted": corrupted, "other": other})
    measured = made.evaluate(Prepared(made.prepare(seen), made.prepare(seen), SIDE, False))
    return {name: value if isinstance(value, str) else number(value) for name, value in measured.items()}


CLEAN = (["a", "a", "b", "c", "d", "e", "e"], [0, 1, 0, 0, 1, 0, 0])  # of a's two accepted answers the second is said
CORRUPTED = (["a", "b", "c"], [0, 1, 0])


def test_each_corrupted_fact_has_one_of_three_outcomes():
    found = scores(put_out(*CLEAN), put_out(*CORRUPTED))
    assert found["recovered"] == found["still_corrupted"] == found["neither"] == pytest.approx(1 / 3)
    assert (found["known_retain"], found["known_test"]) == (1, 0)


@pytest.mark.parametrize(("clean", "corrupted", "outcomes"), [(1, 0, (1, 0, 0)), (0, 1, (0, 1, 0)), (0, 0, (0, 0, 1))])
def test_a_model_that_says_one_kind_alone_has_that_outcome(clean, corrupted, outcomes):
    found = scores(put_out(CLEAN[0], np.full(7, clean)), put_out(CORRUPTED[0], np.full(3, corrupted)))
    assert tuple(found[name] for name in ("recovered", "still_corrupted", "neither")) == outcomes


def test_log_probabilities_are_means_over_the_answers_of_a_fact():
    clean = put_out(CLEAN[0], CLEAN[1], [1.0, 3.0, 5.0, 2.0, 0, 0, 0])  # means 2, 5 and 2
    found = scores(clean, put_out(CORRUPTED[0], CORRUPTED[1], [2.5, 4.0, 6.0]))
    assert found["right_over_planted"] == pytest.approx((0.5 - 1.0 + 4.0) / 3)
    assert found["prefers_right"] == pytest.approx(2 / 3)
    assert found["right_over_other"] == pytest.approx((4.0 - 2.0 + 1.0 - 2.0) / 2)


def test_facts_set_apart_to_tune_on_count_there_alone():
    apart = [one for one in "abc" if Recovery(tuning=0.5)._tuned(np.array([one]))[0]]
    assert 0 < len(apart) < 3
    said = [one in apart for one in CLEAN[0]]
    found = scores(put_out(CLEAN[0], said), put_out(CORRUPTED[0], [0, 0, 0]), tuning=0.5)
    assert (found["recovered_tuning"], found["recovered"], found["neither"]) == (1, 0, 1)
    assert "give tuning" in scores(put_out(*CLEAN), put_out(*CORRUPTED))["recovered_tuning"]


def test_the_share_set_apart_is_the_one_asked_for():
    names = np.array([f"person {at}, P{at % 41}" for at in range(5000)])
    assert Recovery(tuning=0.1)._tuned(names).mean() == pytest.approx(0.1, abs=0.015)


def test_without_further_wrong_answers_one_score_alone_is_missing():
    made, seen = Recovery(), replace(put_out(IDS, np.zeros(5)), side=SIDE)
    seen = replace(seen, probes={"clean": put_out(*CLEAN), "corrupted": put_out(*CORRUPTED)})
    found = made.evaluate(Prepared(made.prepare(seen), made.prepare(seen), SIDE, False))
    assert [name for name, value in found.items() if isinstance(value, str)] == ["right_over_other", "recovered_tuning"]


def test_a_run_without_corrupted_facts_says_so():
    found = scores(put_out(["d"], [1]), put_out(["e"], [0]))
    assert "no forget example" in found["recovered"]
    assert found["known_retain"] == 1
    assert "no test example" in found["known_test"]
