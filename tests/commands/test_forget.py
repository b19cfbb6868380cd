"""`untrain forget` from end to end: requests, plans, the alarm, what is written, and 'auto'."""

import errno
import hashlib
import io
import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

import untrain as ut
from foreign_models import CLASSES, STEPS, Net, Wide, memorized, network, numbers, table
from untrain.commands.cli import app
from untrain.core.errors import BadInput, DamageAlarm, DataError, ModelError, RequestError

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def state():
    return network().state_dict()


@pytest.fixture
def home(tmp_path, state, monkeypatch):
    """A folder with a checkpoint, its data, data that it has not seen, and a list of ids; it is the working folder."""
    monkeypatch.chdir(tmp_path)
    torch.save(state, "net.pt")
    table(tmp_path / "train.csv", 240, 0)
    table(tmp_path / "held.csv", 120, 1, first=1000)
    (tmp_path / "ids.csv").write_text("person\np3\np6\np9\np12\n")
    return tmp_path


def forget(**given):
    usual = {
        "model": "net.pt",
        "data": "train.csv",
        "forget": "ids.csv",
        "network": Net,
        "valid": "held.csv",
        "id": "person",
        "steps": STEPS,
    }
    return ut.forget(**(usual | given))


def rows_of(**given):
    """The number of rows that a request names."""
    return forget(dry_run=True, **({"forget": None} | given))["request"]["rows"]


def test_a_checkpoint_its_data_and_a_list_give_a_new_checkpoint_and_its_document(home):
    before = hashlib.sha256((home / "net.pt").read_bytes()).hexdigest()
    document = forget()
    assert (home / "net-forgot.pt.json").is_file()
    assert json.loads((home / "net-forgot.pt.json").read_text())["out"] == document["out"]
    assert document["model"]["sha256"] == before == hashlib.sha256((home / "net.pt").read_bytes()).hexdigest()
    assert document["out"]["sha256"] == hashlib.sha256((home / "net-forgot.pt").read_bytes()).hexdigest()
    assert document["data"]["sha256"] == hashlib.sha256((home / "train.csv").read_bytes()).hexdigest()
    assert document["request"]["file_sha256"] == hashlib.sha256((home / "ids.csv").read_bytes()).hexdigest()
    assert document["method"] == "Retrain()"  # which takes a second here
    assert [each["name"] for each in document["plan"]["classes"]] == list(CLASSES)
    assert document["plan"]["classes"][0] == {"number": 0, "name": "ash", "forget": 4, "rows": 80}
    assert {"validation", "retain", "forget", "alike"} <= document["after"].keys()
    assert document["guard"]["moved_share"] > 0.5
    assert document["cost"]["flops"] > 0
    assert document["does_not_cover"]
    model = Net()
    model.load_state_dict(torch.load("net-forgot.pt", weights_only=True))
    assert torch.equal(model.scale, torch.ones(1))


def test_retraining_by_the_command_is_retraining(home):
    forget(method="Retrain", seed=5)
    x, y = numbers(240, 0)
    stays = np.setdiff1d(np.arange(240), [3, 6, 9, 12])
    data = ut.examples(x.astype(np.float64).astype(np.float32)[stays], y[stays])
    again = ut.Train(model=Net, steps=ut.parse(STEPS))(data, seed=5).state_dict()
    written = torch.load("net-forgot.pt", weights_only=True)
    assert all(torch.allclose(written[name].double(), again[name].double(), atol=1e-5) for name in again)


def test_a_dry_run_writes_nothing(home):
    there = sorted(each.name for each in home.iterdir())
    document = forget(dry_run=True)
    assert document["dry_run"]
    assert document["plan"]["method"] == "auto"
    assert sorted(each.name for each in home.iterdir()) == there


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({"forget": "p3, p6"}, 2),
        ({"forget": ["p3", "p6", "p9"]}, 3),
        ({"forget": "IdFile(path='ids.csv')"}, 4),
        ({"forget": ut.Ids(ids=("p3",))}, 1),
        ({"forget": {"p3", "p6"}}, 2),
        ({"forget": pd.Series(["p3", "p6", "p9"])}, 3),
        ({"forget": pd.DataFrame({"person": ["p3"]})}, 1),
        ({"forget": pd.DataFrame({"person": ["p3"], "town": ["north"]}), "column": "person"}, 1),
        ({"forget": np.arange(240) % 60 == 7}, 4),
        ({"forget": pd.Series(np.arange(240) < 5, index=np.arange(240) + 9)}, 5),
        ({"where": "class_name == 'oak' and town == 'south'"}, 20),
        ({"where": "label == 2 and town == 'south'"}, 20),
        ({"forget_classes": ("oak",)}, 80),
        ({"owner": "town", "forget_owners": ("south",)}, 60),
    ],
)
def test_every_form_of_a_request(home, given, rows):
    assert rows_of(**given) == rows


