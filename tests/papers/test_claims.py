"""Intervals of the claims against what can be worked out by hand, and verdicts against planted models."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import untrain as ut

SMALL = Path(__file__).parents[2] / "papers" / "del" / "small"


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
    # Student's t with 2 degrees of freedom errs towards too wide, since the oracles' part is better known; without that part
    # it would be 0.93, and a normal distribution's 1.96 in its place 0.85.
    assert 0.95 < inside / 1000 < 0.999


def test_intervals_of_a_comparison_hold_the_truth_as_often_as_stated():
    from delpaper.claims import nearer

    rng, inside = np.random.default_rng(1), 0
    for _ in range(1000):
        models = {"oracle": {"forget": rng.normal(0.5, 0.02, 8)}}
        models |= {name: {"forget": rng.normal(mean, 0.02, 3)} for name, mean in (("one", 0.6), ("other", 0.65))}
        _, low, high = nearer(models, "one", "other")
        inside += low <= -5.0 <= high
    assert 0.93 < inside / 1000 < 0.97


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


def claims(document, name="main"):
    from delpaper.verdicts import CLAIMS

    return list(CLAIMS[name](document))


def found(document, name="main", where="random"):
    return {c.text: c for c in claims(document, name) if c.where == where}


def test_claims_of_the_main_table_are_decided_by_planted_models():
    from delpaper.verdicts import CONTROL, DEL

    rows = [planted(DEL, 0.5), planted(CONTROL, 0.3), planted("Finetune", 0.9), planted("RandomLabel", 0.5)]
    told = {text: claim.verdict for text, claim in found(document(rows)).items()}
    assert told["DEL's gap in forget accuracy is within 1 point"] == "holds"
    assert told["DEL comes nearer to retraining, by forget accuracy, than Finetune"] == "holds"
    assert told["DEL comes nearer to retraining, by forget accuracy, than RandomLabel"] == "undecided"
    assert told["a random mask of equal counts is clearly worse than DEL's, by forget accuracy and 2 points"] == "holds"
    assert not any("Shallowest" in text or "Deepest" in text for text in told)  # neither has a row


def test_a_claim_about_a_method_that_failed_is_undecided_and_says_so():
    from delpaper.verdicts import DEL

    claim = found(document([planted(DEL, 0.5), planted("Finetune", 0.4) | {"error": "a loss is NaN"}]))
    claim = claim["DEL comes nearer to retraining, by forget accuracy, than Finetune"]
    assert (claim.verdict, claim.value) == ("undecided", None)
    assert "Finetune failed" in claim.measured


def test_rows_tuned_with_a_look_at_oracles_are_judged_apart_and_as_ours():
    from delpaper.verdicts import DEL

    rows = [planted(DEL, 0.9), planted(f"{DEL} (oracle-tuned)", 0.5), planted("Finetune", 0.7)]
    told = found(document(rows))
    assert told["DEL comes nearer to retraining, by forget accuracy, than Finetune"].verdict == "fails"
    looked = told["tuned with a look at oracles, DEL comes nearer to retraining, by forget accuracy, than Finetune"]
    assert (looked.verdict, looked.ours) == ("holds", True)


def test_errors_to_opposite_sides_are_not_equal():
    from delpaper.verdicts import DEL

    rows = [
        planted(DEL, 0.55, keep=0.3, localizer="WeightedGrad"),
        planted(f"{DEL} on all", 0.45, keep=0.3, localizer="WeightedGrad on all"),
    ]
    claim = found(document(rows), "budgets")[
        "for a random request the score may be taken on all training data: equal within 2 points"
    ]
    assert claim.verdict == "fails"
    assert abs(claim.value) == pytest.approx(10.0)


def test_critical_neurons_are_held_against_a_mask_of_their_own_size():
    from delpaper.verdicts import CRITICAL, DEL

    rows = [
        planted(DEL, 0.5, keep=0.1, localizer="WeightedGrad"), planted(DEL, 0.2, keep=0.3, localizer="WeightedGrad"),
        planted(CRITICAL, 0.4, keep=0.3, localizer="CriticalNeurons"),
    ]  # fmt: skip
    claims = found(document(rows), "budgets")
    claim = claims["DEL's mask of 10 % comes nearer, by forget accuracy, than critical neurons, however many those are"]
    assert claim.value == pytest.approx(-10.0, abs=0.1)


def test_masks_are_held_against_each_other_over_the_budgets_of_the_middle_alone():
    from delpaper.verdicts import CONTROL, DEL

    ours = {0.01: 0.9, 0.05: 0.4, 0.1: 0.55, 1.0: 0.9}
    control = {0.01: 0.5, 0.05: 0.3, 0.1: 0.8, 1.0: 0.5}
    rows = [planted(DEL, v, keep=k, localizer="WeightedGrad") for k, v in ours.items()]
    rows += [planted(CONTROL, v, keep=k, localizer="RandomMask") for k, v in control.items()]
    text = (
        "averaged over the budgets between 5 % and 10 %, ResetFinetune comes nearer, by forget accuracy, with DEL's mask and its "
        "setting than with RandomMask and its setting"
    )
    name = next(c for c in claims(document(rows), "budgets") if c.text == text)
    assert name.value == pytest.approx((10 + 5) / 2 - (20 + 30) / 2, abs=0.1)
    assert name.verdict == "holds"
    rows[-2] |= {"error": "a loss is NaN"}
    assert next(c for c in claims(document(rows), "budgets") if c.text == text).verdict == "undecided"


def walks(label, forgotten):
    return [{"label": label, "rows": [{"forgotten": v, "test": 0.5}], "error": None} for v in forgotten]


def test_requests_in_a_row_are_judged_by_where_the_last_one_ends():
    from delpaper.verdicts import DEL

    rows = [*walks("oracle", (0.5, 0.501, 0.499)), *walks(DEL, (0.51, 0.511, 0.509)), *walks("Finetune", (0.9, 0.91, 0.89))]
    told = found({"rows": rows, "count": 10}, "sequential")
    near = told[f"after 10 requests {DEL} is within 2 points of retraining on all that was to be forgotten"]
    assert (near.value, near.verdict) == (pytest.approx(-1.0), "holds")
    nearer = told["after 10 requests DEL is nearer to retraining than Finetune, on all that was to be forgotten"]
    assert (nearer.value, nearer.verdict) == (pytest.approx(-39.0), "holds")


def test_a_walk_that_failed_leaves_its_claims_undecided():
    rows = [*walks("oracle", (0.5, 0.51, 0.49)), *walks("DEL", (0.5, 0.51)), {"label": "DEL", "rows": [], "error": "a loss is NaN"}]
    told = found({"rows": rows, "count": 10}, "sequential").values()
    assert len(told) == 2
    assert all(c.value is None and c.verdict == "undecided" for c in told)
    broken = [{**r, "rows": [], "error": "no room"} for r in walks("oracle", (0.5,) * 3)]
    told = found({"rows": [*broken, *walks("DEL", (0.5, 0.51, 0.49))], "count": 10}, "sequential").values()
    assert {c.verdict for c in told} == {"undecided"}


def test_a_row_that_failed_with_a_look_at_oracles_is_not_judged_by_the_one_without():
    from delpaper.verdicts import DEL, LOOKED

    rows = [planted(DEL, 0.5), planted("Finetune", 0.9), {**planted(f"Finetune{LOOKED}", 0.9), "error": "a loss is NaN"}]
    told = found(document(rows))
    claim = told["tuned with a look at oracles, DEL comes nearer to retraining, by forget accuracy, than Finetune"]
    assert (claim.value, claim.verdict) == (None, "undecided")


def test_what_the_paper_does_not_compare_is_a_question_of_ours():
    from delpaper.verdicts import DEL

    told = found(document([planted(DEL, 0.5), planted("Finetune", 0.9), planted("SCRUB", 0.9)]))
    assert not told["DEL comes nearer to retraining, by forget accuracy, than Finetune"].ours
    assert told["DEL comes nearer to retraining, by forget accuracy, than SCRUB"].ours


def test_every_ablation_has_its_verdicts_on_either_request():
    from delpaper.experiments import variants

    rows = []
    for request, scenario in (("random", "s"), ("classes", "c")):
        for ablation, level, method in variants("ResetFinetune(steps=Steps(lr=0.05)) @ WeightedGrad()"):
            row = planted(level, 0.5 if level in ("forget", "WeightedGrad per channel") else 0.4, ablation=ablation)
            rows.append({**row, "request": request, "scenario": scenario, "method": method})
    made = document(rows)
    made["oracles"]["c"] = made["oracles"]["s"]
    told = [c for where in ("random", "classes") for c in found(made, "ablations", where).values()]
    assert len(told) == 2 * (11 + 3 + 10 + 4)
    claim = found(made, "ablations")["on: forget comes nearer to retraining, by forget accuracy, than all"]
    assert (claim.value, claim.verdict) == (pytest.approx(-10.0, abs=0.1), "holds")


def test_a_mask_that_improves_nothing_since_all_weights_failed_is_undecided():
    one = {"localizer": "WeightedGrad", "unlearner": "NegGrad"}
    rows = [planted("NegGrad @ WeightedGrad", 0.5, keep=0.3, **one), {**planted("NegGrad @ WeightedGrad", 0.5, keep=1.0, **one)}]
    name = "budgets-neggrad"
    told = [c for c in claims(document(rows), name) if "improves" in c.text]
    assert [c.value for c in told] == [pytest.approx(0.0)] * 2
    rows[1]["error"] = "a loss is NaN"
    told = [c for c in claims(document(rows), name) if "improves" in c.text]
    assert [c.value for c in told] == [None] * 2


def test_masks_of_many_originals_are_judged_over_all_settings_and_at_each():
    from delpaper.verdicts import CONTROL, DEL

    ours, random = {"0.05, 30 %": 0.5, "0.15, 30 %": 0.46}, {"0.05, 30 %": 0.46, "0.15, 30 %": 0.6}
    rows = [planted(label, v, steps=s) for label, values in ((DEL, ours), (CONTROL, random)) for s, v in values.items()]
    told = found(document(rows), "control")
    whole = told["averaged over 2 settings DEL's mask comes nearer, by forget accuracy, than a random one of equal counts"]
    assert (whole.value, whole.verdict, whole.ours) == (pytest.approx((0 + 4) / 2 - (4 + 10) / 2, abs=0.1), "holds", True)
    alike = told["averaged over 2 settings both masks come equally near, within 2 points of forget accuracy"]
    assert (alike.value, alike.verdict) == (whole.value, "fails")
    for steps, value in (("0.05, 30 %", -4), ("0.15, 30 %", 4 - 10)):
        worse = told[f"at {steps} a random mask of equal counts is clearly worse than DEL's, by forget accuracy and 2 points"]
        assert (worse.value, worse.verdict, worse.ours) == (pytest.approx(value, abs=0.1), "holds", False)
    rows[-1] |= {"error": "a loss is NaN"}
    told = found(document(rows), "control")
    lost = [c.text for c in told.values() if c.value is None]
    assert len(lost) == 8 + 5
    assert not any("0.05" in text for text in lost)


def test_costs_and_sizes_are_judged_at_each_level():
    from delpaper.verdicts import DEL

    for name, key, levels in (("cost", "share", (1.0, 0.05)), ("fractions", "fraction", (0.01, 0.1))):
        rows = [planted(label, v, **{key: level}) for level in levels for label, v in ((DEL, 0.5), ("Finetune", 0.9))]
        told = [c for c in claims(document(rows), name) if c.where == "random"]
        assert [c.verdict for c in told] == ["holds"] * 2, name


def test_the_pages_of_stored_numbers_are_those_that_lie_beside_them():
    from delpaper.experiments import EXPERIMENTS
    from delpaper.pages import lines

    stored = [file for file in (SMALL / f"{name}.json" for name in EXPERIMENTS) if file.exists()]
    assert SMALL / "main.json" in stored
    for file in stored:
        made = lines(file.stem, json.loads(file.read_text()))
        assert file.with_suffix(".md").read_text() == "\n".join(made) + "\n", file.stem


def spellings(found):
    """Every spelling of a scenario or a method in a stored document."""
    if isinstance(found, str):
        return {found} if re.match(r"[A-Z]\w*\(", found) else set()
    within = [*found, *found.values()] if isinstance(found, dict) else found if isinstance(found, list) else []
    return set().union(*map(spellings, within))


def test_spellings_beside_stored_numbers_are_those_of_today():
    for file in SMALL.glob("*.json"):
        found = spellings(json.loads(file.read_text()))
        assert any("CIFAR10(" in text for text in found), file.stem
        for text in found:
            ut.parse(text)


def test_every_experiment_has_its_claims():
    from delpaper.experiments import EXPERIMENTS
    from delpaper.verdicts import CLAIMS

    assert set(CLAIMS) == set(EXPERIMENTS)
