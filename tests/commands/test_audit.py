"""What someone else's code unlearned gets the scores that our own run gives the same models."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import untrain as ut
from untrain.commands.cli import app
from untrain.core.errors import BadInput, DataError, ModelError
from untrain.experiments.results import entries_of
from untrain.maths.logits import margins
from untrain.runtime.store import Store

UNTRAIN = Path(sys.executable).parent / "untrain"
ENDS = ("value", "low", "high", "floor", "ceiling", "ideal")


@pytest.fixture(scope="module")
def foreign(tiny, tmp_path_factory):
    """The first method of the small run as another's: arrays, checkpoints, labels, sides and ids in files."""
    home = tmp_path_factory.mktemp("foreign")
    store = Store(tiny.store)
    run = store.get(tiny.document["run"])
    held = entries_of(run, store)
    unlearned = held["unlearned"][tiny.methods[0]]
    for who, entries in (("u", unlearned), ("o", held["oracle"]), ("g", held["original"])):
        np.save(home / f"{who}.npy", np.stack([e.array("logits") for e in entries]))
        for at, entry in enumerate(entries):
            state = {n: torch.from_numpy(a) for n, a in entry.tensors("weights").items()}
            torch.save(state, home / f"{who}{at}.pt")
            save_file(state, home / f"{who}{at}.safetensors")
    for name in ("labels", "side", "ids"):
        np.save(home / f"{name}.npy", run.array(name))
    return home


@pytest.fixture
def here(foreign, tmp_path, monkeypatch):
    """A copy of the other's files, where one works."""
    shutil.copytree(foreign, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def kept(tiny, tmp_path):
    """A copy of the store of the small run."""
    return Path(shutil.copytree(tiny.store, tmp_path / "kept"))


@pytest.fixture
def untrain(monkeypatch, capsys):
    """The command in this process: exit code, stdout, stderr."""

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["untrain", *map(str, argv)])
        with pytest.raises(SystemExit) as end:
            app.main()
        told = capsys.readouterr()
        return end.value.code or 0, told.out, told.err

    return call


EXAMPLES = {"labels": "labels.npy", "sides": "side.npy", "ids": "ids.npy"}


def same(found, tiny, ends=ENDS):
    """Hold the scores of an audit against those of the run, the verdicts as well."""
    ours, theirs = found["results"][0], tiny.document["results"][0]
    assert ours["scores"].keys() == theirs["scores"].keys()
    for name, score in theirs["scores"].items():
        for end in ends:
            assert ours["scores"][name][end] == pytest.approx(score[end], abs=1e-12), (name, end)
        assert ours["scores"][name]["reason"] == score["reason"], name
        if score["verdict"] and "ceiling" in ends:
            assert ours["scores"][name]["verdict"] == score["verdict"], name


def test_arrays_of_a_run_get_the_scores_of_the_run(here, tiny, tmp_path):
    found = ut.audit(ut.Outputs("u.npy", "o.npy", "g.npy", **EXAMPLES), store=tmp_path / "s", out="out", name="Theirs")
    same(found, tiny)
    assert found["results"][0]["method"] == "Theirs"
    assert found["results"][0]["verdict"]["recognised"] == tiny.document["results"][0]["verdict"]["recognised"]
    assert found["results"][0]["cost"]["seconds"] is found["results"][0]["guard"]["moved_share"] is None
    assert (found["seeds"], found["oracles"], found["sizes"]) == (2, 4, tiny.document["sizes"])
    assert {f.name for f in Path("out").iterdir()} == {"report.html", "results.json", "scores.csv"}


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_checkpoints_with_our_oracles_get_the_scores_of_the_run(here, tiny, kept, kind):
    before = [f"g{i}.{kind}" for i in range(2)]
    found = ut.audit(
        ut.Checkpoints([f"u{i}.{kind}" for i in range(2)], oracles=4, original=before), scenario=tiny.scenario, store=kept
    )
    same(found, tiny)
    assert found["price"]["train"] == 0
    assert found["scenario"] == tiny.scenario


