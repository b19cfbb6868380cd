"""Class removal on photographs, its settings chosen on validation data, and what planted models decide."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import untrain as ut
from untrain.evaluation.observation import Observation
from untrain.runtime.executors.base import Resources
from untrain.runtime.executors.serial import Serial
from untrain.runtime.store import Store

FOLDER = Path(__file__).parents[2] / "papers" / "vision"
SCRIPT = "papers.vision.photos"
LEARNER = "Train(model=MLP(width=8), steps=Steps(lr=0.2, epochs=4, batch=64), keepers=(InputCovariance(),))"


def test_pages_say_what_their_numbers_say(script):
    from papers.vision import tables

    for name in ("classes", "photos"):
        assert tables.page(json.loads((FOLDER / f"{name}.json").read_text())) == (FOLDER / f"{name}.md").read_text()


def test_step_sizes_at_an_edge_are_named_with_what_had_no_others(script):
    from papers.vision import tables

    spelled = "GradAscent(steps=Steps(lr={}, epochs=1))".format
    trials = {spelled(lr): [0.5] for lr in (0.1, 0.2, 0.3)} | {"NegGrad(alpha=0.5)": [0.5]}
    for lr, end in ((0.1, "the smallest for GradAscent (0.1)"), (0.2, ""), (0.3, "the largest for GradAscent (0.3)")):
        chosen = {"GradAscent": spelled(lr), "NegGrad": "NegGrad(alpha=0.5)", "POUR": "POUR()", "Nothing": "Nothing()"}
        said = tables.edges({"chosen": chosen, "tuning": {"trials": trials}})
        assert bool(said) == bool(end)
        assert all(end in line and "NegGrad" not in line and line.endswith("Of POUR a single setting was tried.") for line in said)


def test_every_spelling_parses_and_no_method_is_named_twice(script):
    spelled = [repr(ut.parse(s)) for several in script.CONTENDERS.values() for s in several]
    assert len(set(spelled)) == len(spelled)
    for text in (script.Scale().scenario("here", 3), *(script.DATA.format(path="there", label=4),)):
        assert "label ==" in repr(ut.parse(text))


@pytest.mark.parametrize(("gone", "value"), [(0.8834, 0.530955), (0.7755, 0.563222), (0.684, 0.593824), (0.0, 1.0)])
def test_aus_of_the_original_is_one_over_one_plus_its_accuracy_on_the_class(script, gone, value):
    from papers.vision.removal import aus

    assert aus(0.9, gone, 0.9) == pytest.approx(value, abs=1e-6)


def test_numbers_of_a_single_model_are_those_of_its_predictions(script):
    from papers.vision.removal import single

    labels, side = np.array([1, 1, 0, 2, 0, 1, 2, 2]), np.array(["forget"] * 2 + ["retain"] * 2 + ["test"] * 4)
    logits = np.zeros((1, 8, 3), np.float32)
    logits[0, 0, 1] = 50  # sure, and the other forget example is not
    logits[0, [2, 3, 4, 5, 6], [0, 2, 0, 1, 2]] = 9  # of the test data the last is wrong
    found = single(Observation.of_logits(logits, labels, labels, side, np.arange(8)), 1, 0.5)
    assert (found["staying"], found["forgotten"]) == ([round(2 / 3, 5)], [1.0])
    assert found["retain"] == [1.0]
    assert found["entropy"] == pytest.approx([np.log(3) / 2], abs=1e-4)
    assert found["aus"] == pytest.approx([(1 + 2 / 3 - 0.5) / 2], abs=1e-4)


def test_intervals_are_students_and_decide_by_their_ends(script):
    from papers.vision import verdicts

    values = np.array([[0.1, 0.3], [0.4, 0.4], [0.3, 0.3]])
    mean, low, high = verdicts.interval(values)
    half = stats.t.ppf(0.975, 2) * np.std([0.2, 0.4, 0.3], ddof=1) / np.sqrt(3)
    assert (mean, low, high) == pytest.approx((0.3, 0.3 - half, 0.3 + half))
    models, oracles = np.array([0.5, 0.52, 0.6]), np.array([0.4, 0.45, 0.41, 0.5])
    half = stats.t.ppf(0.975, 2) * np.sqrt(models.var(ddof=1) / 3 + oracles.var(ddof=1) / 4)
    assert verdicts.against(models, oracles) == pytest.approx((0.1, 0.1 - half, 0.1 + half))
    ends = {"**holds**": (0, -0.5, 0.5), "**fails**": (2, 1.5, 2.5), "undecided": (1, 0.5, 1.5)}
    assert {name: verdicts.verdict(found, -1, 1) for name, found in ends.items()} == {name: name for name in ends}


def planted(by_method, classes=4, **more):
    """A document of models that leave the other classes as they were, and so much of the forgotten one."""

    def numbers(gone, at):
        gone = [gone + 0.001 * at]
        sides = {"staying": [0.7], "forgotten": gone, "forget": gone, "retain": [0.7], "entropy": [0.3]}
        return sides | {"aus": [1 / (1 + gone[0])], "error": None, "sees": "retain set", "cost": 0.1}

    cases = [
        {"class": at, "sizes": {"train": 100}, "rows": [{"method": name, **numbers(gone, at)} for name, gone in by_method.items()]}
        for at in range(classes)
    ]  # fmt: skip
    setting = {"machine": "a machine", "untrain": "0", "torch": "0"}
    return {"date": "", "command": "", "setting": setting, "cpu_seconds": 1, "cases": cases, **more}


def test_planted_models_decide_the_claims_and_a_method_that_failed_decides_none(script):
    from papers.vision import tables

    models = {"oracle": 0.0, "original": 0.8, "DUCK()": 0.01, "DELETE()": 0.5, "Finetune()": 0.3}
    chosen = {m.removesuffix("()"): m for m in models if "(" in m} | {"POUR": "POUR()"}
    tuning = {"classes": [0], "trials": {"DUCK()": [0.9], "POUR()": ["a loss is NaN"]}}
    document = planted(models, chosen=chosen, tuning=tuning, originals=1, oracles=2, learner="a learner")
    for case in document["cases"]:
        case["rows"].append({"method": "POUR()", "error": "no direction"})
    page = tables.page(document)
    told = {line.split(" | ")[0]: line.split(" | ")[-1] for line in page.splitlines()}
    assert told["| DUCK's figure: Finetune has a higher AUS than DUCK"] == "**fails** |"
    assert told["| DUCK: AUS is within .03 of retraining's"] == "**holds** |"
    assert told["| DELETE: AUS is within .03 of retraining's"] == "**fails** |"
    assert "| POUR's table: POUR has a higher AUS than DELETE | POUR failed | undecided |" in page
    assert "| `POUR()` | no direction |" in page
    assert "| `DUCK` | yes | 0.900 |" in page
    assert "test data chose nothing" in page


def test_settings_are_chosen_by_validation_data_and_each_class_is_forgotten(script, tmp_path):
    store, pool = str(tmp_path / "store"), Serial().open(Resources())
    contenders = {
        "Nothing": ("Nothing()",),
        "Finetune": ("Finetune(steps=Steps(lr=1e-6, epochs=1))",),
        "GradAscent": tuple(f"GradAscent(steps=Steps(lr={lr}, epochs=2, schedule=Constant()))" for lr in (1e-6, 0.03)),
        "DUCK": ("DUCK(steps=Steps(lr=0.01, epochs=1, batch=32, optimizer=AdamW()))",),
    }
    scale = script.Scale("Digits(request=Where('label == {label}'))", LEARNER, contenders, originals=2, oracles=2, tuning=(0, 1))
    tuning = script.tuned(scale, "", store, pool)
    weak, strong = tuning["trials"]
    assert np.mean(tuning["trials"][strong]) > np.mean(tuning["trials"][weak])
    assert tuning["chosen"]["GradAscent"] == strong
    theirs, ours = (ut.parse(tuning["chosen"][name]) for name in ("DUCK, official targets", "DUCK"))
    assert (theirs.bookkeeping.targets, theirs.steps, theirs.ratio) == ("official", ours.steps, ours.ratio)

    document = json.loads(json.dumps(script.removed(scale, tuning, "", [3, 0], store, pool)))
    assert [(case["class"], case["original"]) for case in document["cases"]] == [(0, 0), (3, 1)]
    by = {row["method"]: row for row in document["cases"][1]["rows"]}
    assert set(by) == {"oracle", "original", *tuning["chosen"].values()}
    assert by["oracle"]["forgotten"] == [0.0, 0.0]
    assert by["Nothing()"]["staying"] == by["original"]["staying"]
    assert by["Nothing()"]["aus"] == pytest.approx([1 / (1 + by["original"]["forgotten"][0])], abs=1e-4)
    assert by[strong]["forget"] < by["original"]["forget"]

    from papers.vision import tables

    assert "# Class removal on photographs" in tables.page(document)
    before = len(Store(store).entries())
    script.removed(scale, script.tuned(scale, "", store, pool), "", [3, 0], store, pool)
    assert len(Store(store).entries()) == before  # nothing is made again
