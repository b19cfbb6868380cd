"""Which training examples made some outputs so: found where it is planted, written whole, and made once."""

import csv
import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import untrain as ut
from untrain.attribution.attributors.trak import TRAK
from untrain.attribution.estimation import Estimation
from untrain.attribution.result import load
from untrain.commands.cli.app import app
from untrain.core.errors import BadInput, DataError, ModelError, RequestError, SpecError
from untrain.data.examples import take
from untrain.data.splits import Data
from untrain.experiments.attribution_tables import choose_asked, margin_effects
from untrain.experiments.populations.subsets import Subsets, draw
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.tasks.classification import Classification
from untrain.reports.write import ATTRIBUTIONS
from untrain.runtime.store import Store

SCENARIO = "Digits(model=MLP(width=8), steps=Steps(lr=0.2, epochs=20, batch=8), request=Random(fraction=0.1))"
HOW = {"attributor": "MeanDifference()", "models": 128, "held_out": 20, "precision": "float32"}
PLANTED, MODELS = 5, 128 + 2 * 20 + 4


@pytest.fixture(scope="module")
def planted():
    """80 training and 30 test examples; the first test example is a training example that has a wrong label."""
    read = ut.Digits.load

    def few(scenario):
        data = read(scenario)
        train, test = take(data.train, np.arange(80)), take(data.test, np.arange(30))
        x, y = test.x.clone(), train.y.clone()
        x[0], test.y[0] = train.x[PLANTED], train.y[PLANTED]
        y[PLANTED] = (y[PLANTED] + 1) % 10
        return Data(train.with_targets(y), data.valid, test.with_inputs(x))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ut.Digits, "load", few)
        yield


@pytest.fixture(scope="module")
def done(planted, tmp_path_factory):
    """The document on the planted example and on the training example itself, its folder and its store."""
    folder, store = tmp_path_factory.mktemp("attribute"), tmp_path_factory.mktemp("store")
    ids = ut.parse(SCENARIO).load().train.ids
    document = ut.attribute(SCENARIO, ids=[int(ids[PLANTED])], rows="0", out=folder, store=store, command="untrain <x>", **HOW)
    return document, folder, store


def test_the_copy_with_another_label_is_what_lowers_the_margin_and_raises_its_own(done):
    own, copy = done[0]["asked"]
    assert (own["set"], copy["set"], own["row"], copy["row"]) == ("train", "test", PLANTED, 0)
    assert copy["lower"][0]["row"] == own["raise"][0]["row"] == PLANTED
    assert own["raise"][0]["itself"]
    assert not copy["lower"][0]["itself"]
    assert copy["lower"][0]["value"] < 1.5 * copy["chance"]["low"] < 0  # beyond what shuffled memberships give
    assert own["raise"][0]["value"] > 1.5 * own["chance"]["high"] > 0
    assert [one["value"] for one in copy["lower"]] == sorted(one["value"] for one in copy["lower"])


def test_values_are_margins_lost_when_an_example_is_taken_away_and_the_table_holds_all(done):
    document, folder, store = done
    table = load(folder / "attribute.npz")
    assert table.values.shape == (80, 2, 10)
    assert (table.method, asdict(table.multipliers), table.facts["models"]) == (
        "MeanDifference()",
        document["multipliers"],
        128,
    )
    assert {name: score.value for name, score in table.lds.items()} == {n: s["value"] for n, s in document["lds"].items()}
    entries = [Store(store).get(row["key"]) for row in Store(store).entries() if row["kind"] == "model"]
    base = np.mean([entry.array("logits") for entry in entries], axis=0)[[PLANTED, 80]]
    labels = np.array([int(row["label"]) for row in document["asked"]])
    for at, row in enumerate(document["asked"]):
        for one in (*row["raise"], *row["lower"]):
            without = base[at] - document["factors"]["own" if one["itself"] else "others"] * table.values[one["row"], at]
            margins = [z[labels[at]] - np.log(np.exp(np.delete(z, labels[at])).sum()) for z in (base[at].astype(float), without)]
            assert one["value"] == pytest.approx(margins[0] - margins[1], abs=1e-4)
            assert one["id"] == table.ids[one["row"]]


