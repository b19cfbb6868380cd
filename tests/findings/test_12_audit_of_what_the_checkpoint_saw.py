"""Oracles of an audit are made as the checkpoint was: of all rows that it was given, in the precision that torch has by default."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core import precision


def make():
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.fixture
def scenario(tmp_path):
    draw = np.random.default_rng(0)
    train, test = ((draw.normal(size=(n, 5)).astype("float32"), np.arange(n) % 3) for n in (60, 30))
    (tmp_path / "forget.csv").write_text("3\n7\n11\n")
    request = ut.IdFile(path=str(tmp_path / "forget.csv"))
    return ut.Custom(train=train, test=test, model=make, request=request, steps=ut.Steps(lr=0.1, epochs=1, batch=32))


def audited(scenario, store):
    torch.manual_seed(0)
    document = ut.audit(ut.Checkpoints(make(), oracles=2), scenario=scenario, store=store)
    run = ut.Store(store).get(document["run"])
    oracles = [ut.Store(store).get(key).record["ingredients"] for key in run.record["ingredients"]["models"]["oracle"]]
    return run.record["sizes"], oracles


def test_oracles_learn_all_rows_that_stay_and_in_float32(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_gains", lambda device: True)
    sizes, oracles = audited(scenario, tmp_path / "store")
    assert (sizes["forget"], sizes["retain"], sizes["test"]) == (3, 57, 30)
    assert {each["precision"] for each in oracles} == {"float32"}


def test_who_made_the_checkpoint_on_a_part_says_so(scenario, tmp_path):
    sizes, _ = audited(replace(scenario, valid=0.1), tmp_path / "store")
    assert sizes["forget"] + sizes["retain"] == 54


def test_a_run_still_sets_a_tenth_apart(scenario):
    data = scenario.load()
    assert (len(data.train), len(data.valid)) == (54, 6)
    assert len(scenario.made_elsewhere().load().train) == 60


def test_scenarios_that_a_checkpoint_was_made_by_stay_what_they_are():
    digits = ut.parse("Digits()")
    assert digits.made_elsewhere() is digits
    assert inspect.signature(ut.audit).parameters["precision"].default == "float32"