def test_ids_from_standard_input(home, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"p3\np6\n")))
    assert rows_of(forget="-") == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "say what to forget by one of --forget, --where"),
        ({"forget": "ids.csv", "where": "label == 1"}, "--forget and --where are given"),
        ({"forget": "nothere.csv"}, "there is no file 'nothere.csv'"),
        ({"forget": "p3,q77"}, "lists 1 of 2 ids that the data lack: 'q77'; --missing skip passes over them"),
        ({"forget": "q77", "missing": "skip"}, "ids there are such as"),
        ({"forget_classes": ("osk",)}, "there is no class 'osk'.*did you mean 'oak'"),
        ({"where": "age > 3"}, "age"),
        ({"where": "label == 'oak'"}, "names of classes are in class_name, as in class_name == 'ash'"),
        ({"forget": [True, False]}, "a mask has 2 truth values, and the data 240 rows"),
        ({"forget": pd.DataFrame({"a": [1], "b": [2]})}, "the columns a, b names no ids"),
        ({"where": "label >= 0"}, "nothing would be left"),
        ({"forget": "Relabel(ids=('p3',), labels=1)"}, "corrects rows and deletes none"),
        ({"forget": "DEL()"}, "is not a request"),
    ],
)
def test_a_wrong_request_is_one_line(home, given, words):
    with pytest.raises(BadInput, match=words) as error:
        rows_of(**given)
    assert "\n" not in str(error.value)


def test_ids_that_are_gone_are_listed_and_passed_over_on_demand(home):
    (home / "ids.csv").write_text("person\np3\np999\np1000\n")
    with pytest.raises(RequestError, match="2 of 3 ids that the data lack: 'p999', 'p1000'"):
        forget(dry_run=True)
    document = forget(dry_run=True, missing="skip")
    assert document["request"]["missing"] == ["p999", "p1000"]
    assert (document["request"]["rows"], document["request"]["listed"]) == (1, 3)


def test_twins_that_stay_are_counted_and_taken_on_demand(home):
    lines = (home / "train.csv").read_text().splitlines()
    (home / "train.csv").write_text("\n".join([*lines, lines[4].replace("p3,", "copy,")]) + "\n")
    plan = forget(dry_run=True)["plan"]
    assert (plan["twins"]["exact"], plan["twins"]["such_as"], plan["rows"]) == (1, ["copy"], 4)
    assert any("like a forgotten one" in each for each in forget(dry_run=True)["does_not_cover"])
    taken = forget(dry_run=True, twins="exact")
    assert (taken["plan"]["rows"], taken["plan"]["twins"]["included"]) == (5, 1)


def test_damage_is_not_written_and_has_its_own_exit_code(home):
    harm = "GradAscent(steps=Steps(lr=2.0, epochs=20))"
    with pytest.raises(
        DamageAlarm, match=r"nothing was written: after GradAscent.*validation accuracy fell from 0\.\d+ to .*--accept"
    ) as e:
        forget(method=harm)
    assert e.value.document["tries"][0]["alarms"][0]["what"] == "validation accuracy"
    assert not list(home.glob("net-forgot*"))
    given = ["--model", "net.pt", "--data", "train.csv", "--forget", "ids.csv", "--network", "foreign_models:Net"]
    more = ["--id", "person", "--valid", "held.csv", "--method", harm, "--steps", STEPS]
    assert _exit_code(["forget", *given, *more]) == 3
    document = forget(method=harm, accept_damage=True)
    assert document["accepted_damage"]
    assert (home / "net-forgot.pt").is_file()


def _exit_code(words):
    from unittest.mock import patch

    with patch.object(sys, "argv", ["untrain", *words]), pytest.raises(SystemExit) as end:
        app.main()
    return end.value.code


def test_a_smaller_tolerance_alarms_sooner(home):
    mild = "NegGrad(alpha=0.5, steps=Steps(lr=0.03, epochs=2))"
    document = forget(method=mild, dry_run=False, accept_damage=True, out="a.pt")
    rise = document["after"]["retain"]["loss"] - document["before"]["retain"]["loss"]
    assert rise > 0
    with pytest.raises(DamageAlarm, match="retain loss rose"):
        forget(method=mild, max_rise=rise / 2, max_fall=1.0, out="b.pt")
    assert forget(method=mild, max_rise=2 * rise, max_fall=1.0, out="c.pt")["alarms"] == []


