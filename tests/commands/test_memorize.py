"""Scores of memorization, written by id and read by a request."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import untrain as ut
from untrain.commands.cli.app import app
from untrain.core.errors import BadInput, DataError
from untrain.data.examples import take
from untrain.data.readers.score_files import scores
from untrain.data.splits import Data
from untrain.runtime.store import Store

PLAIN = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=2, batch=64))"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_a_request_by_the_file_is_that_of_the_ensemble_itself(store, tmp_path, kind):
    told, file = [], tmp_path / f"scores.{kind}"
    document = ut.memorize(PLAIN, out=file, models=16, seed=3, store=store, on_progress=told.append)
    assert document["examples"] == 1258
    assert [p.name for p in tmp_path.iterdir()] == [file.name]
    how = {"seeds": 1, "oracles": 2, "store": store, "precision": "float32"}
    by_file, by_models = (
        ut.run(f"{PLAIN[:-1]}, request=Memorized(order='least', {fields}))", "Nothing", **how)
        for fields in (f"seed=3, scores={str(file)!r}", "models=16, seed=3")
    )
    assert by_file["digest"] == by_models["digest"]
    assert by_file["chosen"] is None  # what is known of scores in a file is known to who wrote it
    assert by_models["chosen"]["models"] == 16
    assert [row["kind"] for row in Store(store).entries()].count("member") == 16


def test_the_file_tells_how_precise_each_score_is(store, tmp_path):
    document = ut.memorize(PLAIN, out=tmp_path / "scores.csv", models=16, seed=3, store=store)
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = ut.parse(PLAIN).load()
    assert [row["id"] for row in rows] == found.train.ids.astype(str).tolist()
    table = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "id"}
    assert list(table) == ["memorization", "error", "low", "high", "saw", "missed"]
    assert (table["low"] <= table["memorization"]).all()
    assert (table["memorization"] <= table["high"]).all()
    assert set(table["saw"]) == set(table["missed"]) == {8.0}
    assert document["mean"] == pytest.approx(table["memorization"].mean())
    assert document["error"]["1"] == pytest.approx(table["error"].max())


@pytest.mark.parametrize("name", ["a.NPZ", "a.Csv"])
def test_an_ending_may_be_in_capitals(store, tmp_path, name):
    ut.memorize(PLAIN, out=tmp_path / name, models=16, seed=3, store=store)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert len(scores(tmp_path / name, ut.parse(PLAIN).load().train, False)) == 1258


def test_the_command_tells_its_price_and_then_its_scores(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["memorize", PLAIN, "--models", "18", "--seed", "3", "--store", str(store), "--workers", "1"]
    price = CliRunner().invoke(app, [*words, "--price"])
    assert "2 models to train (2 ensemble), 16 models are in the store" in price.stdout
    done = CliRunner().invoke(app, [*words, "--out", "scores.npz"])
    assert (done.exit_code, "memorization of 1258 examples by 18 models" in done.stdout) == (0, True)
    again = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(again.stdout)["price"]["train"] == 0
    with np.load("scores.npz") as held:
        assert held["id"].shape == held["memorization"].shape == (1258,)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"models": 15}, "at least 16 models"),
        ({"models": 16.0}, "models=16.0: a whole number is needed"),
        ({"seed": -1}, "a seed from 0"),
        ({"out": "scores.txt"}, "written to .csv or .npz, and 'scores.txt' is neither"),
        ({"out": "nowhere/scores.csv"}, "there is no folder .*nowhere to write scores.csv into"),
        ({"workers": 0}, "workers=0"),
    ],
)
def test_what_cannot_be_done_is_refused_and_makes_no_store(tmp_path, wrong, told):
    with pytest.raises(BadInput, match=told):
        ut.memorize(PLAIN, store=tmp_path / "store", **wrong)
    assert not (tmp_path / "store").exists()


def test_examples_that_share_an_id_have_no_score_of_their_own_in_a_file(tmp_path, monkeypatch):
    load = ut.Digits.load

    def twice(scenario):
        found = load(scenario)
        train = take(found.train, np.r_[0, 0, 1:40])
        return Data(train, found.valid, found.test)

    monkeypatch.setattr(ut.Digits, "load", twice)
    with pytest.raises(DataError, match="several training examples have the same id"):
        ut.memorize(PLAIN, out=tmp_path / "scores.csv", models=16, store=tmp_path / "store")
