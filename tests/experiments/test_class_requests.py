"""Requests of whole classes and of a part of a class, in a run: test examples, relearning and features by what is forgotten."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.data.examples import take
from untrain.data.requests.resolve import request
from untrain.evaluation.glossary import abouts, evaluators
from untrain.experiments.results import entries_of
from untrain.reports.html import tables
from untrain.runtime.store import Store

STEPS = ut.Steps(lr=0.1, epochs=6, batch=64)
DIGITS = ut.Digits(model=ut.MLP(width=24), steps=STEPS, request=ut.Where("label == 3"))
RELEARN = "Relearn(of='accuracy', within=0.05, steps=Steps(lr=0.05, epochs=20, batch=32))"


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    return ut.run(
        DIGITS, ["Nothing", "POUR"], observers=[RELEARN, "LinearProbe", "RUS"], store=folder / "store", seeds=2, oracles=4
    )


def values(document, method):
    (row,) = (row for row in document["results"] if row["method"] == f"{method}()")
    return {name: score["value"] for name, score in row["scores"].items()}, row


def test_test_examples_of_the_class_tell_the_original_from_retraining(document):
    left, row = values(document, "Nothing")
    assert left["test_forgotten_accuracy"] > 0.8
    assert row["scores"]["test_forgotten_accuracy"]["ideal"] == 0
    assert left["test_forgotten_gap"] == pytest.approx(-left["test_forgotten_accuracy"])
    assert "test_forgotten_accuracy" in row["verdict"]["tested"]
    gone, _ = values(document, "POUR")
    assert gone["test_forgotten_accuracy"] == 0
    assert gone["test_staying_accuracy"] > 0.8


def test_the_first_table_shows_both_kinds_of_test_examples(document):
    shown = [column.name for column in tables.comparison(document, abouts(evaluators()), repair=False).columns]
    assert shown[: shown.index("mia_loss_auc")][-2:] == ["test_forgotten_accuracy", "test_staying_accuracy"]


def test_what_was_hidden_in_the_head_is_learned_again_sooner_than_by_retrained_models(document):
    for method in ("Nothing", "POUR"):
        scores, row = values(document, method)
        assert scores["relearn_time"] < row["scores"]["relearn_time"]["ideal"]
        assert scores["relearn_steps"] == pytest.approx(scores["relearn_time"] * int(np.ceil(scored_forget(document) / 32)))
        assert row["scores"]["relearn_time"]["low"] <= scores["relearn_time"] <= row["scores"]["relearn_time"]["high"]


def scored_forget(_):
    return len(request(DIGITS.load().train, DIGITS.request).rows)


def test_a_change_of_the_head_leaves_features_as_they_were(document):
    (before, _), (after, _) = values(document, "Nothing"), values(document, "POUR")
    for score in ("probe_forgotten_accuracy", "probe_forget_confidence", "rus_original", "rus_retrained"):
        assert after[score] == pytest.approx(before[score], abs=1e-5), score
    assert after["original_cka_forget"] == pytest.approx(1, abs=1e-4)
    assert after["rus_original"] == pytest.approx(0, abs=1e-3)


def grouped(examples):
    """Ten digits that are learned as odd and even, with a column that says which they are."""
    digit = examples.y.numpy()
    return replace(ut.examples(examples.x.numpy(), digit % 2), columns={"digit": digit})


def test_a_part_of_a_class_is_forgotten_by_a_column_of_the_data():
    data = DIGITS.load()
    train = grouped(data.train)
    rows = request(train, ut.Where("digit == 3")).rows
    assert set(data.train.y.numpy()[list(rows)].tolist()) == {3}
    assert len(rows) == int((data.train.y == 3).sum())
    problem = ut.problem(train, ut.Where("digit == 3"), ut.Train(model=ut.MLP(width=4), steps=STEPS))
    assert torch.equal(problem.forget.y, torch.ones(len(rows), dtype=torch.int64))
    assert take(problem.forget, np.arange(1)).columns == {}


def test_test_examples_of_a_part_of_a_class_are_scored(tmp_path):
    data, asked = DIGITS.load(), ut.Where("digit == 3")
    train, test = grouped(data.train), grouped(data.test)
    scenario = ut.Custom(train, test, ut.MLP(width=24), asked, steps=STEPS)
    document = ut.run(scenario, ["Nothing"], store=tmp_path, seeds=2, oracles=4)
    store = Store(tmp_path)
    (row,) = document["results"]
    scores = {name: row["scores"][name] for name in ("test_forgotten_accuracy", "test_staying_accuracy")}
    # By hand, from the models themselves.
    three = test.columns["digit"] == 3
    models = entries_of(store.get(document["run"]), store)["original"]
    right = np.array([e.array("logits").argmax(1)[-len(test) :] == test.y.numpy() for e in models])
    assert scores["test_forgotten_accuracy"]["value"] == pytest.approx(right[:, three].mean())
    assert scores["test_staying_accuracy"]["value"] == pytest.approx(right[:, ~three].mean())
    assert 0 < scores["test_forgotten_accuracy"]["ideal"] < scores["test_forgotten_accuracy"]["value"]
    assert "test_forgotten_accuracy" in row["verdict"]["tested"]
