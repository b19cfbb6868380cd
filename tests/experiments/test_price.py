"""The price of work before it is begun."""

import random
import time

import numpy as np
import pytest
import torch

import untrain as ut
from untrain import parse
from untrain.core.spec import canonical
from untrain.experiments.comparison import Comparison, todo_of
from untrain.experiments.keys import Job, model_ingredients
from untrain.experiments.pilot import member_strategy, method_steps, pilot, stack_pilot, steps_of
from untrain.experiments.populations.leave_out import train_subsets
from untrain.experiments.populations.subsets import Subsets
from untrain.experiments.price import Price, add_prices, duration, price, price_of, spread_over
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Store, key_of
from untrain.training.learners.train import Train

SCENARIO = "Digits(model=ConvNet(width=2), steps=Steps(lr=0.1, epochs=3, batch=100))"
METHOD = "Finetune(steps=Steps(lr=0.05, epochs=2, batch=100))"


@pytest.fixture(scope="module")
def scene():
    return open_scene(parse(SCENARIO), Setting())


def comparison(seeds=2, oracles=4):
    return Comparison(parse(SCENARIO), (parse(METHOD),), seeds, oracles)


def planted(store, scene, seconds, rows, **changed):
    """A record of a model of this learner that took so long on so many examples."""
    made = {"kind": "model", "label": "it", "learner": canonical(scene.learner), "device": "cpu", "threads": 1,
            "precision": "float32", "compiled": False, "seconds": seconds} | changed  # fmt: skip
    return store.put(made, {"cost": {"seconds": seconds, "forward": 3 * rows}})


def test_work_is_shared_out_and_takes_no_less_than_its_longest_piece():
    assert spread_over([2.0] * 6, 3) == 4.0
    assert spread_over([9.0, 1.0], 4) == 9.0
    assert spread_over([], 2) == 0.0


def test_records_of_the_same_learner_are_scaled_by_examples(scene, tmp_path):
    store = Store(tmp_path)
    planted(store, scene, 2.0, 100)  # 2/300 s for each example seen
    planted(store, scene, 4.0, 100)
    planted(store, scene, 900.0, 100, learner="another")
    planted(store, scene, 900.0, 100, threads=2)
    planted(store, scene, 900.0, 100, precision="bfloat16")
    planted(store, scene, 900.0, 100, device="cuda")
    only = Comparison(parse(SCENARIO), (), 2, 4)
    found = price(todo_of([only], [scene], Setting()), store, Setting(), 2)
    train, retain = len(scene.data.train), len(scene.retain)
    assert found.seconds == pytest.approx(3.0 / 300 * 3 * (2 * train + 4 * retain) / 2)
    assert (found.train, found.stored, found.basis, found.workers) == (6, 0, "records", 2)
    assert found.kinds == {"original": 2, "oracle": 4, "unlearned": 0}


def test_records_of_the_same_method_count_where_its_start_is_of_the_same_learner(scene, tmp_path):
    store = Store(tmp_path)
    start = planted(store, scene, 2.0, len(scene.data.train))
    made = {"kind": "unlearned", "label": "it", "device": "cpu", "threads": 1, "precision": "float32", "compiled": False}
    store.put(made | {"method": canonical(parse(METHOD)), "model": start.key}, {"cost": {"seconds": 5.0, "forward": 10}})
    store.put(made | {"method": canonical(parse(METHOD)), "model": "gone"}, {"cost": {"seconds": 500.0, "forward": 10}})
    store.put(made | {"method": "another", "model": start.key}, {"cost": {"seconds": 500.0, "forward": 10}})
    found = price(todo_of([comparison(2, 2)], [scene], Setting()), store, Setting(), 1)
    retain = len(scene.retain) / len(scene.data.train)
    assert found.seconds == pytest.approx(2 * 2.0 + 2 * 2.0 * retain + 2 * 5.0)
    assert found.basis == "records"


def test_what_is_in_the_store_costs_nothing(scene, tmp_path):
    store = Store(tmp_path)
    for job in (Job("original", 0), Job("oracle", 1)):
        made = model_ingredients(scene, job, 0, Setting())
        assert store.put(made, {"cost": {"seconds": 2.0, "forward": 100}}).key == key_of(made)
    found = price(todo_of([comparison(2, 4)], [scene], Setting()), store, Setting(), 1)
    assert (found.train, found.stored) == (6, 2)
    assert found.kinds == {"original": 1, "oracle": 3, "unlearned": 2}