def test_nothing_is_ever_written_over(home):
    with pytest.raises(BadInput, match="exists already"):
        forget(out="net.pt")
    (home / "new.pt.json").write_text("mine")
    with pytest.raises(BadInput, match="exists already"):
        forget(out="new.pt")
    with pytest.raises(BadInput, match=r"name it such as new\.pt"):
        forget(out="new.safetensors")
    assert (home / "new.pt.json").read_text() == "mine"


def test_a_failed_write_leaves_nothing(home, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(DataError, match="No space left"):
        forget()
    assert not [each for each in home.iterdir() if "forgot" in each.name]


def test_classes_in_another_order_than_the_outputs_are_noticed(home):
    with pytest.raises(ModelError, match=r"its loss is above that of a guess without looking.*--class-name"):
        forget(class_names=("oak", "ash", "elm"), dry_run=True)


def test_a_network_that_sees_other_inputs_than_in_training_is_noticed(home):
    """Its loss is above a guess', though some rows come right by chance."""
    with pytest.raises(ModelError, match=r"% of its own training data right, and its loss is above .*--transform"):
        forget(transform=lambda row: -2.0 * row.float(), dry_run=True)


def test_training_again_by_a_guess_says_when_it_learned_less(home):
    few = forget(steps=None, method="Retrain", accept_damage=True, out="few.pt")
    assert any("how the model was trained is a guess" in note for note in few["method_notes"])
    assert forget(method="Retrain", out="same.pt")["method_notes"] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"model": None}, "--model"),
        ({"data": None}, "--data"),
        ({"model": Net()}, "model is a Net, and the path of a checkpoint is needed: write it by torch.save"),
        ({"model": LogisticRegression()}, r"write it by skops\.io\.dump"),
        ({"model": "other.pt"}, "there is no checkpoint"),
        ({"network": None}, "--network package.module:function"),
        ({"network": "nothing"}, "nothing"),
        ({"method": "Digits"}, "is not an unlearning method"),
        ({"budget": "a lot"}, "a share such as 10%"),
        ({"retrain_within": -1}, "retrain_within=-1: seconds are needed"),
        ({"missing": "pass"}, "one of refuse, skip"),
        ({"steps": "DEL()"}, "Steps"),
        ({"network": "ResNet(width=8)"}, "ResNet"),
        ({"id": ""}, "the column 'person' of the data holds such: --id person"),
    ],
)
def test_a_wrong_argument_is_one_line(home, given, words):
    with pytest.raises(BadInput, match=words) as error:
        forget(**given)
    assert "\n" not in str(error.value)


def test_a_forgotten_class_is_no_damage(home):
    """Models without it get held-out rows of that class wrong, as retrained ones do."""
    document = forget(forget=None, forget_classes=("oak",))
    assert document["after"]["validation"]["rows"] == 80
    assert document["after"]["forget"]["accuracy"] == 0.0
    assert document["alarms"] == []


def test_held_out_rows_that_the_model_has_seen_are_left_out(home):
    lines = (home / "train.csv").read_text().splitlines()
    with (home / "held.csv").open("a") as text:
        text.write("\n".join(lines[1:11]) + "\n")
    document = forget(dry_run=True)
    assert document["before"]["validation"]["rows"] == 120
    assert any("10 of 130 rows of --valid are among the training data" in note for note in document["notes"])
    with pytest.raises(DataError, match="--valid holds rows of the training data alone"):
        forget(valid="train.csv", dry_run=True)


def test_one_row_beside_one_unseen_row_of_its_class_has_no_error_and_is_written(home):
    lines = (home / "held.csv").read_text().splitlines()
    (home / "held.csv").write_text("\n".join(lines[:4]) + "\n")
    document = forget(forget="p3", method="Retrain", accept_damage=True)
    assert document["after"]["alike"]["gap_error"] is None
    assert document["after"]["alike"]["compared"] == 1


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    """A checkpoint that memorized its 120 rows, with rows that it has not seen; 30 are to go, and training again counts as dear."""
    file = tmp_path_factory.mktemp("memory") / "wide.pt"
    steps = ut.Steps(lr=0.1, epochs=30, batch=32)
    train = memorized(120, 0)
    torch.save(ut.Train(model=Wide, steps=steps)(ut.examples(*train), seed=0).state_dict(), file)
    return {
        "model": str(file),
        "data": train,
        "valid": memorized(300, 1),
        "forget": list(range(30)),
        "network": Wide,
        "steps": steps,
    }


