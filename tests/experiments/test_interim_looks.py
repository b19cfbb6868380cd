"""A comparison that is looked at on the way: stages, early stops, and the share of false alarms."""

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import untrain as ut
from untrain.core.errors import BadInput
from untrain.evaluation.base import Evaluator, Measure, Part, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.outcome import DAMAGED, OPEN, PASSES, REMEMBERS
from untrain.evaluation.scoring.design import can_decide
from untrain.evaluation.scoring.hypothesis_tests import Case, verdicts
from untrain.experiments import interim_looks
from untrain.experiments.interim_looks import Look, count_open, looks_of, plan_looks, summary, take_looks
from untrain.runtime.store import Store

SCENARIO = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=3, batch=64))"
RUINED = "ResetFinetune(steps=Steps(epochs=0)) @ Everything()"


def document(*outcomes, error=None):
    verdicts = [None if error else {"outcome": outcome} for outcome in outcomes]
    return {"results": [{"verdict": verdict, "error": error} for verdict in verdicts]}


def test_looks_grow_to_all_models_and_share_the_level():
    plan = plan_looks(9, 21, 3)
    assert [(look.seeds, look.oracles) for look in plan] == [(3, 7), (6, 14), (9, 21)]
    assert sum(look.level for look in plan) == pytest.approx(0.05)
    assert plan_looks(3, 6, 1) == [Look(3, 6, 0.05)]
    assert [look.oracles for look in plan_looks(40, 4, 3)] == [2, 3, 4]


def test_a_look_that_cannot_decide_is_left_out_and_the_others_have_its_share():
    assert plan_looks(2, 8, 2) == [Look(2, 8, 0.05)]
    assert plan_looks(6, 20, 3) == [Look(4, 14, 0.025), Look(6, 20, 0.025)]
    assert plan_looks(1, 60, 3) == [Look(1, 40, 0.025), Look(1, 60, 0.025)]
    assert plan_looks(1, 19, 3) == [Look(1, 19, 0.05)]
    assert plan_looks(2, 16, 2, existing=True) == [Look(2, 8, 0.025), Look(2, 16, 0.025)], "unlearned models that are there already"


@given(st.integers(1, 8), st.integers(2, 60), st.integers(1, 10))
def test_every_look_that_is_planned_can_decide_and_the_last_is_at_all_models(seeds, oracles, count):
    try:
        plan = plan_looks(seeds, oracles, count)
    except BadInput:
        assert count > max(seeds, oracles - 1) or not can_decide(seeds, oracles, 0.05)
        return
    assert (plan[-1].seeds, plan[-1].oracles) == (seeds, oracles)
    assert sum(look.level for look in plan) == pytest.approx(0.05)
    assert count == 1 or all(can_decide(look.seeds, look.oracles, look.level) for look in plan)


@pytest.mark.parametrize(("seeds", "oracles", "enough"), [(1, 18, 19), (2, 4, 5), (3, 2, 4)])
def test_too_few_models_for_any_look_are_refused_with_how_many_would_do(seeds, oracles, enough):
    with pytest.raises(
        BadInput, match=rf"looks=2: {seeds} unlearned and {oracles} retrained .* oracles={enough} would do"
    ) as caught:
        plan_looks(seeds, oracles, 2)
    assert "\n" not in str(caught.value)
    assert plan_looks(seeds, enough, 2)[-1].oracles == enough


@pytest.mark.parametrize("ask", [ut.run, ut.price])
def test_a_run_and_its_price_refuse_looks_that_can_decide_nothing(tmp_path, ask):
    with pytest.raises(BadInput, match="oracles=5 would do"):
        ask(SCENARIO, [RUINED], store=tmp_path, seeds=2, oracles=4, looks=2)
    assert not (tmp_path / "STORE.json").exists()


@pytest.mark.parametrize(
    ("seeds", "oracles", "count"), [(3, 6, 0), (3, 6, -1), (3, 6, 6), (2, 2, 3), (3, 6, True), (3, 6, "2"), (50, 50, 11)]
)
def test_looks_that_cannot_be_taken_are_refused(seeds, oracles, count):
    with pytest.raises(BadInput, match="looks="):
        plan_looks(seeds, oracles, count)


def test_methods_that_pass_fail_or_did_not_run_are_not_open():
    assert count_open(document(OPEN, PASSES, REMEMBERS, DAMAGED, OPEN)["results"]) == 2
    assert count_open(document(OPEN, error="it failed")["results"]) == 0


def trace(*documents):
    """What a plan of looks did: what each was told, how many were dropped, what was said."""
    told, dropped, said = [], [], []
    waiting = iter(documents)

    def take(look, more):
        told.append(more)
        return next(waiting)

    found = take_looks(plan_looks(9, 21, 3), take, lambda: dropped.append(1), said.append)
    return found, told, len(dropped), said


def test_it_stops_as_soon_as_no_method_is_open():
    last = document(PASSES, REMEMBERS)
    found, told, dropped, said = trace(document(OPEN, OPEN), last)
    assert found is last
    assert dropped == 1
    assert [m["looks"][-1]["oracles"] for m in told] == [7, 14]
    assert told[1]["looks"][0] == {"seeds": 3, "oracles": 7, "level": pytest.approx(0.05 / 3), "open": 2}
    assert said[0].endswith("2 methods open; going on")
    assert said[1].endswith("0 methods open; stopped early")