def test_checkpoints_with_their_oracles_need_no_training(here, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("untrain.training.descend.descend", lambda *_: pytest.fail("trained"))
    ours, theirs = ["u0.pt", "u1.pt"], [f"o{i}.pt" for i in range(4)]
    for models in (
        ut.Checkpoints(ours, theirs, original="g.npy"),
        ut.Checkpoints(ours, oracles="o.npy", original="g.npy"),
        ut.Checkpoints(oracle=theirs, unlearned="u.npy", original="g.npy"),
    ):
        same(ut.audit(models, scenario=tiny.scenario, store=tmp_path / "s"), tiny)


def test_their_arrays_with_our_oracles(here, tiny, kept):
    same(ut.audit(ut.Outputs("u.npy", 4, "g.npy"), scenario=tiny.scenario, store=kept), tiny)


def test_one_checkpoint_is_asked_for_19_oracles(here, tiny, kept):
    found = ut.price(tiny.scenario, store=kept, oracles=19)
    assert (found["train"], found["stored"]) == (15, 4)
    document = ut.audit(ut.Checkpoints("u0.pt", oracles=4), scenario=tiny.scenario, store=kept)
    assert document["seeds"] == 1
    assert "at least 19 retrained ones" in json.dumps(document["results"][0]["scores"]["forget_accuracy"]["verdict"])


def test_without_originals_there_is_no_ceiling_and_all_else_is_the_same(here, tiny, tmp_path):
    found = ut.audit(ut.Outputs("u.npy", "o.npy", **EXAMPLES), store=tmp_path / "s", out="out")
    ours, theirs = found["results"][0]["scores"], tiny.document["results"][0]["scores"]
    needing = [name for name in ours if ours[name]["value"] is None and theirs[name]["value"] is not None]
    assert all("original" in ours[name]["reason"] for name in needing)
    assert len(needing) < len(ours) / 4
    for name in ours.keys() - needing:
        for end in ("value", "low", "high", "floor", "ideal"):
            assert ours[name][end] == pytest.approx(theirs[name][end], abs=1e-12), (name, end)
    assert all(score["ceiling"] is None for score in found["results"][0]["scores"].values())
    assert "Original" not in json.loads(Path("out/report.html").read_text().partition('id="figures">')[2].partition("</script>")[0])


def test_margins_alone_give_what_margins_tell_and_a_reason_for_the_rest(here, tiny, tmp_path):
    y = np.load("labels.npy")
    for who in "uog":
        np.save(f"m{who}.npy", margins(np.load(f"{who}.npy"), y))
    found = ut.audit(ut.Outputs("mu.npy", "mo.npy", "mg.npy", sides="side.npy", ids="ids.npy"), store=tmp_path / "s", out="out")
    scores, theirs = found["results"][0]["scores"], tiny.document["results"][0]["scores"]
    assert scores["forget_accuracy"]["reason"].startswith("only margins were given")
    assert [scores[n]["value"] for n in ("forget_gap", "test_accuracy")] == [None, None]
    assert found["answers"] == "margins"
    for name in ("example_fisher", "example_max"):
        assert scores[name]["value"] == pytest.approx(theirs[name]["value"], abs=1e-12)
    labelled = ut.audit(ut.Outputs("mu.npy", "mo.npy", "mg.npy", **EXAMPLES), store=tmp_path / "s")["results"][0]["scores"]
    assert labelled["mia_loss_auc"]["value"] == pytest.approx(theirs["mia_loss_auc"]["value"], abs=1e-12)


def test_an_audit_is_reported_again_like_a_run(here, tmp_path, tiny):
    found = ut.audit(ut.Outputs("u.npy", "o.npy", "g.npy", **EXAMPLES), store=tmp_path / "s")
    again = ut.report([found["run"][:10]], tmp_path / "s", tmp_path / "out")["runs"][0]
    assert again == {name: value for name, value in found.items() if name != "price"}
    kinds = Store(tmp_path / "s").entries()
    assert [r["kind"] for r in kinds].count("given") == 2 + 4 + 2
    ut.audit(ut.Outputs("u.npy", "o.npy", "g.npy", **EXAMPLES), store=tmp_path / "s")
    assert len(Store(tmp_path / "s").entries()) == len(kinds)


def test_another_label_or_side_is_another_audit(here, tmp_path):
    side = np.load("side.npy")
    side[np.flatnonzero(side == "retain")[0]] = "test"
    one, other = (
        ut.audit(ut.Outputs("u.npy", "o.npy", **(EXAMPLES | {"sides": s})), store=tmp_path / "s")["run"] for s in ("side.npy", side)
    )
    assert one != other


def test_chosen_evaluators_score_alone_with_their_fields(here, tmp_path, tiny):
    found = ut.audit(ut.Outputs("u.npy", "o.npy", **EXAMPLES), store=tmp_path / "s", evaluators="KLoM(least=2)", out="out")
    assert set(found["results"][0]["scores"]) == set(ut.KLoM.scores)
    assert found["results"][0]["scores"]["klom_forget"]["value"] > 0
    with pytest.raises(BadInput, match="not an evaluator"):
        ut.audit(ut.Outputs("u.npy", "o.npy", **EXAMPLES), store=tmp_path / "s", evaluators="DEL")
    with pytest.raises(BadInput, match="both give"):
        ut.audit(ut.Outputs("u.npy", "o.npy", **EXAMPLES), store=tmp_path / "s", evaluators=["KLoM", "KLoM(least=2)"])


@pytest.mark.parametrize(
    ("given", "more", "told"),
    [
        ({"unlearned": "u.npy"}, {}, "no oracle was given.*--oracles FILE.*--scenario"),
        ({"unlearned": "u.npy", "oracles": 6}, {}, "no oracle was given"),
        ({"unlearned": None, "oracles": "o.npy"}, {}, "nothing to audit was given"),
        ({"unlearned": "u.npy", "oracles": "o.npy"}, {"looks": 2}, "looks=2: all models are given"),
        ({"unlearned": "u.npy", "oracles": "o.npy"}, {"name": " "}, "empty name"),
        ({"unlearned": "none.npy", "oracles": "o.npy"}, {}, "there is no file none.npy"),
    ],
)
def test_what_is_missing_is_told_in_one_line(here, tmp_path, given, more, told):
    with pytest.raises(BadInput, match=told) as caught:
        ut.audit(ut.Outputs(**given, **EXAMPLES), store=tmp_path / "s", **more)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "s").exists()