def test_auto_goes_from_cheap_to_dear_until_forgotten_rows_look_like_unseen_ones(memory, tmp_path):
    said = []
    out = str(tmp_path / "new.pt")
    document = ut.forget(
        **memory, retrain_within=0, budget="60%", max_fall=0.1, max_rise=0.5, out=out, on_progress=lambda at: said.append(at.note)
    )
    assert document["before"]["alike"]["area"] < 0.35  # it remembers
    aim, alike = document["aim"], document["after"]["alike"]
    assert (alike["aim"], alike["aim_error"], document["before"]["alike"]["aim"]) == (aim["area"], aim["error"], aim["area"])
    assert sum(each["share"] for each in aim["surrogates"]) == pytest.approx(aim["share"])
    assert aim["share"] <= 0.05 * 1.05
    assert aim["sentence"] in said
    planned = document["plan"]["auto"]["surrogates"]
    assert any(line.startswith(f"surrogates: {planned[0]['kind']}") for line in said)
    assert document["tries"][0]["method"].startswith("GradAscent")
    assert document["method"] == document["tries"][-1]["method"]
    assert alike["met"] or document["method"] == "Retrain()"
    shares = [each.get("share") or 0 for each in document["tries"] if each["method"] != "Retrain()"]
    assert aim["share"] + sum(shares) <= 0.6 * 1.05
    assert all(any(line.startswith(each["method"]) for line in said) for each in document["tries"])


def test_the_aim_of_wrong_labels_is_near_one_as_of_retrained_models(tmp_path):
    """Where one half would call a model that forgot them the worst of all."""
    steps, rows = ut.Steps(lr=0.1, epochs=30, batch=32), np.arange(20)
    (x, y), (held, unseen) = (memorized(120, 0), memorized(300, 1))
    x[:, 0] += 4 * y  # so that classes can be told apart
    held[:, 0] += 4 * unseen
    y[rows] = 1 - y[rows]
    torch.save(ut.Train(model=Wide, steps=steps)(ut.examples(x, y), seed=0).state_dict(), tmp_path / "wide.pt")
    given = {"network": Wide, "steps": steps, "valid": (held, unseen), "retrain_within": 0, "accept_damage": True}
    document = ut.forget(str(tmp_path / "wide.pt"), (x, y), rows.tolist(), **given)
    assert document["aim"]["area"] > 0.95
    assert document["after"]["alike"]["area"] > 0.85
    assert document["after"]["alike"]["met"]


def test_retrained_rows_look_like_unseen_ones(memory, tmp_path):
    document = ut.forget(**memory, method="Retrain", out=str(tmp_path / "new.pt"))
    assert document["after"]["alike"]["met"]


def test_a_budget_that_is_spent_leaves_training_again(memory, tmp_path):
    document = ut.forget(**memory, retrain_within=0, budget=0.0, out=str(tmp_path / "new.pt"))
    assert document["method"] == "Retrain()"
    assert [each.get("skipped", False) for each in document["tries"]] == [True] * (len(document["tries"]) - 1) + [False]
    assert len(document["tries"]) > 2


def test_auto_trains_again_where_nothing_shows_whether_a_cheaper_method_forgot(home, memory, tmp_path):
    without = ut.forget(**{**memory, "valid": None}, retrain_within=0, out=str(tmp_path / "a.pt"))
    assert (without["method"], without["after"]["alike"]) == ("Retrain()", None)
    assert "--valid" in without["why"]
    few = forget(retrain_within=0)
    assert (few["before"]["alike"]["compared"], few["method"]) == (4, "Retrain()")
    assert "only 4 forgotten rows can be compared (standard error 0.1" in few["why"]
    never = forget(forget="Random(fraction=0.2)", retrain_within=0, out="b.pt")  # a model that hardly memorizes
    assert never["before"]["alike"]["met"]
    assert never["method"] == "Retrain()"
    assert "even to the old model" in never["why"]


def test_next_week_a_checkpoint_that_forgot_warns_of_rows_that_are_still_in_the_data(home):
    assert not [note for note in forget()["notes"] if "warning" in note]
    again = {"model": "net-forgot.pt", "forget": "p15", "dry_run": True}
    [note] = [note for note in forget(**again)["notes"] if "warning" in note]
    assert note.startswith("warning: this checkpoint forgot 4 rows before (20")
    assert "the data are those of then: what stays is learned again, so name all ids so far, or delete their rows" in note
    forget(**again | {"dry_run": False})
    rows = (home / "train.csv").read_text().splitlines()
    (home / "fewer.csv").write_text("\n".join(row for row in rows if not row.startswith(("p3,", "p6,"))))
    [note] = [
        note for note in forget(**again | {"model": "net-forgot-forgot.pt", "data": "fewer.csv"})["notes"] if "warning" in note
    ]
    assert "forgot 5 rows before" in note
    assert "they may still be in the data" in note
    (home / "net-forgot.pt").write_bytes((home / "net.pt").read_bytes())  # its document is of another file now
    assert not [note for note in forget(**again)["notes"] if "warning" in note]