def test_it_goes_to_the_end_where_a_method_stays_open():
    open_still = document(OPEN, PASSES)
    _, told, dropped, said = trace(open_still, open_still, open_still)
    assert (len(told), dropped) == (3, 2)
    assert said[-1].endswith("1 method open; the last")


def test_the_document_tells_of_all_looks_and_the_level_over_them():
    now = {"seeds": 4, "oracles": 14, "level": 0.05 / 3}
    record = {"looks": [{"seeds": 2, "oracles": 7, "level": 0.05 / 3, "open": 2}, now], "planned_looks": 3, "level": 0.05 / 3}
    assert looks_of(record, document(REMEMBERS)["results"])[-1] == now | {"open": 0}
    assert summary(record)[0].startswith("2 of 3 looks were taken, each at level 0.0167 and so 0.05 over all; stopped early")
    assert (looks_of({}, []), summary({})) == ([], [])


def ask(store, seeds, oracles, **more):
    return ut.run(SCENARIO, [RUINED], store=store, seeds=seeds, oracles=oracles, looks=2, evaluators="Accuracy", **more)


def made(store):
    rows = Store(store).entries()
    return {kind: sum(row["kind"] == kind for row in rows) for kind in ("model", "unlearned", "run")}


def test_a_ruined_model_is_told_at_the_first_look_and_the_rest_is_not_trained(tmp_path):
    said = []
    found = ask(tmp_path, 6, 12, on_progress=lambda at: said.append(at.note))
    assert made(tmp_path) == {"model": 3 + 6, "unlearned": 3, "run": 1}
    assert [(look["seeds"], look["oracles"], look["open"]) for look in found["looks"]] == [(3, 6, 0)]
    assert found["level"] == found["results"][0]["verdict"]["level"] == pytest.approx(0.025)
    assert found["results"][0]["verdict"]["says"] == "distinguishable"
    assert any("stopped early" in warning for warning in found["warnings"])
    assert any(note and note.startswith("look 1 of 2") and note.endswith("stopped early") for note in said)
    assert found["price"]["train"] == 6 + 12 + 6, "the price is that of all models"


@pytest.mark.slow
def test_a_run_goes_on_from_its_looks_wastes_nothing_and_reports_the_same(tmp_path, monkeypatch):
    real, counts = interim_looks.count_open, []
    monkeypatch.setattr(interim_looks, "count_open", lambda rows: counts.append(real(rows)) or 1)
    found = ask(tmp_path, 5, 10)
    assert made(tmp_path) == {"model": 5 + 10, "unlearned": 5, "run": 1}
    assert [look["oracles"] for look in found["looks"]] == [5, 10]
    monkeypatch.setattr(
        Store, "put", lambda _, made, *rest: pytest.fail(f"made {made['kind']}") if made["kind"] != "run" else put(_, made, *rest)
    )
    again = ask(tmp_path, 5, 10)
    assert {n: v for n, v in again.items() if n != "price"} == {n: v for n, v in found.items() if n != "price"}
    monkeypatch.undo()
    reported = ut.report([found["run"]], tmp_path, tmp_path / "out", evaluators="Accuracy")["runs"][0]
    assert (reported["level"], reported["results"]) == (found["level"], found["results"])


put = Store.put


def test_a_run_without_looks_is_tested_at_the_whole_level(tiny):
    assert (tiny.document["level"], tiny.document["looks"]) == (0.05, [])


class Mean(Evaluator):
    """The mean of what is given.

    Source: made up for tests.
    """

    scores: ClassVar = {"mean": ScoreInfo("the mean", "fraction", "the oracles' value", "none", low=-9.0, high=9.0, margin=0.3)}

    def prepare(self, seen):
        """Unused."""
        return seen.logits

    def evaluate(self, trial):
        """The mean over the forget set."""
        return {"mean": Measure((Part(1, "unlearned", "forget", trial.unlearned),))}


def alarm(draw, shift):
    """Whether any look of a run calls models distinguishable that differ by a shift."""
    ours, theirs = (draw.standard_t(4, size=(count, 1)) + draw.normal(size=(count, 5)) * 0.1 for count in (8, 24))
    zeros = np.zeros(5, dtype=int)
    seen = Observation.of_logits(theirs, zeros, zeros, np.array(["forget"] * 5), zeros)
    for look in plan_looks(8, 24, 3):
        case = Case(Mean(), {"unlearned": ours[: look.seeds] + shift, "oracle": theirs[: look.oracles]})
        if verdicts([case], seen, look.level)["mean"].says == "distinguishable":
            return True
    return False


@pytest.mark.parametrize("runs", [pytest.param(250), pytest.param(2000, marks=pytest.mark.slow)])
def test_looking_three_times_raises_no_more_false_alarms_than_looking_once(runs):
    draw = np.random.default_rng(0)
    rate = np.mean([alarm(draw, 0.0) for _ in range(runs)])
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_looking_three_times_still_finds_what_is_there():
    draw = np.random.default_rng(1)
    assert np.mean([alarm(draw, 4.0) for _ in range(50)]) > 0.9
