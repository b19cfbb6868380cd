"""Intervals of the claims against what can be worked out by hand, and verdicts against planted models."""

import numpy as np
import pytest
from scipy import stats


def test_the_interval_of_a_gap_is_that_of_two_means_with_the_degrees_of_freedom_of_the_originals():
    from delpaper.claims import gap

    models, oracles = np.array([0.5, 0.52, 0.6]), np.array([0.4, 0.45, 0.41, 0.5])
    found = gap({"it": {"forget": models.tolist()}, "oracle": {"forget": oracles.tolist()}}, "it", "forget")
    half = stats.t.ppf(0.975, 2) * np.sqrt(models.var(ddof=1) / 3 + oracles.var(ddof=1) / 4)
    assert found == pytest.approx((100 * (oracles.mean() - models.mean()), 100 * (0.44 - 0.54 - half), 100 * (0.44 - 0.54 + half)))


def test_intervals_of_a_gap_hold_the_truth_as_often_as_stated():
    from delpaper.claims import gap

    rng, inside = np.random.default_rng(0), 0
    for _ in range(1000):
        models, oracles = rng.normal(0.6, 0.02, 3), rng.normal(0.5, 0.02, 8)
        _, low, high = gap({"it": {"forget": models}, "oracle": {"forget": oracles}}, "it", "forget")
        inside += low <= -10.0 <= high
    assert inside / 1000 > 0.94  # Student's t with 2 degrees of freedom errs towards too wide


def test_of_two_methods_the_nearer_is_told_on_either_side_of_the_oracles():
    from delpaper.claims import nearer

    models = {"far": {"forget": [0.30, 0.31, 0.29]}, "near": {"forget": [0.52, 0.53, 0.51]}, "oracle": {"forget": [0.5] * 4}}
    value, low, high = nearer(models, "near", "far")
    assert value == pytest.approx(-18.0)
    assert low < value < high < 0
    assert nearer(models, "far", "near")[0] == pytest.approx(18.0)


@pytest.mark.parametrize(
    ("found", "small", "nearer"),
    [((0.1, -0.5, 0.7), "holds", "undecided"), ((3.0, 2.0, 4.0), "fails", "fails"), ((-3.0, -5.0, -0.5), "undecided", "holds")],
)
def test_a_verdict_is_what_the_interval_decides(found, small, nearer):
    from delpaper.claims import below, within

    assert within("", "", "", found, 1.0).verdict == small
    assert below("", "", "", found).verdict == nearer


def planted(label, forget, **more):
    """A row whose three models have the given accuracy on the forget set."""
    models = {
        side: [v, v + 0.001, v - 0.001] for side, v in (("forget", forget), ("test", 0.5), ("mia", 1 - forget), ("retain", 1.0))
    }
    return {"request": "random", "scenario": "s", "label": label, "models": models, **more}


def document(rows):
    oracle = {side: [v, v + 0.001, v - 0.001] for side, v in (("forget", 0.5), ("test", 0.5), ("mia", 0.5), ("retain", 1.0))}
    return {"rows": rows, "oracles": {"s": oracle}}


def test_claims_of_the_main_table_are_decided_by_planted_models():
    from delpaper.verdicts import CONTROL, DEL, main

    rows = [planted(DEL, 0.5), planted(CONTROL, 0.3), planted("Finetune", 0.9), planted("RandomLabel", 0.5)]
    found = {c.text: c.verdict for c in main(document(rows)) if c.where == "random"}
    assert found["DEL's gap in forget accuracy is within 1 point"] == "holds"
    assert found["DEL comes nearer to retraining than Finetune"] == "holds"
    assert found["DEL comes nearer to retraining than RandomLabel"] == "undecided"
    assert found["a random mask of equal counts is clearly worse than DEL's, by forget accuracy"] == "holds"
    assert found["Shallowest forgets better than Deepest"] == "undecided"


def test_a_claim_about_a_method_that_failed_is_undecided_and_says_so():
    from delpaper.verdicts import DEL, main

    rows = [planted(DEL, 0.5), planted("ResetFinetune @ Deepest", 0.4) | {"error": "a loss is NaN"}]
    claim = next(c for c in main(document(rows)) if c.text.startswith("Shallowest"))
    assert (claim.verdict, claim.value) == ("undecided", None)
    assert "failed" in claim.measured
