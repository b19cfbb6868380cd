"""The comparison of steps with retraining after features go."""

import importlib
import json

import numpy as np
import pytest
from scipy import sparse

import untrain as ut
from untrain.data.sparse import matrix_examples

SCRIPT = "papers.removal.features"


def test_the_page_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.removal.features_page")
    document = json.loads((page.FOLDER / "features.json").read_text())
    assert (page.FOLDER / "features.md").read_text() == page.page(document)


def test_of_adult_the_numbers_are_those_of_the_specification(script):
    """D2: only the Hessian of the corrected data comes near; the wrong one is worse than nothing."""
    page = importlib.import_module("papers.removal.features_page")
    held = json.loads((page.FOLDER / "features.json").read_text())["sets"]["Adult, marital status, relationship and race"]
    of = {row["method"]: row for row in held["results"]}
    assert {row["changed"] for row in of.values()} == {20_630}
    assert of["Nothing()"]["gradient"] == pytest.approx(1598, abs=0.5)
    assert of["Newton()"]["gradient"] == pytest.approx(240, abs=0.5)
    assert of["Newton()"]["distance"] == pytest.approx(0.53, abs=5e-3)
    assert of["Newton(hessian='original')"]["gradient"] == pytest.approx(1825, abs=0.5)
    # The distances of the specification are those of the weights that stay; the others are 0 after retraining.
    stay = [of[method]["distance_stay"] for method in ("Nothing()", "Newton()", "Newton(hessian='original')")]
    assert stay == pytest.approx([2.37, 0.53, 7.83], abs=6e-3)
    assert abs(of["Newton()"]["accuracy"] - of["Retrain()"]["accuracy"]) < 0.001


def test_of_drebin_fine_tuning_leaves_the_gradient_as_it_is_and_the_penalty_of_the_source_raises_it(script):
    """D13: of ten of any of its URLs, in the mean over draws."""
    page = importlib.import_module("papers.removal.features_page")
    rows = json.loads((page.FOLDER / "features.json").read_text())["sets"]["Drebin, any of its URLs"]["results"]
    names = ("Nothing()", "Finetune, penalty by the batch", "Finetune, whole penalty")
    before, scaled, whole = (
        np.mean([row["gradient"] for row in rows if (row["count"], row["method"]) == (10, name)]) for name in names
    )
    assert scaled == pytest.approx(before, rel=0.005)
    assert whole > 1.3 * before


def test_a_feature_that_tells_goes_and_rows_stay_sparse(script):
    draw = np.random.default_rng(0)
    y = np.where(draw.random(300) < 0.5, -1, 1)
    x = sparse.csr_array(np.where(draw.random((300, 12)) < 0.3, draw.normal(size=(300, 12)), 0.0) + np.eye(12)[0] * y[:, None])
    names = tuple(f"f{at}" for at in range(12))
    data = importlib.import_module("papers.removal.feature_data")
    parts = [matrix_examples(x[rows], y[rows], features=names) for rows in (slice(0, 200), slice(200, 300))]
    named = data.Named(*parts, np.array(["f0"]))
    rows = script.results(named, script.Setting(lambda _: named, (None,)), 1)
    of = {row["method"]: row for row in rows}
    assert of["Newton()"]["gradient"] < of["FirstOrder()"]["gradient"] < of["Nothing()"]["gradient"]
    assert of["Newton()"]["distance"] < 0.2 * of["Nothing()"]["distance"]
    assert of["Retrain()"]["accuracy"] < 0.7  # the test data have lost it too
    before = script.scores(script.LEARNER(named.train), named.test)
    assert before["accuracy"] > 0.9
    assert isinstance(ut.problem(named.train, ut.ReplaceFeatures(features=("f0",)), script.LEARNER).retain.x, type(parts[0].x))
