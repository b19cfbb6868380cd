"""``--out`` keeps what is not ours and other problems' reports, and says what it replaces; names stay as written."""

import inspect
import json

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.commands.audit import audit
from untrain.commands.localize import localize
from untrain.commands.memorize import memorize
from untrain.commands.report import report
from untrain.commands.run import run
from untrain.commands.store import store as contents
from untrain.core.errors import BadInput
from untrain.experiments.audits.foreign_models import Outputs

OTHER = "Digits(request=Random(fraction=0.05), model=ConvNet(width=4), steps=Steps(lr=0.1, epochs=1, batch=64))"


def notes(call, *argv, **options):
    """The notes of a command, and what it returns."""
    said = []
    outcome = call(*argv, **options, on_progress=lambda at: said.append(at.note or ""))
    return [note for note in said if note], outcome


@pytest.fixture
def folder(tiny, tmp_path):
    """A folder with a report."""
    report(store=tiny.store, out=tmp_path / "page", images=False)
    return tmp_path / "page"


def test_the_same_problem_is_replaced_and_that_is_said(tiny, folder):
    said, _ = notes(report, store=tiny.store, out=folder, images=False)
    (line,) = [note for note in said if "replaced" in note]
    assert str(folder) in line
    assert tiny.scenario in line
    assert f"untrain report {tiny.document['run'][:12]}" in line


def test_another_problem_is_refused_before_anything_is_trained_unless_asked_for(tiny, folder, tmp_path):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(BadInput, match=r"another problem.*--replace"):
        run(OTHER, "Nothing", tmp_path / "s", folder, seeds=1, oracles=2)
    assert contents(tmp_path / "s")["entries"] == 0
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    said, document = notes(run, OTHER, "Nothing", tmp_path / "s", folder, seeds=1, oracles=2, replace=True)
    assert any("these files are replaced" in note for note in said)
    assert json.loads((folder / "results.json").read_text())["runs"][0]["run"] == document["run"]


@pytest.mark.parametrize("name", ["report.html", "results.json", "scores.csv"])
@pytest.mark.parametrize("content", ["mine", "{}", '{"runs": []}', '{"runs": [1]}', "[]", "[" * 5000])
def test_a_file_of_the_name_that_is_not_ours_stays(tiny, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=f"did not write: {name}"):
        report(store=tiny.store, out=tmp_path, images=False, replace=True)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == content


def test_a_link_to_nowhere_counts_as_a_file_and_others_stay(tiny, tmp_path):
    (tmp_path / "report.html").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="did not write"):
        report(store=tiny.store, out=tmp_path, images=False)
    (tmp_path / "report.html").unlink()
    (tmp_path / "notes.txt").write_text("mine")
    said, _ = notes(report, store=tiny.store, out=tmp_path, images=False)
    assert not any("replaced" in note for note in said)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_masks_have_the_same_rule(tiny, tmp_path):
    options = {"store": tmp_path / "s", "seeds": 1, "out": tmp_path / "masks"}
    said, _ = notes(localize, tiny.scenario, "Deepest", **options)
    assert not any("replaced" in note for note in said)
    said, _ = notes(localize, tiny.scenario, "Shallowest", **options)
    assert any("localize.json" in note and "replaced" in note for note in said)
    with pytest.raises(BadInput, match="another problem"):
        localize(OTHER, "Deepest", **options)


SMALL = "Digits(model=MLP(width=4), steps=Steps(lr=0.1, epochs=1, batch=256))"


@pytest.mark.parametrize("name", ["scores.csv", "scores.npz"])
def test_scores_of_memorization_have_the_same_rule(tmp_path, name):
    options = {"models": 16, "store": tmp_path / "s", "out": tmp_path / name}
    said, _ = notes(memorize, SMALL, **options)
    assert not any("replaced" in note for note in said)
    said, _ = notes(memorize, SMALL, **options | {"seed": 1})
    (line,) = [note for note in said if "replaced" in note]
    assert f"{tmp_path} holds {name} of 1,258 examples: it is replaced; the same `untrain memorize` makes it again" == line
    before, entries = (tmp_path / name).read_bytes(), contents(tmp_path / "s")["entries"]
    draw, labels = np.random.default_rng(0), np.arange(60) % 3
    data = ut.Examples.labelled(
        torch.from_numpy(draw.normal(size=(60, 4)).astype(np.float32)), torch.from_numpy(labels), np.arange(60), classes=3
    )
    other = ut.Custom(train=data, test=data, model=ut.MLP(width=4), steps=ut.Steps(lr=0.1, epochs=1, batch=16))
    with pytest.raises(BadInput, match=r"another problem.*--replace"):
        memorize(other, **options)
    assert (tmp_path / name).read_bytes() == before
    assert contents(tmp_path / "s")["entries"] == entries
    memorize(other, **options, replace=True)
    assert (tmp_path / name).read_bytes() != before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scores.csv", b""),
        ("scores.csv", b"id,memorization\n1,0.5\n"),
        ("scores.csv", b"id,memorization,error,low,high,saw,missed\n1,x\n"),
        ("scores.npz", b"mine"),
        ("scores.csv", None),
    ],
)
def test_scores_that_are_not_ours_stay(tmp_path, name, content):
    file = tmp_path / name
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(BadInput, match=f"did not write: {name}"):
        memorize(SMALL, out=file, models=16, store=tmp_path / "s", replace=True)
    assert not (tmp_path / "s").exists()
    assert file.is_dir() if content is None else file.read_bytes() == content


def test_every_command_that_writes_to_a_place_of_the_users_asks_before_it_replaces():
    """A command with ``out`` has ``replace``; but for ``forget``, which never replaces a checkpoint."""
    for name in dir(ut):
        function = getattr(ut, name)
        if name != "forget" and inspect.isfunction(function) and "out" in (taken := inspect.signature(function).parameters):
            assert "replace" in taken, name


@pytest.mark.parametrize("name", ["fashion", "my method (v2)", "DEL", "é [b]x[/b]"])
def test_the_name_of_an_audit_stays_as_it_is_written(tmp_path, name):
    draw = np.random.default_rng(0)
    labels, sides = np.arange(60) % 3, np.repeat(["forget", "retain", "test"], 20)
    outputs = Outputs(draw.normal(size=(3, 60, 3)), draw.normal(size=(6, 60, 3)), labels=labels, sides=sides)
    said, document = notes(audit, outputs, name=name, store=tmp_path / "s", out=tmp_path / "o")
    assert [row["method"] for row in document["results"]] == [name]
    page = (tmp_path / "o" / "results.json").read_text()
    assert "the method" not in page.lower()
    sentence = json.loads(page)["runs"][0]["results"][0]["verdict"]["sentence"]
    assert name in sentence
    assert f"{name[:1].upper()}{name[1:]}" not in sentence.replace(name, "")
    assert json.loads(page)["runs"][0]["results"][0]["method"] == name
    shown = contents(tmp_path / "s")["runs"]
    assert [row["label"] for row in shown] == [f"audit of arrays: {name}"]
    assert any("scoring" in note for note in said)