def test_everything_is_written_and_nothing_else(done):
    document, folder, _ = done
    assert sorted(file.name for file in folder.iterdir()) == sorted(ATTRIBUTIONS)
    assert json.loads((folder / "attribute.json").read_text())["asked"] == document["asked"]
    with (folder / "attribute.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(row["raise"]) + len(row["lower"]) for row in document["asked"])
    assert (rows[0]["way"], rows[0]["rank"], float(rows[0]["value"])) == ("raise", "1", document["asked"][0]["raise"][0]["value"])
    page = (folder / "attribute.html").read_text()
    assert page.count("data:image/png") == 2 + len(rows)
    assert "untrain &lt;x&gt;" in page


def test_a_second_question_trains_nothing(done):
    document, _, store = done
    assert document["price"]["train"] == MODELS
    kinds = [row["kind"] for row in Store(store).entries()]
    told = []
    again = ut.attribute(SCENARIO, rows=[3], store=store, on_progress=told.append, **HOW)
    assert (again["price"]["train"], again["price"]["stored"]) == (0, MODELS)
    assert [row["kind"] for row in Store(store).entries()] == kinds
    assert again["multipliers"] == document["multipliers"]


def test_without_a_question_the_worst_test_examples_and_forget_examples_are_taken(done):
    store = done[2]
    document = ut.attribute(SCENARIO, store=store, **HOW)
    asked = document["asked"]
    assert [row["set"] for row in asked].count("train") == 4
    assert all(row["forget"] for row in asked if row["set"] == "train")
    assert all(row["predicted"] != row["label"] for row in asked if row["set"] == "test")
    assert "of the originals get wrong" in document["rule"]
    scene = open_scene(ut.parse(SCENARIO), Setting())
    logits = np.zeros((3, 110, 10), np.float32)
    logits[:, np.arange(80), scene.data.train.y] = 9.0
    logits[:, 80 + np.arange(30), scene.data.test.y] = 9.0
    logits[:, 80 + 7] *= -1
    logits[:, scene.forget_set.rows[2]] = 0.0
    asked = choose_asked(scene, logits).tolist()
    assert asked[:2] == [87, scene.forget_set.rows[2]]  # one test example is wrong, and one forget example unsure
    assert len(asked) == 5


def test_attributors_that_work_on_models_train_no_population(done):
    store = done[2]
    document = ut.attribute(
        SCENARIO, rows=[0], attributor=TRAK(dimension=64), models=2, held_out=20, precision="float32", store=store
    )
    assert (document["price"]["train"], document["price"]["stored"]) == (0, 20 + 20 + 4)  # halves that check it are there
    assert document["models"] == 2
    assert document["asked"][0]["chance"] is None
    assert PLANTED in [one["row"] for one in document["asked"][0]["lower"]]


def test_the_default_is_what_effects_for_methods_are_estimated_by(done):
    document = ut.attribute(SCENARIO, rows=[0], models=128, held_out=20, precision="float32", store=done[2])
    assert document["attributor"] == repr(Estimation().attributor) == "Datamodels()"
    assert document["price"]["train"] == 0
    assert document["asked"][0]["lower"][0]["row"] == PLANTED


def test_the_command_tells_its_price_and_then_what_it_found(done, tmp_path):
    _, folder, store = done
    words = ["attribute", SCENARIO, "--models", "128", "--held-out", "20", "--precision", "float32", "--rows", "0"]
    words += ["--attributor", "MeanDifference()"]
    words += ["--store", str(store), "--workers", "1"]
    price = CliRunner().invoke(app, [*words, "--price"])
    assert f"nothing to train, {MODELS} models are in the store" in price.stdout
    shown = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "new")])
    assert (shown.exit_code, "Linear datamodeling score" in shown.stdout, "by chance:" in shown.stdout) == (0, True, True)
    assert json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["asked"][0]["lower"][0]["row"] == PLANTED
    hidden = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "hidden"), "--no-images"])
    assert hidden.exit_code == 0
    assert "data:image" not in (tmp_path / "hidden" / "attribute.html").read_text()
    other = SCENARIO.replace("0.1))", "0.2))")
    refused = CliRunner().invoke(app, ["attribute", other, *words[2:], "--out", str(folder)])
    assert isinstance(refused.exception, BadInput)
    assert "which is another problem" in str(refused.exception)