def test_without_records_a_few_steps_are_timed_and_scaled_by_steps(scene, monkeypatch):
    monkeypatch.setattr("untrain.experiments.price.pilot", lambda *_: 0.5)
    found = price(todo_of([comparison(1, 2)], [scene], Setting()), None, Setting(), 1)
    steps = steps_of(scene, len(scene.data.train)) + 2 * steps_of(scene, len(scene.retain)) + 2 * len(scene.retain) / 100
    assert found.seconds == pytest.approx(0.5 * steps)
    assert found.basis == "pilot"
    assert steps_of(scene, 1258) == 3 * 13


def test_a_pilot_is_positive_and_leaves_every_random_state_alone(scene):
    before = (torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads())  # noqa: NPY002
    assert pilot(scene, Setting()) > 0
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert (before[2], before[3]) == (random.getstate(), torch.get_num_threads())


def test_a_method_is_reckoned_by_its_own_steps_else_as_retraining(scene):
    assert method_steps(scene, parse(METHOD)) == pytest.approx(2 * len(scene.retain) / 100)
    assert method_steps(scene, parse("DEL(steps=Steps(epochs=1))")) == pytest.approx(len(scene.retain) / 100)
    assert method_steps(scene, parse("Retrain")) == steps_of(scene, len(scene.retain))


def test_a_learner_without_steps_has_no_price(scene, monkeypatch):
    monkeypatch.setattr("untrain.experiments.price.pilot", lambda *_: None)
    found = price(todo_of([comparison(1, 2)], [scene], Setting()), None, Setting(), 1)
    assert (found.seconds, found.basis) == (None, "nothing")
    assert "the time is unknown" in found.to_text()


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "1 s"), (42.4, "42 s"), (89, "89 s"), (90, "2 min"), (600, "10 min"), (7200, "2.0 h")]
)
def test_lengths_of_time_are_for_people(seconds, told):
    assert duration(seconds) == told


def test_the_price_is_told_in_one_line():
    kinds = {"original": 0, "oracle": 19, "unlearned": 0}
    assert Price(19, 1, 62.0, 2, "records", kinds).to_text() == (
        "price: 19 models to train (19 oracle), 1 model is in the store; about 62 s of training here "
        "with 2 workers (scoring and start-up not counted), by records of the store"
    )
    assert Price(0, 7, 0.0, 1, "nothing", dict.fromkeys(kinds, 0)).to_text() == "price: nothing to train, 7 models are in the store"


def test_asking_for_the_price_trains_nothing_and_makes_no_store(tmp_path):
    found = ut.price(SCENARIO, METHOD, store=tmp_path / "s", seeds=2, oracles=4)
    assert (found["train"], found["stored"], found["basis"]) == (8, 0, "pilot")
    assert found["seconds"] > 0
    assert not (tmp_path / "s").exists()
    assert ut.price(SCENARIO, store=tmp_path / "s", oracles=5)["kinds"] == {"original": 0, "oracle": 5, "unlearned": 0}


def test_the_price_of_what_is_done_is_nothing(tiny):
    found = ut.price(tiny.scenario, tiny.methods, store=tiny.store, seeds=2, oracles=4)
    assert (found["train"], found["stored"]) == (0, 2 + 4 + 4 * 2)
    more = ut.price(tiny.scenario, tiny.methods, store=tiny.store, seeds=2, oracles=6)
    assert (more["train"], more["basis"]) == (2, "records")


def test_an_ensemble_costs_half_the_examples_of_each_model_by_records_of_its_own_kind_first(scene, tmp_path):
    store = Store(tmp_path)
    planted(store, scene, 900.0, 100)
    made = {"kind": "member", "label": "it", "learner": canonical(scene.learner), "device": "cpu", "threads": 1}
    store.put(made | {"precision": "float32"}, {"cost": {"seconds": 3.0, "forward": 300}})
    rows = len(scene.data.train) // 2
    found = price_of(12, 16, scene, store, Setting(precision="bfloat16"), 3)
    assert found.seconds == pytest.approx(3.0 / 300 * 3 * rows * 12 / 3)
    assert (found.train, found.stored, found.basis, found.kinds) == (12, 4, "records", {"ensemble": 12})
    assert price_of(0, 16, scene, None, Setting(), 1).to_text() == "price: nothing to train, 16 models are in the store"


STACKED = "Digits(model=MLP(width=16), steps=Steps(lr=0.1, epochs=10, batch=32))"