def test_the_command_prints_plan_and_figures(home, monkeypatch):
    monkeypatch.setenv("UNTRAIN_HOME", str(home / "store"))  # which is for audits, and stands in no one's way without one
    words = ["forget", "--model", "net.pt", "--data", "train.csv", "--forget", "ids.csv", "--network", "foreign_models:Net"]
    words += ["--id", "person"]
    printed = RUNNER.invoke(app.app, [*words, "--valid", "held.csv", "--steps", STEPS])
    assert printed.exit_code == 0, printed.output
    assert "goes: 4 of 240 rows, 4 ids of ids.csv\n" in printed.output
    assert "memory below 1 MB" in printed.output
    assert "forgotten rows beside unseen ones of their classes: larger loss with chance 0." in printed.output
    assert "(taken for granted): too few rows to tell" in printed.output
    assert "classes: ash 4 of 80" in printed.output
    assert "checkpoint: " in printed.stdout
    document = json.loads(RUNNER.invoke(app.app, [*words, "--dry-run", "--out", "b.pt", "--json"]).stdout)
    assert document["plan"]["rows"] == 4


def test_what_another_run_wrote_meanwhile_is_never_written_over(tmp_path):
    from types import SimpleNamespace

    from untrain.experiments.forgetting.writing import write_checkpoint

    opened = SimpleNamespace(write=lambda model, file: file.write_text(model))
    for word in ("first", "second"):
        made = write_checkpoint(opened, word, tmp_path / "m-forgot.pt", {})
    assert ((tmp_path / "m-forgot.pt").read_text(), (tmp_path / "m-forgot-2.pt").read_text()) == ("first", "second")
    assert made["out"]["path"] == str(tmp_path / "m-forgot-2.pt")
    assert (tmp_path / "m-forgot-2.pt.json").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "file without second names"])
def test_two_that_write_at_the_same_moment_get_a_name_each(tmp_path, monkeypatch, kind):
    from types import SimpleNamespace

    from untrain.experiments.forgetting import writing

    def write(model, place):
        if kind == "folder":
            place.mkdir()
            place = place / "weights"
        place.write_text(model)

    free, others = writing._free, []

    def late(file):
        """The name that is free, which another takes before this one can."""
        found = free(file)
        if len(others) < 2:
            taken = writing.sidecar_of(found) if others else found
            if kind == "folder" and not others:
                taken.mkdir()
                taken = taken / "weights"
            taken.write_text("theirs")
            others.append(taken)
        return found

    monkeypatch.setattr(writing, "_free", late)
    if kind == "file without second names":
        monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(PermissionError(errno.EPERM, "no links here")))
    made = writing.write_checkpoint(SimpleNamespace(write=write), "ours", tmp_path / "m.pt", {})
    assert [each.read_text() for each in others] == ["theirs", "theirs"]
    ours = tmp_path / "m-3.pt"
    assert made["out"]["path"] == str(ours)
    assert (ours / "weights" if kind == "folder" else ours).read_text() == "ours"
    assert json.loads((tmp_path / "m-3.pt.json").read_text())["out"] == made["out"]
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(["m.pt", "m-2.pt.json", "m-3.pt", "m-3.pt.json"])


def test_a_checkpoint_that_forgets_logs_steps_its_method_and_figures_but_no_id(home):
    events = []
    method = "Finetune(steps=Steps(lr=0.01, epochs=4, batch=32))"
    document = forget(forget="p3,p6,p9", method=method, log=events.append)
    assert [e.kind for e in events] == ["begun", "step", "step", "step", "step", "model", "score", "score", "ended"]
    assert [e.step for e in events if e.kind == "step"] == [10, 20, 30, 32]  # 237 rows in batches of 32, four times
    assert events[0].numbers["rows"] == 3
    before, after = (e for e in events if e.kind == "score")
    assert before.numbers["retain loss"] == document["before"]["retain"]["loss"]
    assert after.numbers["area"] == document["after"]["alike"]["area"]
    assert events[-1].facts["sha256"] == document["out"]["sha256"]
    assert not any(name in repr(events) for name in ("p3", "p6", "p9"))