def test_a_checkpoint_alone_is_refused(tmp_path):
    with pytest.raises(BadInput, match="a checkpoint alone says nothing"):
        ut.audit(ut.Checkpoints("u0.pt", oracles="o.npy"), store=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_what_is_neither_outputs_nor_checkpoints_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"models are of type ndarray: Outputs\(\.\.\.\) or Checkpoints") as caught:
        ut.audit(np.zeros((2, 400, 3)), store=tmp_path / "s")
    assert "\n" not in str(caught.value)


def test_easydub_needs_the_number_of_its_forget_set_and_its_folder(here):
    with pytest.raises(BadInput, match="name one by --forget-set"):
        ut.Outputs.from_easydub("u.npy", ".", None)
    with pytest.raises(BadInput, match="not an EasyDUB data set"):
        ut.Outputs.from_easydub("u.npy", ".", 2)


@pytest.mark.parametrize(
    ("models", "told"),
    [
        (ut.Outputs("u.npy", labels="labels.npy"), "--labels was given, and a scenario knows its examples"),
        (ut.Checkpoints("u0.pt", unlearned="u.npy"), "needed once"),
        (ut.Checkpoints(), "needed once"),
        (ut.Checkpoints("u0.pt", "o0.pt", oracles="o.npy"), "oracles were given twice"),
        (ut.Checkpoints("u0.pt", oracles=1), "oracles=1"),
        (ut.Checkpoints(["u0.pt", "u0.pt"], oracles="o.npy"), "u0.pt holds the same weights as unlearned 0"),
        (ut.Checkpoints("u0.pt", ["u0.pt", "o1.pt"]), "model 0 of the unlearned is among the oracles"),
        (ut.Checkpoints("none.pt", oracles=2), "none.pt: there is no file"),
        (ut.Outputs(np.ones((3, 7, 10)), 2), r"unlearned have shape \(3, 7, 10\)"),
        (ut.Outputs(np.random.default_rng(0).normal(size=(3, 1617)), 2), "margins were given"),
    ],
)
def test_what_does_not_go_together_on_a_scenario_is_told_and_nothing_is_trained(here, tiny, tmp_path, monkeypatch, models, told):
    monkeypatch.setattr("untrain.training.descend.descend", lambda *_: pytest.fail("trained"))
    with pytest.raises(BadInput, match=told) as caught:
        ut.audit(models, scenario=tiny.scenario, store=tmp_path / "s")
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_network_is_told_by_its_weights(here, tiny, tmp_path):
    with pytest.raises(ModelError, match=r"u0\.pt does not fit the model of Digits: .* has shape"):
        ut.audit(ut.Checkpoints("u0.pt", oracles=2), scenario=tiny.scenario.replace("width=4", "width=3"), store=tmp_path / "s")


