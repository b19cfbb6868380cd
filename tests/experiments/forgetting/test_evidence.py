"""`untrain forget --audit`: models on all of the user's data, the same each time, and a document that says what they show."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import untrain as ut
from foreign_models import Net, numbers, table
from untrain.core.errors import BadInput, RunFailed
from untrain.core.seeds import seed_of
from untrain.experiments.forgetting import evidence
from untrain.runtime.store import Store

STEPS = "Steps(lr=0.05, epochs=2, batch=64)"
FIRST = 70_000  # so that no other number looks like an id
GONE = [3, 6, 9, 12, 15, 18]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder in which a checkpoint in bfloat16 forgot some rows and was audited."""
    home = tmp_path_factory.mktemp("audit")
    x, y = numbers(120, 0)
    model = ut.Train(model=Net, steps=ut.parse(STEPS))(ut.examples(x, y), seed=3)
    half = {name: value.bfloat16() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    torch.save(half, home / "net.pt")
    table(home / "train.csv", 120, 0, first=FIRST)
    table(home / "held.csv", 60, 1, first=1000)
    return home


def forget(home, **given):
    usual = {
        "model": str(home / "net.pt"), "data": str(home / "train.csv"), "forget": [f"p{FIRST + at}" for at in GONE], "network": Net,
        "valid": str(home / "held.csv"), "id": "person", "steps": STEPS, "audit": True, "oracles": 2, "store": home / "store",
        "method": "Finetune(steps=Steps(lr=0.01, epochs=1))", "accept_damage": True,
    }  # fmt: skip
    return ut.forget(**(usual | given))


@pytest.fixture(scope="module")
def document(home):
    return forget(home, out=str(home / "new.pt"))


def entries(home, kind):
    store = Store(home / "store")
    return [store.get(row["key"]) for row in store.entries() if row["kind"] == kind]


def weights(entry):
    return load_file(next(entry.folder.glob("weights.safetensors")))


def test_oracles_learn_all_rows_that_stay_and_originals_all(home, document):
    x, y = numbers(120, 0)
    x = x.astype(np.float64).astype(np.float32)
    stays = np.setdiff1d(np.arange(120), GONE)
    learner = ut.Train(model=Net, steps=ut.parse(STEPS))
    stored = {entry.record["ingredients"]["label"].split(" of ")[0]: entry for entry in entries(home, "model")}
    assert sorted(stored) == ["oracle 0", "oracle 1", "original 0", "original 1"]
    for name, rows in (("oracle 0", stays), ("original 1", np.arange(120))):
        role, at = name.split()
        again = learner(ut.examples(x[rows], y[rows]), seed=seed_of(0, role, int(at))).state_dict()
        made = weights(stored[name])
        assert all(np.allclose(made[part], again[part].numpy(), atol=1e-5) for part in again)


def test_the_document_and_the_page_say_what_was_found_and_hold_no_id(home, document):
    audit = document["audit"]
    assert json.loads((home / "new.pt.json").read_text())["audit"] == audit
    assert (audit["oracles"], audit["originals"], audit["price"]["train"]) == (2, 3, 4)
    assert audit["conclusion"].startswith("Finetune: ")
    proxy = audit["proxy"]
    assert proxy["area"] == document["after"]["alike"]["area"]
    assert len(proxy["oracles"]) == 2
    assert proxy["gap"] == pytest.approx(proxy["area"] - np.mean(proxy["oracles"]))
    score = audit["scores"]["forget_accuracy"]
    assert score["low"] <= score["value"] <= score["high"]
    assert score["floor"] is not None
    assert all(each["value"] is not None for each in audit["scores"].values())
    assert document["plan"]["audit"]["kinds"]["oracle"] == 2
    assert "what stronger attacks than those of the audit could find" in document["does_not_cover"]
    page = Path(audit["report"]).read_text()
    assert "<html" in page
    kept = [page, *(each.read_text(errors="replace") for each in (home / "store").rglob("*") if each.is_file())]
    assert not any(f"{FIRST + at}" in text for text in kept for at in GONE)
    assert not list((home / "store").rglob("forget_inputs*"))


def test_observers_try_what_brings_rows_back_on_the_checkpoint_and_the_oracles_alike(home, document):
    found = forget(home, out=str(home / "observed.pt"), observers=["Quantization(bits=2)", "Pruning"])["audit"]
    added = {"quantized_forget", "pruned_forget"}
    assert found["scores"].keys() - document["audit"]["scores"].keys() >= added
    assert all(found["scores"][name]["ideal"] is not None for name in added)
    assert "Does it come back?" in Path(found["report"]).read_text()
    with pytest.raises(BadInput, match="--observer says how an audit is made"):
        forget(home, audit=False, oracles=None, store=None, observers="Pruning")


def test_models_are_compared_with_weights_as_the_checkpoint_has_them(home, document):
    run = entries(home, "run")[0].record["ingredients"]["models"]
    given = {entry.key: entry for entry in entries(home, "given")}
    assert {*run["oracle"], *run["original"], *run["methods"][0]["keys"]} == set(given)  # none as it was before it was rounded


def test_a_second_audit_of_the_request_trains_nothing(home, document, monkeypatch):
    lines = []
    plan = forget(home, dry_run=True, on_progress=lambda at: lines.append(at.note))["plan"]
    assert (plan["audit"]["train"], plan["audit"]["stored"]) == (0, 4)
    assert any("nothing to train, 4 models are in the store" in line for line in lines if line)
    assert forget(home, dry_run=True, forget=["p70003"])["plan"]["audit"]["kinds"] == {"original": 0, "oracle": 2, "unlearned": 0}


def test_an_audit_that_fails_leaves_the_checkpoint_and_the_same_command_goes_on(home, document, monkeypatch):
    def dies(*_):
        raise RunFailed("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(evidence, "make_models", dies)
        with pytest.raises(RunFailed, match="is written, and its audit failed: the disk is full; the same command"):
            forget(home)
    (made,) = home.glob("net-forgot*.pt")
    before = made.read_bytes()
    assert "audit" not in json.loads(Path(f"{made}.json").read_text())
    monkeypatch.setattr("untrain.experiments.forgetting.job.attempt", dies)  # nothing is forgotten a second time
    events = []
    again = forget(home, log=events.append)
    assert [(each.kind, each.name) for each in events] == [
        ("begun", "forget"), ("score", "before"), ("score", "after"), ("score", "audit"), ("ended", "forget"),
    ]  # fmt: skip
    assert events[3].numbers["forget_accuracy"] == again["audit"]["scores"]["forget_accuracy"]["value"]
    assert again["out"]["path"] == str(made)
    assert again["audit"]["scores"].keys() == document["audit"]["scores"].keys()
    assert made.read_bytes() == before
    assert list(home.glob("net-forgot*.pt")) == [made]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"valid": None}, "--audit compares models on data that none of them has seen: give some, --valid DATA"),
        ({"oracles": 1}, "oracles=1: at least 2"),
        ({"audit": False}, "--oracles says how an audit is made: give --audit too"),
        ({"audit": False, "oracles": None, "store": None, "workers": 2}, "--workers says how an audit is made"),
        ({"workers": 0}, "workers=0: at least 1"),
        ({"train_with": "python {ids} {seed}"}, "lacks"),
    ],
)
def test_what_cannot_be_audited_is_refused_before_anything_is_done(home, given, words):
    before = sorted(home.iterdir())
    with pytest.raises(BadInput, match=words):
        forget(home, **given)
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize(
    ("ids", "words"),
    [(["a", "b\nc", "d"], "has a line break"), (["a", "", "d"], "is empty"), (["a", "b", "b"], "1 rows that stay share ids")],
)
def test_rows_that_a_list_of_ids_cannot_name_are_refused(ids, words):
    evidence.refuse_unlistable(np.array(["a", "b", "d"]), np.array([1]))
    with pytest.raises(BadInput, match=words):
        evidence.refuse_unlistable(np.array(ids), np.array([1]))


def test_where_training_again_has_one_exact_result_one_oracle_stands_for_all(tmp_path):
    from sklearn.linear_model import LogisticRegression

    x, y = numbers(90, 0)
    table(tmp_path / "train.csv", 90, 0, first=FIRST)
    table(tmp_path / "held.csv", 45, 1, first=1000)
    fitted = LogisticRegression(max_iter=1000).fit(x, np.array(["ash", "elm", "oak"])[y])
    parts = {"coef": fitted.coef_.tolist(), "intercept": fitted.intercept_.tolist(), "classes": fitted.classes_.tolist()}
    (tmp_path / "m.json").write_text(json.dumps(parts))
    made = forget(tmp_path, model=str(tmp_path / "m.json"), network=None, steps=None, method="auto", oracles=None)
    assert (made["audit"]["price"]["train"], made["audit"]["oracles"], made["audit"]["originals"]) == (1, 1, 1)
    assert made["audit"]["scores"]["disagreement_forget"]["value"] == 0.0
    script = "python train.py {ids} {seed} {checkpoint}"
    with pytest.raises(BadInput, match="leave --train-with out"):
        forget(tmp_path, model=str(tmp_path / "m.json"), network=None, steps=None, method="auto", train_with=script)
