"""Methods are held against retraining on the same originals and examples, and the page says who is better."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import number

SIDE = np.repeat(["forget", "retain", "test"], [20, 20, 60])
TRUE = np.arange(100) % 3
LABELS = np.where(SIDE == "test", TRUE, (TRUE + 1) % 3)  # all training labels are wrong


@pytest.fixture(scope="module")
def healing():
    """The script's functions."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "papers" / "healing.py")))


def outputs(healed, models=6, test=60, seed=0):
    """Models that heal so many of the 40 faults and are right on so many of the 60 test examples, as drawn."""
    rng = np.random.default_rng(seed)
    logits = np.zeros((models, 100, 3), np.float32)
    for row, count in zip(logits, np.broadcast_to(healed, models), strict=True):
        predicted = LABELS.copy()
        cured, missed = rng.choice(40, count, replace=False), 40 + rng.choice(60, 60 - test, replace=False)
        predicted[cured] = TRUE[cured]
        predicted[missed] = (TRUE[missed] + 1) % 3
        row[np.arange(100), predicted] = 5
    return Observation.of_logits(logits, LABELS, TRUE, SIDE, np.arange(100))


def test_healed_times_test_is_that_of_the_score(healing):
    assert number(healing.healing(outputs(10, test=30))) == pytest.approx(10 / 40 * 30 / 60)


def test_a_method_against_itself_is_open(healing):
    ours = healing.healing(outputs([5, 10, 20, 30, 35, 38]))
    assert healing.paired(ours, ours, 19, 6) == {"value": 0.0, "low": 0.0, "high": 0.0, "says": "open"}


def test_a_method_that_heals_more_of_each_original_is_better_and_the_other_worse(healing):
    many, few = (healing.healing(outputs(count, seed=1)) for count in (36, 4))
    up, down = healing.paired(many, few, 19, 6), healing.paired(few, many, 19, 6)
    assert (up["says"], down["says"]) == ("better", "worse")
    assert up["value"] == pytest.approx(32 / 40)
    assert 0 < up["low"] < up["value"] < up["high"]
    assert down["low"] == pytest.approx(-up["high"], abs=0.01)


def test_differences_between_originals_cancel_where_both_methods_share_them(healing):
    base = np.array([2, 8, 14, 20, 26, 32])  # originals differ much, the methods little
    ours, theirs = (healing.healing(outputs(base + more, seed=2)) for more in (4, 0))
    shifted = healing.healing(outputs(base[::-1] + 4, seed=2))
    widths = [each["high"] - each["low"] for each in (healing.paired(one, theirs, 1, 6) for one in (ours, shifted))]
    assert widths[0] < widths[1] / 2


def test_what_one_comparison_decides_many_may_leave_open(healing):
    ours = healing.healing(outputs([30, 22, 34, 27, 37, 31], seed=3))
    theirs = healing.healing(outputs([16, 15, 16, 15, 16, 15], seed=4))
    said = {count: healing.paired(ours, theirs, count, 6) for count in (1, 1000)}
    assert said[1]["says"] == "better"
    assert said[1000]["says"] == "open"
    assert said[1]["low"] == said[1000]["low"]


def test_changed_is_the_share_of_other_predictions(healing):
    assert healing.changed(outputs(10), outputs(0)) == pytest.approx(0.1)


def row(method, value, changed, **more):
    """A row as ``rows_of`` makes it."""
    score = {"value": value, "low": value, "high": value, "ceiling": None}
    return {"method": method, "error": None, "cost": 0.5, "scores": {"healed_times_test": score}, "changed": changed} | more


def test_the_page_names_the_better_the_idle_the_failed_and_what_is_no_default(healing):
    better = {"value": 0.2, "low": 0.1, "high": 0.3, "says": "better"}
    rows = [
        row("Retrain()", 0.3, 0.4), row("DEL()", 0.5, 0.2, paired=better), row("SCRUB()", 0.1, 0.001, paired=better),
        {"method": "SSD(select=2.0)", "error": "it fell", "cost": None},
    ]  # fmt: skip
    setting = {"machine": "m", "untrain": "0", "torch": "2"}
    case = {"noise": "flips", "found": 0.5, "sizes": {"forget": 100}, "rows": rows, "setting": setting}
    text = healing.page({"date": "d", "command": "c", "seeds": 6, "learner": "L", "noises": {"flips": "Flip()"}, "cases": [case]})
    assert "6 originals" in text
    assert "at their defaults, and beside them `SSD(select=2.0)`;" in text
    assert "Hardly anything is done at their defaults, here, by `SCRUB`: in every case fewer than 0.5 %" in text
    assert "| `DEL` | 50.0 [50.0, 50.0] | 20.0 [10.0, 30.0] **better** |" in text
    assert text.index("`DEL` | 50.0") < text.index("`Retrain` | 30.0 [30.0, 30.0] | - |") < text.index("`SCRUB` | 10.0")
    assert "| `SSD(select=2.0)` | failed: it fell |" in text
