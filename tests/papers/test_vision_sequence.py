"""Requests in a row by projected gradients: the covariance that is carried on, and verdicts from planted walks."""

import json

import numpy as np
import pytest

import untrain as ut
from untrain.commands.arguments import setting_of
from untrain.data.examples import take
from untrain.experiments.scene import open_scene
from untrain.runtime.executors.base import Resources
from untrain.runtime.executors.serial import Serial
from untrain.runtime.store import Store
from untrain.training.keepers.inputcovariance import input_moments

SCRIPT = "papers.vision.sequence"
STEPS = "steps=Steps(lr=0.2, epochs=3, batch=16, optimizer=SGD(momentum=0.0), buffers='freeze')"
KEPT, ANEW = (f"ProjectedGradient({given}subspace=Subspace(share=0.5), {STEPS})" for given in ("", "covariance='retain', "))


def scenario(depth):
    learner = f"Train(model=MLP(width=8, depth={depth}), steps=Steps(lr=0.2, epochs=3, batch=64), keepers=(InputCovariance(),))"
    return f"WithLearner(scenario=Digits(), by={learner})"


def walked(script, store, depth, **walks):
    found = script.sequences(scenario(depth), walks, 2, str(store), Serial().open(Resources()))
    return json.loads(json.dumps(found))


def test_what_a_script_runs_is_spelled_as_today(script):
    for text in (script.LEARNER, script.DATA.format(path="here"), *(method for method, _ in script.WALKS.values())):
        ut.parse(text)


def test_where_no_layer_stands_before_another_the_carried_covariance_is_that_of_the_retain_set(script, tmp_path):
    found = walked(script, tmp_path, 0, carried=(KEPT, False), anew=(ANEW, False))["walks"]
    rows = {label: [walk["rows"] for walk in walks] for label, walks in found.items()}
    assert all(share < 1e-6 for walk in rows["carried"] for row in walk for share in row["drift"].values())
    for one, other in zip(rows["carried"], rows["anew"], strict=True):
        assert len(one) == script.COUNT
        assert [[r[side] for r in one] for side in ("forgotten", "retain", "test")] == [
            [r[side] for r in other] for side in ("forgotten", "retain", "test")
        ]
        assert one[-1]["forgotten"] < 0.99 * one[-1]["retain"]  # it did something


def test_behind_a_layer_that_moved_the_carried_covariance_is_another(script, tmp_path):
    found = walked(script, tmp_path, 1, carried=(KEPT, False))["walks"]["carried"]
    for walk in found:
        first, last = walk["rows"][0]["drift"], walk["rows"][-1]["drift"]
        assert [share < 1e-6 for share in first.values()] == [True, False]
        assert list(last.values())[1] > list(first.values())[1]


def test_walks_forget_the_same_examples_whether_one_after_the_other_or_at_once(script, tmp_path):
    walks = {"Nothing": ("Nothing()", False), "Retrain": ("Retrain()", False), "once": (KEPT, True), "all": ("Nothing()", True)}
    found = walked(script, tmp_path, 1, **walks)["walks"]
    assert [len(found[label][0]["rows"]) for label in walks] == [script.COUNT, script.COUNT, 1, 1]
    for index in range(2):
        step, whole = found["Nothing"][index]["rows"], found["all"][index]["rows"][0]
        assert {side: step[-1][side] for side in ("forgotten", "retain", "test")} == {
            side: whole[side] for side in ("forgotten", "retain", "test")
        }
        assert np.mean([row["forget"] for row in step]) == pytest.approx(step[-1]["forgotten"], abs=1e-3)
        assert len({row["test"] for row in step}) == 1
    assert found["Retrain"][0]["rows"][-1] != found["Retrain"][1]["rows"][-1]


def test_walks_that_the_store_has_are_not_made_again_and_a_failure_is_told(script, tmp_path):
    walks = {"Nothing": ("Nothing()", False), "broken": ("ProjectedGradient(subspace=Subspace(share=1.0))", False)}
    first = walked(script, tmp_path, 0, **walks)
    assert "no weight could move" in first["walks"]["broken"][0]["error"]
    before = len(Store(tmp_path).entries())
    assert walked(script, tmp_path, 0, **walks)["walks"] == first["walks"]
    assert len(Store(tmp_path).entries()) == before


def test_drift_is_a_share_of_the_norm(script):
    scene = open_scene(ut.parse(scenario(0)), setting_of("cpu", 1, "auto", False))
    model = scene.learner.init(scene.data.train, 0).eval()
    half, whole = (input_moments(model, take(scene.data.train, np.arange(n).repeat(2)[:16]), scene.task) for n in (8, 16))
    assert set(script.drift(whole, whole).values()) == {0.0}
    assert script.drift({n: 3 * m for n, m in half.items()}, half) == dict.fromkeys(half, 2.0)


def planted(script, seeds=6, **ends):
    """Walks whose last accuracies are as given on all sides, apart by a thousandth from original to original."""

    def walk(end, at):
        sides = dict.fromkeys(("forget", "forgotten", "retain", "test"), end + 0.001 * at)
        return {"rows": [sides | {"notes": [], "seconds": 0.1, "drift": {"0": 0.0, "2": 0.1}}] * script.COUNT, "error": None}

    walks = {label.replace("_", " "): [walk(end, at) for at in range(seeds)] for label, end in ends.items()}
    return {
        "date": "", "command": "", "scenario": "", "learner": "", "seeds": seeds, "count": script.COUNT, "fraction": 0.025,
        "torch": "0", "cpu_seconds": 1, "methods": dict.fromkeys(walks, "DUCK()"), "walks": walks,
    }  # fmt: skip


def test_planted_walks_decide_the_claims(script):
    from papers.vision import sequence_table

    document = planted(script, carried_on=0.9, computed_anew=0.9, at_once=0.8, Retrain=0.9, without_projection=0.5)
    page = sequence_table.page(document)
    told = {line.split(" | ")[0]: line.split(" | ")[-1] for line in page.splitlines()}
    assert told["| carried on: within 1 point of computing anew, on the rest"] == "**holds** |"
    assert told["| one after the other: within 1 point of all at once, on all requests"] == "**fails** |"
    assert told["| after 4 requests within 1 point of retraining, on test data"] == "**holds** |"
    assert told["| the projection keeps accuracy on the rest: higher than without it, in points"] == "**holds** |"
    assert "| `2` | 10.0 [10.0, 10.0] |" in page
    document["walks"]["at once"][0] |= {"error": "a loss is NaN", "rows": []}
    page = sequence_table.page(document)
    assert "all at once" not in page
    assert "*at once* failed: a loss is NaN" in page
