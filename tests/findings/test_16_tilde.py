"""A path is read alike wherever it is given; '~' inside a spec is not the shell's. Names that no file can have get one line."""

import ast
from pathlib import Path

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import BadInput, MissingExtra
from untrain.core.paths import user_path
from untrain.data.requests.memorized import Memorized
from untrain.experiments.audits.array_files import read_outputs
from untrain.experiments.audits.column_files import read_ids, read_labels, read_sides
from untrain.experiments.audits.easydub import read_easydub
from untrain.experiments.run_record import find_runs
from untrain.models.checkpoints import read_state
from untrain.reports.write import check_writable
from untrain.runtime.store import Store

TRAIN = ut.examples(np.arange(12.0).reshape(6, 2), [0, 1] * 3)
OUTPUTS = np.random.default_rng(0).normal(size=(2, 6, 2)).astype("float32")
# Every place that takes a path, by a call that reads it.
DOORS = {
    "ids": lambda path: ut.IdFile(path=path).draw(TRAIN),
    "scores": lambda path: Memorized(scores=path).draw(TRAIN),
    "inputs": lambda path: ut.examples(path, [0, 1]),
    "labels": lambda path: ut.examples(np.zeros((2, 2)), path),
    "parquet": lambda path: ut.Parquet(path=path).read(),
    "images": lambda path: ut.ImageFolder(path=path).read(),
    "bare": lambda path: ut.examples(path),
    "set": lambda path: ut.MNIST(path=path).load(),
    "texts": lambda path: ut.Banking77(path=path).load(),
    "outputs": lambda path: read_outputs(path, "oracles"),
    "sides": lambda path: read_outputs(f"forget={path},test={path}", "oracles"),
    "audit labels": lambda path: read_labels(path),
    "audit ids": lambda path: read_ids(path, {2}),
    "audit sides": lambda path: read_sides(path),
    "checkpoint": lambda path: read_state(path, None, "it", ""),
    "easydub": lambda path: read_easydub(path, 1),
    "out": lambda path: check_writable(path),
    "runs": lambda path: find_runs(path, Store("runs")),
}
NAMES = {"a null byte": "a\0.csv", "a lone surrogate": "a\ud800.csv", "too long": f"{'a' * 300}.csv"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("reason", NAMES)
def test_a_name_that_no_file_can_have_gets_one_line(home, door, reason):
    with pytest.raises((BadInput, MissingExtra)) as caught:
        DOORS[door](NAMES[reason] if door not in ("inputs", "labels") else NAMES[reason].replace(".csv", ".npy"))
    assert "\n" not in str(caught.value)


def test_ids_scores_arrays_outputs_store_and_out_are_found_at_home(home):
    (home / "ids.csv").write_text("id\n3\n1\n")
    (home / "scores.csv").write_text("id,memorization\n" + "".join(f"{i},{i / 9}\n" for i in range(6)))
    np.save(home / "x.npy", np.zeros((6, 2)))
    np.save(home / "y.npy", np.arange(6) % 2)
    np.save(home / "u.npy", OUTPUTS)
    assert ut.IdFile(path="~/ids.csv").draw(TRAIN).tolist() == [1, 3]
    assert len(Memorized(fraction=0.5, scores="~/scores.csv").draw(TRAIN)) == 3
    assert len(ut.examples("~/x.npy", "~/y.npy")) == 6
    assert len(ut.examples((np.zeros((6, 2)), np.arange(6) % 2), on_disk="~/held")) == 6
    assert read_labels("~/ids.csv").tolist() == [3, 1]
    given = ut.Outputs("~/u.npy", OUTPUTS + 1, labels="~/y.npy", forget="~/ids.csv", test=[4, 5])
    ut.audit(given, store="~/runs", out="~/page")
    assert {each.name for each in home.iterdir()} >= {"held", "runs", "page"}
    assert list(Path().iterdir()) == []


def test_without_a_home_folder_nothing_is_made_in_one_named_tilde(home, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    with pytest.raises(BadInput, match="~/runs: the home folder of ~ is not known"):
        user_path("~/runs")


def test_no_other_place_expands_a_path():
    root = Path(ut.__file__).parent
    for file in root.rglob("*.py"):
        names = {n.attr for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Attribute)}
        assert ("expanduser" in names) == (file.relative_to(root).as_posix() == "core/paths.py"), file
