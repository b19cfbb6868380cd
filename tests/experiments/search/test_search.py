"""Searches: what they may see, what they find, and that they go on where they stopped."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import nn
from typer.testing import CliRunner

import untrain as ut
from untrain.commands.cli import app
from untrain.core.errors import BadInput, MissingExtra, NotFinite, RunFailed
from untrain.core.search_space import SearchHint
from untrain.core.seeds import seed_of
from untrain.data.examples import take
from untrain.data.splits import Data
from untrain.experiments import jobs
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job
from untrain.experiments.scene import open_scene
from untrain.experiments.search import objectives, study
from untrain.experiments.search.study import means_of, open_search, scene_of_search, spec_of
from untrain.experiments.search.trials import mean_successes, weighed
from untrain.experiments.setting import Setting
from untrain.models.inference import logits
from untrain.models.tasks.causallm import CausalLM
from untrain.models.tasks.regression import Regression
from untrain.runtime.store import Store
from untrain.training.learners.train import Train
from untrain.unlearners.base import Unlearner

BEST = 0.7
FORBIDDEN = []  # a list, which counts in no key


class Dial(Unlearner):
    """Push every answer towards one class, the more the further ``turn`` is from 0.7.

    Args:
        turn: 0.7 leaves the answers as they are.
        fuse: above it the loss is no longer finite.
        mode: does nothing.

    Source: made up, so that what is best is known.
    """

    turn: Annotated[float, Field(ge=0, le=1)] = 0.1
    fuse: Annotated[float, Field(ge=0, le=1), SearchHint(0.99, 1.0)] = 1.0
    mode: bool = False

    def unlearn(self, model, problem):
        """The model with another bias."""
        assert not FORBIDDEN
        if self.turn > self.fuse:
            raise NotFinite("the fuse is blown")
        with torch.no_grad():
            model[-1].bias += torch.tensor([20.0 * abs(self.turn - BEST) + 1e-4, 0.0])
        return model


class Shift(Unlearner):
    """Move every prediction up, the more the further ``turn`` is from 0.7.

    Args:
        turn: 0.7 leaves the predictions as they are.

    Source: made up, so that what is best is known.
    """

    turn: Annotated[float, Field(ge=0, le=1)] = 0.1

    def unlearn(self, model, problem):
        """The model with another bias."""
        with torch.no_grad():
            model[-1].bias += 5.0 * abs(self.turn - BEST) + 1e-4
        return model


def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))


@pytest.fixture(scope="module")
def scenario():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(600, 4, generator=draw)
    y = (x[:, 0] > 0).long()
    return ut.Custom(train=(x, y), test=(x[:20] + 0.1, y[:20]), model=net, steps=ut.Steps(lr=0.5, epochs=4))


def found(scenario, store, method=None, **more):
    given = {"trials": 8, "seeds": 1, "objective": "valid"} | more
    return ut.search(scenario, method or Dial(), store=store, **given)


def tried(document):
    return sorted((row["number"], row["method"], row["state"], row["value"]) for row in document["trials"])


# What a search may see


class Sealed:
    """Test data that nobody may look at."""

    def __getattr__(self, name):
        raise AssertionError(f"the test data were asked for {name}")

    def __len__(self):
        raise AssertionError("the test data were counted")


@pytest.fixture
def watched(monkeypatch):
    """Whose data are opened, and how many examples learners were given."""
    sizes, load, learn = [], ut.Custom.load, Train.learn

    def sealed(self):
        whole = load(self)
        return Data(whole.train, whole.valid, Sealed())

    monkeypatch.setattr(ut.Custom, "load", sealed)
    monkeypatch.setattr(Train, "learn", lambda self, examples, seed: sizes.append(len(examples)) or learn(self, examples, seed))
    return sizes


@pytest.mark.parametrize("objective", ["balanced", "repair", "valid"])
def test_by_itself_no_search_opens_test_data_or_trains_an_oracle(objective, scenario, tmp_path, watched):
    document = found(scenario, tmp_path, objective=objective, seeds=2, trials=3)
    assert document["oracle_guided"] is False
    assert watched == [540, 540]
    assert "oracle" not in json.dumps([document[k] for k in ("objective", "means", "notes")])


def test_the_oracle_guided_search_trains_oracles_and_opens_no_test_data(scenario, tmp_path, watched):
    document = found(scenario, tmp_path, objective="oracle", trials=3)
    assert sorted(watched) == [486, 486, 540]
    assert document["oracle_guided"] is True
    assert all(row["oracle_forget"] is not None for row in document["trials"])


def test_an_oracle_guided_search_says_so_wherever_it_says_anything(tmp_path):
    where = ["--store", str(tmp_path / "s"), "--out", str(tmp_path / "o"), "--trials", "2", "--seeds", "1"]
    what = ["Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1))", "Finetune(steps=Steps(epochs=1))"]
    for objective, says in (("oracle", True), ("balanced", False)):
        command = ["search", *what, *where, "--objective", objective]
        table = CliRunner().invoke(app.app, command)
        document = CliRunner().invoke(app.app, [*command, "--json"])
        rows = list(csv.DictReader((tmp_path / "o" / "search.csv").read_text().splitlines()))
        assert (table.exit_code, document.exit_code, len(rows)) == (0, 0, 2), table.output
        assert json.loads(document.stdout) == json.loads((tmp_path / "o" / "search.json").read_text()) | {
            "command": json.loads(document.stdout)["command"]
        }
        journal = max((tmp_path / "s" / "search").glob("*.journal"), key=lambda file: file.stat().st_mtime).read_text()
        assert {row["oracle_guided"] for row in rows} == {str(says)}
        assert json.loads(document.stdout)["oracle_guided"] is says
        shown = (table.stdout.splitlines()[0], table.stdout[table.stdout.index("\nbest") :], table.stderr, rows[0]["objective"])
        for text in (*shown, json.loads(document.stdout)["objective"], journal):
            assert ("oracle-guided" in text) is says, text


def test_objectives_are_what_they_say():
    scores = {aim.name: aim.score for aim in objectives.AIMS}
    parts = {"valid": 0.9, "alike": 0.7, "forget": 1.0, "oracle_forget": 0.8}
    assert scores["balanced"](parts) == pytest.approx(0.6)
    assert scores["repair"](parts) == pytest.approx(0.0)
    assert scores["repair"](parts | {"forget": 0.05}) == pytest.approx(0.9)
    assert scores["valid"](parts) == pytest.approx(0.9)
    assert scores["oracle"](parts) == pytest.approx(0.7)
    assert [aim.name for aim in objectives.AIMS if aim.oracle] == ["oracle"]


def test_held_out_examples_count_by_class_as_often_as_the_class_is_to_be_forgotten():
    right, labels = np.array([True, True, True, False, False, False]), np.array([0, 0, 1, 1, 2, 2])
    assert weighed(right, labels, np.array([0, 0, 0, 1])) == pytest.approx(0.75 * 1 + 0.25 * 0.5)
    assert weighed(right, labels, np.array([2, 2, 7])) == 0.0
    assert weighed(right, labels, np.array([7])) == 0.5


def test_a_model_that_knows_nothing_of_the_classes_to_forget_is_not_balanced(tmp_path):
    """It answers nothing right of unseen examples of them either; what the model before answered is what it is held against."""
    scenario = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=3), request=Random(classes=(3,), fraction=0.05))"
    scene, store = open_scene(ut.parse(scenario), Setting(), purpose="search"), Store(tmp_path)
    method = ut.parse("GradAscent(steps=Steps(lr=0.05, epochs=3, schedule=Constant()))")
    before = run_job(scene, Job("original", 0), 0, Setting(), store)
    gone = run_job(scene, Job("unlearned", 0, method), 0, Setting(), store)
    found = mean_successes(scene, gone, before, "correct")
    assert found["forget"] < 0.1
    assert found["alike"] == mean_successes(scene, before, before, "correct")["alike"] > 0.5


def test_a_class_of_which_nothing_stays_is_to_be_unknown_and_is_no_part_of_validation(tmp_path):
    """Retraining would answer nothing right of it, so a model that answers nothing right is balanced, and the original is not."""
    scenario = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=3), request=Where(rule='label == 3'))"
    scene, store = open_scene(ut.parse(scenario), Setting(), purpose="search"), Store(tmp_path)
    before = run_job(scene, Job("original", 0), 0, Setting(), store)
    found = mean_successes(scene, before, before, "correct")
    labels = scene.data.valid.y.numpy()
    right = before.array("logits")[-len(labels) :].argmax(1) == labels
    assert found["alike"] == 0.0
    assert found["valid"] == pytest.approx(right[labels != 3].mean())
    partly = open_scene(ut.parse(scenario.replace("label == 3", "label == 3 and id > 900")), Setting(), purpose="search")
    assert "not known" in means_of(objectives.aim_of("balanced", False, scene.task), scene)
    assert "not known" not in means_of(objectives.aim_of("balanced", False, scene.task), partly)


def test_a_model_that_is_left_as_it_is_is_as_right_as_before_and_its_weights_are_not_kept(tmp_path):
    scene = open_scene(ut.parse("Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1))"), Setting(), purpose="search")
    before, same = (
        run_job(scene, job, 0, Setting(), Store(tmp_path)) for job in (Job("original", 0), Job("unlearned", 0, ut.Nothing()))
    )
    assert mean_successes(scene, same, before, "correct") == mean_successes(scene, before, before, "correct")
    assert len(same.array("logits")) == len(scene.forget_set.rows) + len(scene.data.valid)
    assert list(same.folder.glob("*.safetensors")) == []
    assert list(before.folder.glob("*.safetensors")) != []


def test_a_search_does_not_count_corrected_rows_among_the_validation_data(tmp_path):
    text = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1), request={})"
    some = take(ut.Digits().load().train, np.arange(3))
    ids, others = tuple(some.ids.tolist()), tuple(((some.y + 1) % 10).tolist())
    requests = ut.Ids(ids=ids), ut.Relabel(ids=ids, labels=others)
    keep, correct = (open_scene(ut.parse(text.format(repr(by))), Setting(), purpose="search") for by in requests)
    assert correct.forget_set.replacement is not None
    job, store = Job("original", 0), Store(tmp_path)
    results = [
        mean_successes(scene, entry, entry, "correct")
        for scene in (keep, correct)
        for entry in [run_job(scene, job, 0, Setting(), store)]
    ]
    assert results[0] == results[1]


@pytest.mark.parametrize("name", ["balanced", "valid", "oracle"])
def test_objectives_are_in_the_words_of_the_task(name):
    for task, words in (
        (ut.Classification(), "accuracy"),
        (Regression(), "likelihood of targets"),
        (CausalLM(), "likelihood of answers"),
    ):
        aim = objectives.aim_of(name, False, task)
        assert aim.means(task).startswith(f"{words} on validation data")
        assert ("accuracy" in aim.means(task)) is (words == "accuracy")


def test_an_objective_that_asks_what_is_right_is_refused_where_nothing_is_before_anything_is_trained(tmp_path):
    line = "the objective 'repair' asks whether outputs are right, and Regression gives no 'correct'; take one of .*'balanced'"
    with pytest.raises(BadInput, match=line):
        ut.search("Diabetes()", "Finetune()", tmp_path, trials=1, seeds=1, objective="repair")
    assert Store(tmp_path).entries() == []
    with pytest.raises(BadInput, match=r"which 'balanced' becomes .* known to be wrong, .* take one of \['valid', 'oracle'\]"):
        objectives.aim_of("balanced", True, Regression())
    repair = objectives.aim_of("balanced", True, CausalLM())
    assert (repair.name, repair.success(CausalLM()).signal) == ("repair", "correct")


def test_a_search_on_numbers_judges_by_their_likelihood_and_finds_a_planted_optimum(tmp_path):
    scenario = "Diabetes(model=MLP(width=8), steps=Steps(lr=0.01, epochs=10, batch=32))"
    scene, store = open_scene(ut.parse(scenario), Setting(), purpose="search"), Store(tmp_path)
    before = run_job(scene, Job("original", 0), 0, Setting(), store)
    parts = mean_successes(scene, before, before, "likelihood")
    predicted = before.array("prediction")
    train, valid, rows = scene.data.train, scene.data.valid, np.asarray(scene.forget_set.rows)
    off = (predicted[rows] - train.y.numpy()[rows]) / 0.7, (predicted[len(train) :] - valid.y.numpy()) / 0.7
    assert parts["forget"] == pytest.approx(np.exp(-0.5 * off[0] ** 2).mean())
    assert parts["valid"] == parts["alike"] == pytest.approx(np.exp(-0.5 * off[1] ** 2).mean())
    document = ut.search(scenario, Shift(), tmp_path, trials=12, seeds=1, objective="valid")
    assert document["of"] == "likelihood of targets"
    assert abs(ut.parse(document["best"]["method"]).turn - BEST) < 0.1
    assert document["best"]["valid"] <= document["untouched"]["value"] + 0.05


def test_a_search_for_a_correction_judges_by_validation_data_and_not_by_corrected_rows(tmp_path):
    digits = ut.parse("Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=3))")
    some = tuple(digits.load().train.ids[:30].tolist())
    scenario = replace(digits, request=ut.parse(f"Relabel(ids={some}, labels={(5,) * 30})"))
    scene, store = open_scene(scenario, Setting(), purpose="search"), Store(tmp_path)
    before, same = (run_job(scene, job, 0, Setting(), store) for job in (Job("original", 0), Job("unlearned", 0, ut.Nothing())))
    model = scene.learner(scene.data.train, seed_of(0, "search original", 0))
    train, valid, rows = scene.data.train, scene.data.valid, np.asarray(scene.forget_set.rows)
    right = [(logits(model, e, scene.task).argmax(1) == e.y.numpy()) for e in (train, valid)]
    for entry in (before, same):
        parts = mean_successes(scene, entry, before, "correct")
        assert parts["forget"] == right[0][rows].mean()
        assert parts["valid"] == right[1].mean() > 0.5
    method = ut.parse("Finetune(steps=Steps(epochs=1))")
    document = found(scenario, tmp_path, method, trials=2, objective="balanced")
    assert [row["state"] for row in document["trials"]] == ["done", "done"]


def test_a_trial_that_cannot_be_scored_fails_and_the_search_goes_on(scenario, tmp_path, monkeypatch):
    real, calls = study.parts_of, []

    def sometimes(search, entry, index):
        calls.append(index)
        if len(calls) == 2:
            raise ValueError("operands could not be broadcast together")
        return real(search, entry, index)

    monkeypatch.setattr(study, "parts_of", sometimes)
    document = found(scenario, tmp_path, trials=4)
    assert sorted(row["state"] for row in document["trials"]).count("failed") == 1
    assert [row["error"] for row in document["trials"] if row["error"]] == ["ValueError: operands could not be broadcast together"]


def test_models_of_a_search_are_none_of_a_run(tmp_path):
    scenario = ut.parse("Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=0))")
    run, search = (open_scene(scenario, Setting(), purpose=purpose) for purpose in ("run", "search"))
    seeds = [run_job(s, Job("original", 0), 0, Setting(), Store(tmp_path)).record["ingredients"]["seed"] for s in (run, search)]
    assert seeds == [seed_of(0, "original", 0), seed_of(0, "search original", 0)]


def test_balanced_becomes_repair_where_the_labels_to_forget_are_known_to_be_wrong():
    assert objectives.aim_of("balanced", True, ut.Classification()).name == "repair"
    assert objectives.aim_of("valid", True, ut.Classification()).name == "valid"


def test_the_objective_that_rewards_doing_nothing_says_so(scenario, tmp_path):
    assert any("rewards leaving the model" in note for note in found(scenario, tmp_path, trials=2)["notes"])


# What a search finds


@pytest.mark.slow
def test_a_planted_optimum_is_found(scenario, tmp_path):
    document = found(scenario, tmp_path, over="turn", trials=30)
    turn = parse_turn(document["best"]["method"])
    assert abs(turn - BEST) < 0.05
    assert document["trials"][0] == document["best"]
    assert document["best"]["value"] > next(row["value"] for row in document["trials"] if row["given"])


def parse_turn(text):
    return float(text.partition("turn=")[2].split(",")[0].rstrip(")"))


def test_what_is_best_is_told_apart_from_what_does_not_matter(scenario, tmp_path):
    importance = found(scenario, tmp_path, over=["turn", "mode"], trials=20)["importance"]
    assert importance["turn"] > 0.8


def test_the_same_seed_tries_the_same_and_another_one_does_not(scenario, tmp_path):
    one, two = (found(scenario, tmp_path / name, trials=4) for name in "ab")
    other = found(scenario, tmp_path / "a", trials=4, seed=1)
    assert tried(one) == tried(two)
    assert [row[1] for row in tried(one)][1:] != [row[1] for row in tried(other)][1:]


@pytest.mark.slow
def test_a_search_in_parts_is_the_search_in_one(scenario, tmp_path):
    found(scenario, tmp_path / "parts", trials=3)
    assert tried(found(scenario, tmp_path / "parts", trials=13)) == tried(found(scenario, tmp_path / "one", trials=13))


def test_a_longer_search_repeats_nothing(scenario, tmp_path, monkeypatch):
    before = found(scenario, tmp_path, trials=4)
    monkeypatch.setattr(sys.modules[__name__], "FORBIDDEN", [True])
    assert tried(found(scenario, tmp_path, trials=4)) == tried(before)


def test_a_method_that_was_tried_before_costs_nothing(scenario, tmp_path, monkeypatch):
    found(scenario, tmp_path, over="mode", trials=6)
    assert sum(row["kind"] == "unlearned" for row in Store(tmp_path).entries()) == 2  # both modes
    monkeypatch.setattr(sys.modules[__name__], "FORBIDDEN", [True])
    assert found(scenario, tmp_path, over="mode", trials=6, objective="balanced")["counts"]["done"] == 6


def test_a_trial_that_fails_is_a_row_and_no_end(scenario, tmp_path):
    document = found(scenario, tmp_path, Dial(fuse=0.5), over="turn", trials=8)
    failed = [row for row in document["trials"] if row["state"] == "failed"]
    assert 0 < len(failed) < 8
    assert {row["error"] for row in failed} == {"the fuse is blown"}
    assert document["counts"]["failed"] == len(failed)


def test_a_search_whose_trials_all_fail_says_why_in_one_line(scenario, tmp_path):
    with pytest.raises(RunFailed, match="all 3 trials failed; the first: the fuse is blown"):
        found(scenario, tmp_path, Dial(fuse=0.0), over="turn=0.2..1", trials=3)


def test_trials_that_are_worse_than_the_median_end_after_one_original(scenario, tmp_path):
    document = found(scenario, tmp_path, over="turn", trials=16, seeds=2)
    pruned = [row for row in document["trials"] if row["state"] == "pruned"]
    done = [row for row in document["trials"] if row["state"] == "done"]
    assert pruned
    assert {row["models"] for row in done} == {2}
    assert {row["models"] for row in pruned} == {1}
    assert np.median([row["value"] for row in done]) > np.median([row["value"] for row in pruned])
    assert abs(parse_turn(document["best"]["method"]) - BEST) < 0.1


def test_costs_are_told_as_a_share_of_retraining(tmp_path):
    digits = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=4))"
    document = ut.search(digits, "Finetune(steps=Steps(epochs=2))", store=tmp_path, trials=1, seeds=1)
    assert document["best"]["share_of_retraining"] == pytest.approx(0.5, rel=0.05)


# A search that is disturbed


def test_a_search_that_was_interrupted_goes_on_as_if_it_had_not_been(scenario, tmp_path, monkeypatch):
    unlearn, left = jobs._unlearn, [7]

    def stops(*given):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return unlearn(*given)

    for begun in (1, 4):  # in the first trial, which is the method as it was given, and later
        left[0] = begun
        monkeypatch.setattr(jobs, "_unlearn", stops)
        with pytest.raises(KeyboardInterrupt):
            found(scenario, tmp_path / "hurt", trials=6)
    monkeypatch.setattr(jobs, "_unlearn", unlearn)
    calm, hurt = found(scenario, tmp_path / "calm", trials=6), found(scenario, tmp_path / "hurt", trials=6)
    assert [row[1:] for row in tried(hurt)] == [row[1:] for row in tried(calm)]


DIGITS = "Digits(model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=2))"


@pytest.mark.parametrize("how", [{"workers": 2}, pytest.param({"executor": "Processes(2)"}, marks=pytest.mark.slow)])
def test_two_processes_share_a_search(tmp_path, how):
    document = ut.search(DIGITS, "Finetune", store=tmp_path, trials=4, seeds=1, **how)
    assert document["counts"]["done"] + document["counts"]["pruned"] == 4
    assert sorted(row["number"] for row in document["trials"]) == list(range(4))


@pytest.mark.slow
def test_two_searches_at_once_share_their_trials(tmp_path):
    both = [begun(tmp_path, 8, 1, out=f"o{at}") for at in range(2)]
    texts = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    whole = begun(tmp_path, 8, 1).communicate(timeout=100)[0]
    rows = json.loads(whole)["trials"]
    assert sorted(row["number"] for row in rows) == list(range(8))
    assert len({row["method"] for row in rows}) == 8


def children(pid):
    every = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(c) for c in every if "spawn_main" in Path(f"/proc/{c}/cmdline").read_text()]


def until(holds, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False


def begun(tmp_path, trials, workers, out="o"):
    command = [sys.executable, "-m", "untrain", "search", "Digits", "DEL", "--trials", str(trials), "--workers", str(workers)]
    where = ["--store", str(tmp_path / "s"), "--out", str(tmp_path / out), "--json"]
    return subprocess.Popen([*command, *where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(tmp_path):
    records = [json.loads(file.read_text()) for file in (tmp_path / "s").glob("objects/*/*/record.json")]
    return sum(record["ingredients"]["kind"] == "unlearned" for record in records)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_trial_made_again(tmp_path):
    process = begun(tmp_path, 12, 2)
    assert until(lambda: ended(tmp_path) >= 2 and len(children(process.pid)) == 2), (ended(tmp_path), children(process.pid))
    os.kill(children(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert sum(json.loads(out)["counts"].values()) == 12


@pytest.mark.slow
def test_a_search_that_is_killed_leaves_no_process_and_goes_on(tmp_path):
    process = begun(tmp_path, 10, 2)
    assert until(lambda: ended(tmp_path) >= 2 and len(children(process.pid)) == 2), (ended(tmp_path), children(process.pid))
    workers = children(process.pid)
    process.kill()
    process.communicate()
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 10)
    out, err = begun(tmp_path, 10, 1).communicate(timeout=120)
    assert sum(json.loads(out)["counts"].values()) == 10, err


# Bad input


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"trials": 0}, "trials=0"),
        ({"trials": 2.5}, "trials=2.5"),
        ({"seeds": 0}, "seeds=0"),
        ({"workers": 0}, "workers=0"),
        ({"objective": "balancd"}, "did you mean 'balanced'"),
        ({"over": "trun"}, "did you mean 'turn'"),
        ({"device": "foo"}, "cannot be used here"),
    ],
)
def test_numbers_and_words_that_cannot_be_had_are_refused_before_anything_is_made(scenario, tmp_path, more, told):
    with pytest.raises(BadInput, match=told):
        found(scenario, tmp_path / "s", **more)
    assert not (tmp_path / "s").exists()


def test_without_optuna_one_line_names_the_extra(monkeypatch, capsys, tmp_path):
    monkeypatch.delitem(sys.modules, "untrain.experiments.search.optuna", raising=False)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra, match=r"pip install 'untrain\[search\]'"):
        ut.search("Digits", "DEL", store=tmp_path / "s")
    monkeypatch.setattr(sys, "argv", ["untrain", "search", "Digits", "DEL", "--store", str(tmp_path / "s")])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_key_leaves_the_number_of_trials_out_and_no_more(scenario, tmp_path):
    from untrain.commands.arguments import comparison_of
    from untrain.experiments.setting import Setting

    def key(trials=5, objective="valid", over="turn", seeds=1):
        spec = spec_of(comparison_of(scenario, [Dial()], seeds, 2, 0), objective, over, trials)
        store = Store(tmp_path)
        return open_search(spec, scene_of_search(spec, Setting(), store), Setting(), store).key

    assert key() == key(trials=9)
    assert len({key(), key(objective="balanced"), key(over="mode"), key(seeds=2), key(over="turn=0.1..0.2")}) == 5
