"""Retrained models that a method imitates: made apart from the oracles, others for each original, before the method begins."""

from dataclasses import replace

import numpy as np
import pytest

from untrain import parse
from untrain.experiments.comparison import Comparison, jobs_of, todo_of
from untrain.experiments.keys import Job, model_ingredients, model_key, starts_of
from untrain.experiments.price import price
from untrain.experiments.remote_job import RemoteJob, do_remotely
from untrain.experiments.results import results
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.processes import Processes
from untrain.runtime.store import Store
from untrain.runtime.store_transfer import Address, pack, unpack

METHOD = "OracleMatch(oracles=2, steps=Steps(lr=0.001, epochs=1, optimizer=AdamW()))"


@pytest.fixture(scope="module")
def comparison():
    scenario = parse("Digits(model=MLP(width=8), steps=Steps(lr=0.1, epochs=1, batch=64))")
    return Comparison(scenario, (parse(METHOD), parse("Nothing()")), 2, 2)


def test_each_original_has_teachers_of_its_own_and_none_of_them_is_an_oracle(comparison, compare, tmp_path):
    store = Store(tmp_path)
    (run,) = compare([comparison], store)
    kinds = [entry["kind"] for entry in store.entries()]
    assert kinds.count("model") == 2 + 2 + 4
    scene = open_scene(comparison.scenario, Setting())
    seeds = [
        model_ingredients(scene, Job(kind, i), 0, Setting())["seed"]
        for kind, count in (("teacher", 4), ("oracle", 2), ("original", 2))
        for i in range(count)
    ]
    assert len(set(seeds)) == 8
    used = [model_ingredients(scene, Job("unlearned", i, comparison.methods[0]), 0, Setting())["teachers"] for i in range(2)]
    assert len(set(used[0]) | set(used[1])) == 4
    document = results(run, store)
    row = document["results"][0]
    assert row["error"] is None
    assert row["sees"] == "retrained models"
    assert any("imitates 2 retrained models" in note for note in row["notes"])


def test_teachers_are_priced(comparison):
    scene = open_scene(comparison.scenario, Setting())
    todo = todo_of([comparison], [scene], Setting())
    assert price(todo, None, Setting(), 1).kinds == {"original": 2, "oracle": 2, "unlearned": 4, "teacher": 4}
    assert [job.kind for job in jobs_of(comparison)].count("teacher") == 4


def keys_of(run):
    return run.record["ingredients"]["models"]["methods"][0]["keys"]


@pytest.mark.slow
def test_two_processes_give_the_same_models(comparison, compare, tmp_path):
    one, two = Store(tmp_path / "one"), Store(tmp_path / "two")
    (alone,) = compare([comparison], one)
    with Processes(2).open() as pool:
        (side_by_side,) = compare([comparison], two, pool)
    assert keys_of(alone) == keys_of(side_by_side)
    for key in keys_of(alone):
        assert np.array_equal(one.get(key).array("logits"), two.get(key).array("logits"))


def test_where_the_store_is_not_visible_teachers_are_sent_along(comparison, compare, tmp_path):
    store, setting = Store(tmp_path / "here"), Setting()
    scene = open_scene(comparison.scenario, setting)
    (run,) = compare([comparison], store)
    key = keys_of(run)[0]
    job = Job("unlearned", 0, comparison.methods[0])
    unseen = Address(str(tmp_path / "elsewhere"), "mark", "word")
    asked = RemoteJob(key, scene.scenario, scene.forget_set, scene.purpose, job, 0, setting, unseen)
    assert do_remotely(asked).needs_start
    packed = tuple(pack(store.get(model_key(scene, one, 0, setting))) for one in starts_of(job))
    assert len(packed) == 3
    there = Store(tmp_path / "there")
    unpack(do_remotely(replace(asked, starts=packed)).parcel, key, there)
    assert np.array_equal(there.get(key).array("logits"), store.get(key).array("logits"))