def test_oracles_of_other_classes_are_told(here, tmp_path):
    np.save("o.npy", np.load("o.npy")[..., [*range(10), 0]])
    with pytest.raises(DataError, match="10 classes and oracles on 11"):
        ut.audit(ut.Outputs("u.npy", "o.npy", **EXAMPLES), store=tmp_path / "s")


def files(*names):
    return [word for name in names for word in (f"--{name}", EXAMPLES[name])]


def test_the_command_gives_the_document_a_table_and_the_pages(here, untrain, tmp_path, tiny):
    argv = ("audit", "--unlearned", "u.npy", "--oracles", "o.npy", "--original", "g.npy", *files("labels", "sides", "ids"))
    code, out, _ = untrain(*argv, "--store", tmp_path / "s", "--out", "o", "--json")
    assert code == 0
    same(json.loads(out), tiny)
    code, out, _ = untrain(*argv, "--store", tmp_path / "s", "--out", "o", "--name", "Theirs")
    assert code == 0
    assert "Theirs" in out
    assert out.splitlines()[-1] == f"report: {Path('o') / 'report.html'}"
    assert json.loads(Path("o/results.json").read_text())["runs"][0]["results"][0]["method"] == "Theirs"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--unlearned", "u.npy", "--oracle", "o.npy"), "a checkpoint alone"),
        (("--unlearned", "u.npy", *files("labels", "sides")), "no oracle was given"),
        (("--unlearned", "u.npy", "--oracles", "o.npy", "--easydub", "."), "name one by --forget-set"),
        (("--unlearned", "u.npy", "--easydub", ".", "--forget-set", "2", "--model", "u0.pt"), "leave the scenario and checkpoints"),
        (("--scenario", "Digits", "--model", "u0.pt", *files("labels")), "--labels was given, and a scenario knows its examples"),
        (("--scenario", "Digits", "--model", "u0.pt", "--unlearned", "u.npy"), "needed once"),
        (("--scenario", "Digits"), "needed once"),
        (("--unlearnd", "u.npy"), "--unlearnd"),
        (("--unlearned", "u.npy", "--oracles", "o.npy", *files("labels"), "--sides", "labels.npy"), "sides hold int64"),
        (("--scenario", "Digist", "--model", "u0.pt"), "did you mean 'Digits'"),
        (("--unlearned", "u.npy", "--oracles", "o.npy", *files("labels", "sides"), "--evaluator", "KLom"), "did you mean 'KLoM'"),
        (("--unlearned", "u.npy", "--oracles", "o.npy", *files("labels", "sides"), "--out", "u.npy"), "--out"),
        (("--unlearned", "u.npy", "--looks", "0"), "--looks"),
    ],
)
def test_a_typo_in_the_command_gets_one_line_and_exit_code_2(here, untrain, tmp_path, argv, told):
    code, out, err = untrain("audit", *argv, "--store", tmp_path / "s")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_help_of_an_audit_imports_no_torch():
    code = (
        "import sys; sys.argv = ['untrain', 'audit', '--help']\nfrom untrain.commands.cli.app import main\ntry:\n main()\n"
        "except SystemExit as end:\n sys.exit(f'{end.code}' if end.code or {'torch', 'numpy'} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--unlearned" in done.stdout


def test_the_price_of_an_audit_is_told_and_nothing_is_trained(here, untrain, tiny, kept):
    before = len(Store(kept).entries())
    code, out, _ = untrain("audit", "--scenario", tiny.scenario, "--model", "u0.pt", "--oracles", 6, "--price", "--store", kept)
    assert code == 0
    price, plan = out.splitlines()
    assert price.startswith("price: 2 models to train (2 oracle), 4 models are in the store; about ")
    assert price.endswith("by records of the store")
    assert plan.startswith("protocol standard: 1 unlearned model and 6 retrained ones let a perfect method pass with probability ")
    assert len(Store(kept).entries()) == before
    told = json.loads(
        untrain("run", tiny.scenario, "Nothing", "--seeds", 2, "--oracles", 4, "--price", "--json", "--store", kept)[1]
    )["price"]
    assert (told["train"], told["stored"]) == (0, 8)


def test_the_price_of_an_audit_is_that_of_the_oracles_it_would_train(here, tiny, kept):
    one, two = ut.Checkpoints("u0.pt"), ut.Checkpoints(["u0.pt", "u1.pt"])
    prices = [ut.audit(models, scenario=tiny.scenario, store=kept, price=True) for models in (one, two)]
    assert [(each["train"], each["stored"]) for each in prices] == [(15, 4), (8, 4)]
    for models in (ut.Checkpoints("u0.pt", "o0.pt"), ut.Outputs("u.npy", "o.npy")):
        assert ut.audit(models, scenario=tiny.scenario, store=kept, price=True)["train"] == 0


def test_looks_train_only_as_many_oracles_as_are_needed(here, tiny, kept, monkeypatch):
    monkeypatch.setattr("untrain.experiments.interim_looks.count_open", lambda _: 0)
    found = ut.audit(ut.Checkpoints(["u0.pt", "u1.pt"], oracles=16), scenario=tiny.scenario, looks=2, store=kept)
    assert [(look["seeds"], look["oracles"]) for look in found["looks"]] == [(2, 8)]
    assert found["oracles"] == 8
    assert found["level"] == pytest.approx(0.025)


@pytest.mark.parametrize("price", [[], ["--price"]])
def test_an_audit_refuses_looks_that_can_decide_nothing(untrain, here, tiny, kept, price):
    code, _, err = untrain(
        "audit", "--scenario", tiny.scenario, "--model", "u0.pt", "--oracles", 18, "--looks", 3, "--store", kept, *price
    )
    assert code == 2
    assert "1 unlearned and 18 retrained models are too few" in err
    assert "oracles=19 would do" in err


@pytest.mark.slow
def test_an_audit_that_is_killed_while_it_trains_oracles_goes_on_where_it_was(here, tiny, tmp_path):
    argv = [UNTRAIN, "audit", "--scenario", tiny.scenario, "--model", "u0.pt", "--model", "u1.pt", "--original", "g.npy"]
    argv += ["--oracles", "4", "--workers", "1", "--store", str(tmp_path / "s"), "--out", "o", "--json"]
    argv += ["--precision", "float32"]  # another process asks the processor itself
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    began = time.monotonic()
    while (
        not any("oracle" in f.read_text() for f in (tmp_path / "s").glob("objects/*/*/record.json"))
        and time.monotonic() - began < 90
    ):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    made = len([r for r in Store(tmp_path / "s").entries() if r["kind"] == "model"])
    assert made >= 1
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["price"]["stored"] == made
    assert document["price"]["train"] == 4 - made
    same(document, tiny)