def test_a_price_makes_no_store(planted, tmp_path):
    document = ut.attribute(SCENARIO, store=tmp_path / "store", price=True, **HOW)
    assert (document["train"], document["kinds"]["ensemble"], document["kinds"]["original"]) == (MODELS, MODELS - 4, 4)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"ids": "99999"}, RequestError, "ids that the training data lack: 99999"),
        ({"ids": "3,x"}, RequestError, "lists 'x'"),
        ({"ids": []}, BadInput, "ids lists no example"),
        ({"ids": "nowhere.csv"}, RequestError, "cannot read ids from"),
        ({"rows": [30]}, DataError, "whole numbers from 0 to 29 are needed"),
        ({"rows": "1,a"}, BadInput, "rows='1,a': whole numbers"),
        ({"attributor": "DEL"}, SpecError, r"DEL\(\) is not an attributor; there is Datamodels"),
        ({"models": 15}, SpecError, "needs 16 models or more"),
        ({"models": 0}, BadInput, "models=0: at least 1"),
        ({"held_out": 19}, BadInput, "held_out=19: a linear datamodeling score takes 20"),
        ({"top": 0}, BadInput, "top=0"),
        ({"workers": 0}, BadInput, "workers=0"),
        ({"scenario": "Diabetes"}, ModelError, "models of Regression put out prediction: take a scenario that classifies"),
        ({"scenario": "Digits(request=Relabel(ids=(3, 4), labels=(1, 2)))"}, RequestError, "this request corrects"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_trained(planted, tmp_path, wrong, error, told):
    arguments = {"scenario": SCENARIO, "models": 128} | wrong
    for price in (True, False):
        with pytest.raises(error, match=told):
            ut.attribute(**arguments, store=tmp_path / "store", price=price)
    assert not (tmp_path / "store").exists() or not list(Store(tmp_path / "store").entries())


def test_a_population_that_leaves_an_example_out_or_in_is_refused_by_its_draws_alone(planted, tmp_path):
    def saw(seed):
        return draw(Subsets(models=16, seed=seed, scheme="bernoulli"), 80)[0].sum(0)

    seed = next(seed for seed in range(1000) if saw(seed).min() < 2)
    with pytest.raises(DataError, match=r"does not cover \d of 80 training examples .*: take more models than 16"):
        ut.attribute(SCENARIO, models=16, seed=seed, store=tmp_path / "store")
    assert not list(Store(tmp_path / "store").entries())


def test_an_attributor_that_such_models_do_not_suit_is_refused_first(planted, tmp_path, monkeypatch):
    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(64, 10))

        def forward(self, x):
            return x.flatten(1) @ self.weight

    scenario = ut.Custom(train=ut.parse(SCENARIO).load().train, test=ut.parse(SCENARIO).load().test, model=Whole, valid=0.0)
    with pytest.raises(ModelError, match="linear"):
        ut.attribute(scenario, attributor="LastLayerInfluence()", store=tmp_path / "store", precision="float32")
    assert not list(Store(tmp_path / "store").entries())


def test_examples_that_share_an_id_have_no_row_of_their_own(tmp_path, monkeypatch):
    read = ut.Digits.load

    def twice(scenario):
        data = read(scenario)
        return Data(take(data.train, np.r_[0, 0, 1:40]), data.valid, data.test)

    monkeypatch.setattr(ut.Digits, "load", twice)
    with pytest.raises(DataError, match="several training examples have the same id"):
        ut.attribute(SCENARIO, store=tmp_path / "store")


def test_ids_come_from_a_file_in_its_order(done, tmp_path):
    ids = ut.parse(SCENARIO).load().train.ids[[9, 2]]
    (tmp_path / "ask.txt").write_text("\n".join(map(str, ids)))
    document = ut.attribute(SCENARIO, ids=str(tmp_path / "ask.txt"), store=done[2], top=1, **HOW)
    assert [row["row"] for row in document["asked"]] == [9, 2]
    assert all(len(row["raise"]) == len(row["lower"]) == 1 for row in document["asked"])


def test_the_effect_on_a_margin_is_exact_and_not_linear():
    base, values = np.array([[2.0, 0.0, 1.0]], np.float32), np.array([[[3.0, 0.0, 0.0]], [[0.0, 0.0, 2.0]]], np.float32)
    effects = margin_effects(values, np.full((2, 1), 0.5), base, np.array([0]), Classification(classes=3))
    assert effects[0, 0] == pytest.approx(1.5, abs=1e-5)  # the label's own logit counts in full
    assert effects[1, 0] == pytest.approx(np.log(np.exp(0) + np.exp(0)) - np.log(np.exp(0) + np.exp(1)), abs=1e-5)
