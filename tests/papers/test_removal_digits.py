"""Up to 1,000 digits removed."""

import importlib
import json

import numpy as np

import untrain as ut
from untrain.data.sparse import matrix_examples

SCRIPT = "papers.removal.digits"


def test_the_page_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.removal.digits_page")
    held = json.loads((page.FOLDER / "digits.json").read_text())
    assert (page.FOLDER / "digits.md").read_text() == page.page(held)
    assert set(page.NAMES) == {row["method"] for row in held["results"]}


def test_a_kept_factor_makes_the_steps_that_the_data_make(script):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 3))
    train, test = (matrix_examples(part, (part[:, 0] + part[:, 1] ** 2 > 0).astype(int)) for part in (x[:150], x[150:]))
    rows = {row["method"]: row for row in script.of_order(train, test, ut.parse(script.LEARNER).run(train), np.arange(150), (20,))}
    for kept, read in (("kept factor, original", "Newton(hessian='original')"), ("kept factor, corrected", "Newton()")):
        assert abs(rows[kept]["distance"] - rows[read]["distance"]) < 1e-8
        assert rows["Nothing()"]["distance"] > 5 * rows[kept]["distance"] > 0.01
    assert rows["Retrain()"]["distance"] == 0
    assert rows["Retrain()"]["accuracy"] > 0.6
