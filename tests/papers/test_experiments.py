"""What the experiments are made of; and one of them from end to end, on digits."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.data.readers.convert import examples
from untrain.unlearners.base import Localized

ROOT = Path(__file__).parents[2]


def test_every_method_has_six_settings_of_its_own_that_can_be_spelled():
    from delpaper.contenders import MAIN

    for c in MAIN:
        made = [ut.parse(s) for s in c.settings]
        assert len({repr(m) for m in made}) == len(c.settings) == (1 if c.label == "Nothing" else 6), c.label


def test_pairs_of_the_budgets_differ_in_their_mask_alone():
    from delpaper.contenders import LOCALIZERS, UNLEARNERS, localized

    for unlearner in UNLEARNERS:
        made = [[ut.parse(s) for s in localized(unlearner, name).settings] for name in LOCALIZERS]
        assert len({tuple(repr(m.unlearner) for m in group) for group in made}) == 1
        assert {m.localizer.classifier for group in made for m in group} == {"full"}


def test_a_budget_changes_the_mask_and_nothing_else():
    from delpaper.contenders import LOCALIZERS, localized
    from delpaper.experiments import KEEPS, at_budget

    for name in LOCALIZERS:
        setting = localized("NegGrad", name).settings[0]
        for keep in KEEPS:
            made = ut.parse(at_budget(setting, name, keep))
            assert made.unlearner == ut.parse(setting).unlearner
            held = made.localizer.like if name == "RandomMask" and keep < 1 else made.localizer
            if name == "CriticalNeurons":
                assert held.keep == (keep if keep <= 0.1 else 1.0)
            elif keep < 1:
                assert held.keep == keep
            else:
                assert held == ut.parse("Everything()")


def test_ablations_change_one_thing_at_a_time():
    from delpaper.experiments import variants

    chosen = "ResetFinetune(steps=Steps(lr=0.05)) @ WeightedGrad(keep=0.3)"
    base = ut.parse(chosen)
    made = [(name, level, ut.parse(spelling)) for name, level, spelling in variants(chosen)]
    assert {name for name, _, _ in made} == {"criterion", "h", "reset", "head", "buffers", "unit", "code", "random mask", "on"}
    for name, level, method in made:
        assert isinstance(method, Localized)
        inside = name in ("reset", "buffers")
        assert method.localizer == base.localizer if inside else method.unlearner == base.unlearner, (name, level)
    for name in ("reset", "head", "buffers", "unit", "code", "h", "on"):
        assert any(method == base for each, _, method in made if each == name), name


def test_shorter_runs_keep_the_step_size_and_take_the_epochs_that_fit():
    from delpaper.experiments import fitted

    scenario = "Digits(steps=Steps(lr=0.1, epochs=15))"
    long = "ResetFinetune(steps=Steps(lr=0.05, epochs='100%')) @ WeightedGrad()"
    made = ut.parse(fitted(long, scenario, 0.3, 1.2))  # an epoch takes 8 %
    assert (made.unlearner.steps.lr, made.unlearner.steps.epochs) == (0.05, 3)
    assert made.localizer == ut.parse("WeightedGrad()")
    assert ut.parse(fitted("Finetune(steps=Steps(epochs='30%'))", scenario, 0.3, 0.5)).steps.epochs == 2  # four took half
    assert ut.parse(fitted("Finetune(steps=Steps(epochs='30%'))", scenario, 1.0, None)).steps.epochs == 15
    assert ut.parse(fitted(long, scenario, 0.01, 1.2)).unlearner.steps.epochs == 1


def test_of_settings_the_best_on_validation_data_is_chosen_and_a_failed_one_never():
    from delpaper.contenders import Contender
    from delpaper.work import _chosen

    trials = {
        "a": {"valid": 0.8, "alike": 0.8, "forget": 0.8},
        "b": {"valid": 0.9, "alike": 0.8, "forget": 0.5},
        "c": {"error": "a loss is NaN"},
    }
    told = _chosen(Contender("it", ("a", "b", "c")), trials, oracle=0.5)
    assert (told["chosen"], told["oracle_chosen"]) == ("a", "b")
    lost = _chosen(Contender("it", ("c",) * 2), trials, oracle=0.5)
    assert lost["chosen"] is None


def test_the_price_counts_every_model_once():
    from delpaper.contenders import Contender
    from delpaper.prices import Estimate, weight

    scenario = "Digits(steps=Steps(lr=0.1, epochs=10))"
    assert weight("Finetune(steps=Steps(epochs='30%'))", scenario) == pytest.approx(0.3)
    plan = Estimate(None, None)
    plan.tuned(scenario, [Contender("it", ("Finetune()", "Finetune(steps=Steps(lr=0.1))"))])
    for _ in range(2):
        plan.compared([(scenario, ["Finetune()"])], (3, 4), False)
    assert (plan.trials, plan.models) == (2, 3 + 4 + 3)


def test_a_walk_keeps_what_was_asked_before_out_of_later_requests_and_of_their_oracles(monkeypatch):
    from delpaper import sequence

    seen = []

    class Learner:
        def init(self, train, seed):
            return torch.nn.Linear(1, 1)

        def __call__(self, data, seed):
            seen.append(("oracle", data.ids.tolist()))
            return torch.nn.Linear(1, 1)

    train = examples(np.arange(12.0).reshape(-1, 1), np.arange(12) % 2)
    scene = SimpleNamespace(data=SimpleNamespace(train=train, valid=train, test=train), learner=Learner())
    monkeypatch.setattr(sequence, "_told", lambda model, scene, parts: {n: rows.tolist() for n, rows in parts.items()})
    monkeypatch.setattr(sequence, "run_job", lambda *a: SimpleNamespace(tensors=lambda name: {}))
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", lambda *a: None)
    monkeypatch.setattr(sequence, "problem", lambda held, ids, *more: (held.ids.tolist(), ids))
    monkeypatch.setattr(sequence, "parse", lambda text: lambda model, asked: (seen.append(("method", *asked)), model)[1])
    parts = [np.array([3, 5]), np.array([0, 7]), np.array([1])]
    for method in ("it", ""):
        told = sequence._walk(scene, method, 0, parts, None, None)
        assert told[1] == {"forget": [0, 7], "forgotten": [3, 5, 0, 7], "retain": [1, 2, 4, 6, 8, 9, 10, 11]}
    assert seen[1] == ("method", [0, 1, 2, 4, 6, 7, 8, 9, 10, 11], [0, 7])  # the second request, with the first gone
    assert [s[1] for s in seen[3:]] == [[i for i in range(12) if i not in gone] for gone in ({3, 5}, {0, 3, 5, 7}, {0, 1, 3, 5, 7})]


def test_requests_in_a_row_do_not_overlap():
    from delpaper.sequence import parts_of

    rows = [r for part in parts_of(100, 10, 7) for r in part.tolist()]
    assert len(rows) == len(set(rows)) == 70


def test_the_scales_are_those_of_the_issue():
    from delpaper.scales import SCALES

    small, paper = SCALES["small"], SCALES["paper"]
    assert small.seeds == 3
    scenario = ut.parse(small.scenario("x", "classes"))
    assert (scenario.size, scenario.model.width, scenario.steps.epochs) == (5000, 8, 15)
    assert scenario.request == ut.Random(fraction=0.1, classes=(2, 5))
    assert ut.parse(paper.scenario("x", "random")).model == ut.parse("ResNet(width=64, depth=18)")


def run(*words, cwd):
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, str(ROOT / "papers" / "del.py"), *words], cwd=cwd, env=env, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mian"], "there is no experiment 'mian'"),
        pytest.param(["--scale", "huge"], "invalid choice: 'huge'", marks=pytest.mark.slow),
        pytest.param(["--workers", "-1"], "0 or more", marks=pytest.mark.slow),
        pytest.param(["--again", "--out", "nowhere", "vit"], "vit.json to make a page of: run vit first", marks=pytest.mark.slow),
    ],
)
def test_a_mistyped_argument_is_answered_in_a_line(words, says, tmp_path):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr


def test_data_that_are_not_there_are_answered_in_a_line(tmp_path):
    done = run("--scale", "small", "--data", "nowhere", "main", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("del.py: there is no folder 'nowhere'")


@pytest.mark.slow
def test_an_experiment_goes_from_end_to_end_and_a_second_start_trains_nothing(tmp_path):
    words = ("--scale", "dry", "--store", "store", "--out", "out", "--workers", "2", "fractions")
    first = run(*words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "out" / "dry"
    held = json.loads((folder / "fractions.json").read_text())
    assert {r["fraction"] for r in held["rows"]} == {0.001, 0.01, 0.1}
    assert "## Verdicts" in (folder / "fractions.md").read_text()
    assert "<svg" in (folder / "fractions.svg").read_text()
    second = run(*words, cwd=tmp_path)
    assert "models:" not in second.stderr
    again = json.loads((folder / "fractions.json").read_text())
    assert [r["models"] for r in again["rows"] if not r["error"]] == [r["models"] for r in held["rows"] if not r["error"]]
