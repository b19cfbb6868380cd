"""Certified removals beside one another."""

import importlib
import json

import numpy as np
import pytest

import untrain as ut
from untrain.data.sparse import matrix_examples

SCRIPT = "papers.removal.certified"


def test_the_page_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.removal.certified_page")
    held = json.loads((page.FOLDER / "certified.json").read_text())
    assert (page.FOLDER / "certified.md").read_text() == page.page(held)
    assert list(dict.fromkeys(row["method"] for row in held["results"])) == [*script.STREAMS, *script.SINGLE]


def test_a_stream_ends_where_the_method_says_to_retrain_and_is_compared_on_its_way(script, monkeypatch):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 3))
    examples = matrix_examples(x / np.linalg.norm(x, axis=1, keepdims=True), (x[:, 0] > 0).astype(int))
    monkeypatch.setattr(script, "COMPARED", 2)
    method = ut.DescentToDelete(radius=1.001, removals=1, releases=3)
    trial = script.Trial(ut.parse(script.CONVEX), method, examples, np.arange(400), 0)
    found = trial.stream(9)
    assert (found["met"], found["capped"], found["certified"]) == (3, False, True)
    assert 0 < found["distance"] < 1e-4
    assert trial.stream(2)["capped"]
    alone = script.Trial(ut.parse(script.CONVEX), ut.Retrain(), examples, np.arange(400), 0).single()
    assert alone["distance"] == pytest.approx(0, abs=1e-9)
    assert alone["otherwise"] == 0.0