@pytest.fixture(scope="module")
def stackable():
    return open_scene(parse(STACKED), Setting())


def test_a_population_that_is_stacked_costs_what_a_small_stack_says_and_not_what_models_alone_do(stackable):
    alone = pilot(stackable, Setting()) * steps_of(stackable, len(stackable.data.train) // 2) * 256
    found = price_of(256, 256, stackable, None, Setting(), 1)
    began = time.perf_counter()
    train_subsets(stackable.learner, stackable.data.train, stackable.data.test, Subsets(models=256))
    took = time.perf_counter() - began
    assert found.basis == "stack"
    assert "by a pilot of a small stack of models" in found.to_text()
    assert took / 8 < found.seconds < took * 8  # loose: other processes may slow the one and not the other
    assert alone > 2 * found.seconds


def test_records_of_models_alone_say_nothing_of_a_stack_and_those_of_stacked_ones_do(stackable, tmp_path, monkeypatch):
    monkeypatch.setattr("untrain.experiments.price.stack_pilot", lambda *_: 0.25)
    store = Store(tmp_path)
    planted(store, stackable, 900.0, 100)
    made = {"kind": "member", "label": "it", "learner": canonical(stackable.learner), "device": "cpu", "threads": 1}
    store.put(made | {"precision": "float32", "training": "alone"}, {"cost": {"seconds": 900.0, "forward": 300}})
    found = price_of(40, 40, stackable, store, Setting(), 2)
    assert (found.seconds, found.basis) == (0.25 * 40 / 2, "stack")
    store.put(made | {"precision": "float32", "training": "stacked 0123"}, {"cost": {"seconds": 3.0, "forward": 300}})
    found = price_of(40, 40, stackable, store, Setting(), 2)
    assert found.seconds == pytest.approx(3.0 / 300 * 10 * (len(stackable.data.train) // 2) * 40 / 2)
    assert found.basis == "records"


def test_a_stack_pilot_leaves_every_random_state_alone(stackable):
    before = (torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads())  # noqa: NPY002
    strategy = member_strategy(stackable, Setting())
    assert strategy.kind == "stacked"
    assert stack_pilot(stackable, Setting(), strategy, 20, 1) > 0
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert (before[2], before[3]) == (random.getstate(), torch.get_num_threads())


def test_heads_are_timed_stacked_too_and_features_once_for_all():
    frozen = Train(model=Frozen, steps=ut.Steps(lr=0.1, epochs=3, batch=50))
    scene = open_scene(ut.WithLearner(scenario=parse(STACKED), by=frozen), Setting())
    strategy = member_strategy(scene, Setting())
    assert strategy.kind == "heads"
    assert 0 < stack_pilot(scene, Setting(), strategy, 64, 1) < 5
    assert price_of(64, 64, scene, None, Setting(), 1).basis == "stack"


class Frozen(torch.nn.Module):
    """A network of which the last layer alone is trained."""

    def __init__(self):
        super().__init__()
        self.below, self.head = torch.nn.Linear(64, 16), torch.nn.Linear(16, 10)
        with torch.no_grad():
            self.below.weight.copy_(torch.linspace(-1, 1, 16 * 64).reshape(16, 64))
            self.below.bias.zero_()
        self.below.requires_grad_(False)

    def forward(self, x):
        return self.head(torch.relu(self.below(x.flatten(1))))


def test_prices_add_up():
    both = add_prices(Price(3, 0, 1.0, 1, "pilot", {}), Price(3, 0, 1.0, 1, "stack", {}))
    assert both.basis == "pilots"
    assert "by pilots of a few steps and of a small stack" in both.to_text()
    assert add_prices(both, Price(3, 0, 1.0, 1, "records", {})).basis == "both"
    first = Price(12, 4, 10.0, 2, "records", {"ensemble": 12})
    then = Price(3, 1, 5.0, 2, "pilot", {"original": 1, "oracle": 2})
    both = add_prices(first, then)
    assert (both.train, both.stored, both.seconds, both.basis) == (15, 5, 15.0, "both")
    assert both.kinds == {"ensemble": 12, "original": 1, "oracle": 2}
    assert add_prices(first, Price(3, 1, None, 2, "nothing", {})).seconds is None
    assert add_prices(first, first).kinds == {"ensemble": 24}
    assert add_prices(first, Price(0, 9, 0.0, 2, "nothing", {})).basis == "records"
