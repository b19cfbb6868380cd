"""What `untrain new method` writes works as it is."""

import json
import subprocess
import sys
import tomllib

import pytest
from typer.testing import CliRunner

import untrain as ut
from untrain.commands.cli import app
from untrain.core.errors import BadInput


def test_the_files_that_it_writes_pass_their_own_tests_and_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = ut.new("method", "Fade")
    assert [file.rpartition("/")[2] for file in made["files"]] == ["fade.py", "test_fade.py", "pyproject.toml"]
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ended = subprocess.run(tests, cwd=tmp_path / "fade", capture_output=True)
    assert ended.returncode == 0, ended.stdout.decode()
    assert b"2 passed" in ended.stdout
    project = tomllib.loads((tmp_path / "fade" / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["untrain.unlearner"] == {"Fade": "fade:Fade"}
    monkeypatch.syspath_prepend(str(tmp_path / "fade"))
    assert repr(ut.parse("fade.Fade(weight=0.5)")) == "fade.Fade(weight=0.5)"
    sys.modules.pop("fade", None)


def test_the_command_says_what_it_wrote_and_what_to_try(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app.app, ["new", "method", "Fade", "--folder", "here"])
    assert said.exit_code == 0
    assert said.stdout.splitlines()[0] == "wrote here/fade.py"
    assert "  untrain check fade.Fade" in said.stdout
    again = CliRunner().invoke(app.app, ["new", "method", "Shade", "--folder", "there", "--json"])
    assert json.loads(again.stdout)["name"] == "Shade"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("DEL", "DEL is a recipe of untrain"),
        ("fade", "'fade' cannot name a class: take one word that begins with a capital letter"),
        ("A b", "cannot name a class"),
        ("", "cannot name a class"),
        ("../Fade", "cannot name a class"),
        ("None", "cannot name a class"),
        ("Class", "Class would be in class.py, and Python has another use for 'class'"),
        ("Torch", "would be in torch.py, and Python has another use for 'torch'"),
    ],
)
def test_names_that_will_not_do_are_refused(name, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=why):
        ut.new("method", name)
    assert list(tmp_path.iterdir()) == []


def test_another_kind_is_refused(tmp_path):
    with pytest.raises(BadInput, match="untrain starts no 'scenario': take 'method'"):
        ut.new("scenario", "Fade", folder=tmp_path)


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "test_fade.py").write_text("mine")
    with pytest.raises(BadInput, match="is there already: nothing was written"):
        ut.new("method", "Fade", folder=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["test_fade.py"]
    assert (tmp_path / "test_fade.py").read_text() == "mine"
