"""Requests that an ensemble tells: what is planted is chosen, nothing is trained twice, and every command finds it."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import untrain as ut
from untrain import parse
from untrain.core.errors import BadInput, RequestError
from untrain.data.examples import Examples
from untrain.data.requests.base import Ensemble, Request
from untrain.data.requests.memorized import Memorized
from untrain.data.requests.random import Random
from untrain.data.splits import Data
from untrain.experiments.draw_request import NO_GPU, EnsembleOptions, chooser, train_ensemble
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.architectures.mlp import MLP
from untrain.runtime.executors.serial import Serial, SerialPool
from untrain.runtime.store import Store
from untrain.training.base import Learner
from untrain.training.steps import Steps

N, TESTS, KEPT = 60, 12, 15
DIGITS = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=2, batch=64), request={}(models=16))"
LEAST = DIGITS.format("Memorized").replace("models=16", "order='least', models=16")


class Book(nn.Module):
    """Right about all but the hard ones, inputs below ``KEPT``, and about these only where it holds them."""

    def __init__(self, held):
        super().__init__()
        self.held = nn.Parameter(held)

    def forward(self, x):
        number = x[:, 0]
        known = (number >= KEPT) | (number[:, None] == self.held[None]).any(1)
        right = (number.long() % 2 == 1) == known
        return 4.0 * torch.stack([~right, right], 1).float()


class Copying(Learner):
    """Holds what it was trained on.

    Source: planted.
    """

    def learn(self, examples, seed):
        return Book(examples.x[:, 0].clone())

    def init(self, examples, seed):
        return Book(torch.zeros(1) - 1)


class Knowing(Learner):
    """Holds all that is hard, whatever it was trained on.

    Source: planted.
    """

    def learn(self, examples, seed):
        return Book(torch.arange(float(KEPT)))

    def init(self, examples, seed):
        return Book(torch.zeros(KEPT))


class Booked(Scenario):
    """Numbers that are odd or even, in a shuffled order; their ids are text.

    Args:
        request: what is to be forgotten.
        trained: what trains.

    Source: planted.
    """

    request: Request = Random()
    trained: Learner = Copying()

    def load(self):
        number = np.random.default_rng(0).permutation(N + TESTS)

        def part(some):
            x = torch.as_tensor(some, dtype=torch.float32)[:, None]
            return Examples.labelled(x, torch.as_tensor(some % 2), np.array([f"n{i}" for i in some]), 2)

        return Data(part(number[number < N]), part(number[N:][:5]), part(number[number >= N]))

    def learner(self):
        return self.trained


def forgotten(scenario, store, **how):
    """The numbers that are to be forgotten."""
    scene = open_scene(scenario, Setting(), chooser(Store(store), Setting(), **how))
    return sorted(int(i[1:]) for i in scene.forget_set.ids), scene


def kinds(store):
    """How many entries of each kind a store has."""
    return Counter(row["kind"] for row in Store(store).entries())


def test_what_is_held_by_heart_is_the_most_memorized_and_never_the_least(tmp_path):
    most, scene = forgotten(Booked(request=Memorized(fraction=KEPT / N, models=32)), tmp_path)
    assert most == list(range(KEPT))
    known = scene.chosen
    assert (known["mean"], known["held_out"], known["low"], known["high"], known["agreement"]) == (1.0, 1.0, 1.0, 1.0, 1.0)
    assert (known["count"], known["pool"], known["models"], known["chance"]) == (KEPT, N, 32, 0.25)
    least, scene = forgotten(Booked(request=Memorized(order="least", fraction=0.75, models=32)), tmp_path)
    assert least == list(range(KEPT, N))
    assert scene.chosen["mean"] == 0.0
    assert kinds(tmp_path)["member"] == 32


def test_classes_confine_the_choice(tmp_path):
    odd, scene = forgotten(Booked(request=Memorized(fraction=0.1, models=16, classes=(1,))), tmp_path)
    assert len(odd) == 6
    assert set(odd) <= {1, 3, 5, 7, 9, 11, 13}
    assert scene.chosen["pool"] == 30
    assert "32 models or more show by how much" in scene.chosen["told"]
    assert "6 of 7 that are equal at 1.000 were drawn by lot" in scene.chosen["told"]


def test_the_seed_of_the_request_is_that_of_the_ensemble_and_of_the_lots(tmp_path):
    def chosen(seed):
        return forgotten(Booked(request=Memorized(fraction=0.1, models=16, seed=seed)), tmp_path)[0]

    assert chosen(0) == chosen(0) != chosen(1)
    assert kinds(tmp_path)["member"] == 32


@pytest.mark.slow
def test_more_models_are_trained_beside_those_there(tmp_path):
    forgotten(Booked(request=Memorized(models=16)), tmp_path)
    told = []
    forgotten(Booked(request=Memorized(models=40)), tmp_path, before=lambda scenario, found, missing: told.append(missing))
    assert told == [24]
    assert kinds(tmp_path)["member"] == 40
    population = ut.train_subsets(
        Copying(), *(getattr(Booked().load(), n) for n in ("train", "test")), store=tmp_path, executor=Serial()
    )
    assert population.outputs["logits"].shape[0] == 64
    assert kinds(tmp_path)["member"] == 64


def test_a_stopped_ensemble_goes_on_where_it_was_stopped(tmp_path):
    class Weary(SerialPool):
        left = 5

        def _wait(self):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super()._wait()

    with pytest.raises(KeyboardInterrupt):
        forgotten(Booked(request=Memorized(models=16)), tmp_path, pool=Weary())
    assert kinds(tmp_path)["member"] == 5
    told = []
    forgotten(Booked(request=Memorized(models=16)), tmp_path, on_progress=told.append)
    assert [(at.done, at.total) for at in told] == [(i, 11) for i in range(1, 12)]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (Memorized(fraction=0.6, models=16, classes=(1,)), "classes \\(1,\\) hold 30: at most 0.5"),
        (Memorized(fraction=0.001, models=16), "is none: take a larger share"),
        (Memorized(order="least", fraction=1.0, models=16), "names all 60 training examples"),
        (Memorized(models=16, classes=(2,)), "there is no class 2"),
    ],
)
def test_what_cannot_be_met_is_refused_before_a_model_is_trained(tmp_path, request_, told):
    with pytest.raises(RequestError, match=told):
        forgotten(Booked(request=request_), tmp_path)
    assert kinds(tmp_path) == {}


def test_where_nothing_is_memorized_that_is_told(tmp_path):
    with pytest.raises(RequestError, match="no score above 0: nothing is memorized"):
        forgotten(Booked(request=Memorized(models=16), trained=Knowing()), tmp_path)


def test_a_column_of_the_data_is_asked_in_the_place_of_models(tmp_path):
    found = Booked().load()
    column = np.where(found.train.x[:, 0].numpy() == 42, 1.0, 0.5)
    scenario = Booked(request=Memorized(fraction=0.02))
    data = replace(found, train=replace(found.train, columns={"memorization": column}))
    assert chooser(Store(tmp_path), Setting())(scenario, data).forget_set.ids == ("n42",)
    assert kinds(tmp_path) == {}


def test_gpus_elsewhere_are_refused_and_told_what_will_do(tmp_path):
    pool = SerialPool()
    pool.remote = True
    options = EnsembleOptions(Store(tmp_path), Setting("cuda"), pool)
    with pytest.raises(BadInput, match=NO_GPU[:40]):
        train_ensemble(parse(DIGITS.format("Memorized")), parse("Digits").load(), Ensemble(16, 0), options)


@pytest.mark.slow
def test_mislabelled_digits_are_most_of_the_most_memorized_and_none_of_the_least(tmp_path):
    # Trained until nearly all that was seen is right, so that what is mislabelled is held by heart.
    scenario = ut.Digits(noise=ut.Flip(rate=0.1), model=MLP(width=64), steps=Steps(lr=0.2, epochs=80, batch=32))

    def wrong(request_):
        made = replace(scenario, request=request_)
        scene = open_scene(made, Setting(), chooser(Store(tmp_path), Setting()))
        held = scene.data.train
        return float((held.y != held.true)[torch.as_tensor(scene.forget_set.rows)].float().mean()), scene.chosen

    most, known = wrong(Memorized(fraction=0.1, models=32))
    assert most > 0.9
    assert known["agreement"] > 0.8
    assert known["mean"] > known["held_out"] > 0.85
    assert wrong(Memorized(order="least", fraction=0.1, models=32))[0] == 0.0


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run on digits that one process made, with what it told on the way, and its store."""
    store, told = tmp_path_factory.mktemp("digits"), []
    how = {"seeds": 1, "oracles": 2, "precision": "float32", "store": store}
    return ut.run(DIGITS.format("Memorized"), "Nothing", on_progress=told.append, **how), told, store, how


def test_a_run_tells_the_price_of_all_before_and_how_well_the_choice_is_known_after(digits):
    document, told, store, _ = digits
    notes = [at.note for at in told if at.note]
    assert "20 models to train (16 ensemble, 1 original, 2 oracle, 1 unlearned), 0 models are in the store" in notes[0]
    assert notes[1] == document["chosen"]["told"] == document["warnings"][0]
    assert notes[2].startswith("protocol standard: 1 unlearned model and 2 retrained ones ")
    assert "4 models to train (1 original, 2 oracle, 1 unlearned)" in notes[3]
    assert document["price"]["kinds"] == {"ensemble": 16, "original": 1, "oracle": 2, "unlearned": 1}
    assert document["price"]["train"] == 20
    assert kinds(store)["member"] == 16
    assert document["sizes"]["forget"] == 126


def test_a_report_tells_it_again_without_a_model(digits, tmp_path):
    document, _, store, _ = digits
    again = ut.report(store=store, out=tmp_path / "out", images=False)["runs"][0]
    assert again["chosen"] == document["chosen"]
    assert "chose 126 of 1258 examples by 16 models" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_two_workers_train_each_model_once_and_forget_what_one_does(digits, tmp_path):
    document, _, store, how = digits
    there = ut.run(DIGITS.format("Memorized"), "Nothing", workers=2, **how | {"store": tmp_path})
    assert there["digest"] == document["digest"]
    assert kinds(tmp_path) == kinds(store)


def test_the_price_of_a_missing_ensemble_counts_all_that_hangs_on_it_and_makes_no_store(digits, tmp_path):
    _, _, store, how = digits
    rest = {name: how[name] for name in ("seeds", "oracles", "precision")}
    missing = ut.price(LEAST, "Nothing", store=tmp_path / "none", **rest)
    assert (missing["train"], missing["stored"], missing["kinds"]["ensemble"]) == (20, 0, 16)
    assert not (tmp_path / "none").exists()
    there = ut.price(LEAST, "Nothing", store=store, **rest)
    assert (there["train"], there["stored"]) == (3, 1)
    more = ut.price(DIGITS.format("Memorized").replace("models=16", "models=20"), "Nothing", store=store, **rest)
    assert (more["kinds"]["ensemble"], more["kinds"]["oracle"], more["kinds"]["original"]) == (4, 2, 0)
    assert more["stored"] == 17


def test_the_price_does_not_take_oracles_of_others_for_its_own(tmp_path):
    plain = "Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=2, batch=64))"
    ut.run(plain, "Nothing", seeds=1, oracles=2, precision="float32", store=tmp_path)
    told = ut.price(DIGITS.format("Memorized"), "Nothing", store=tmp_path, seeds=1, oracles=2, precision="float32")
    assert told["kinds"] == {"ensemble": 16, "original": 0, "oracle": 2, "unlearned": 1}


def test_a_second_run_finds_the_ensemble(digits, tmp_path):
    document, _, store, how = digits
    before = kinds(store)
    again = ut.run(DIGITS.format("Memorized"), "Finetune(steps=Steps(lr=0.01, epochs=1))", **how)
    assert again["chosen"] == document["chosen"]
    assert kinds(store) - before == Counter({"unlearned": 1, "run": 1, "scores": 1})


def test_localize_and_audit_ask_the_ensemble_that_is_there(digits, tmp_path):
    document, _, store, _ = digits
    before, scenario = kinds(store), DIGITS.format("Memorized")
    assert ut.localize(scenario, "Deepest", store=store, seeds=1, precision="float32")["forget"] == 126
    where = parse(scenario)
    save_file(where.learner()(where.load().train, 0).state_dict(), tmp_path / "model.safetensors")
    models = ut.Checkpoints(tmp_path / "model.safetensors", oracles=2)
    audited = ut.audit(models, scenario=scenario, store=store, precision="float32")
    assert (audited["digest"], audited["chosen"]) == (document["digest"], document["chosen"])
    assert (kinds(store) - before)["member"] == 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.slow
def test_a_search_trains_a_missing_ensemble_once_and_its_workers_find_it(digits, tmp_path, workers):
    pytest.importorskip("optuna")
    told, store = [], tmp_path if workers == 1 else digits[2]
    how = {"store": store, "trials": 2, "seeds": 1, "workers": workers, "on_progress": told.append, "precision": "float32"}
    found = ut.search(DIGITS.format("Memorized"), "Finetune(steps=Steps(epochs=1))", **how)
    assert found["counts"]["done"] + found["counts"]["pruned"] == 2
    assert kinds(store)["member"] == 16
    assert any("16 models to train (16 ensemble)" in at.note for at in told if at.note) == (workers == 1)
