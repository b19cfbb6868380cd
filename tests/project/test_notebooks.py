"""Notebooks are kept without outputs and run from top to bottom, as the container's commands are those of the project."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
DOCKER = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def cells(book, kind="code"):
    return ["".join(cell["source"]) for cell in json.loads(book.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_is_kept_without_outputs_and_says_first_what_it_is(book):
    content = json.loads(book.read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in content["cells"])
    assert cells(book, "markdown")[0].startswith("# ")
    assert f"notebooks/{book.name}" in (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_runs_and_what_its_cells_show_has_a_table(book, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNTRAIN_HOME", str(tmp_path / "store"))
    names = {"__name__": "notebook"}
    for source in cells(book):
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, book.name, "exec"), names)
        shown = None if last is None else eval(compile(ast.Expression(last.value), book.name, "eval"), names)
        if type(shown).__module__.startswith("untrain."):
            assert "<table" in shown._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_a_notebook_runs_in_a_kernel(book, tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    opened = nbformat.read(book, as_version=4)
    nbformat.validate(opened)
    nbclient.NotebookClient(opened, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()


def test_the_container_installs_extras_that_exist_and_files_that_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r'"/tmp/untrain\[(.+?)\]"', DOCKER)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    copied = [word for line in re.findall(r"^COPY (.+)$", DOCKER, re.MULTILINE) for word in line.split()[:-1]]
    assert copied
    assert [each for each in copied if not (ROOT / each).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [each for each in copied if f"!{each}" not in ignored] == []


def test_the_container_runs_untrain_and_not_as_root():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (entry,) = json.loads(re.findall(r"^ENTRYPOINT (.+)$", DOCKER, re.MULTILINE)[0])
    assert entry in project["scripts"]
    (base,) = re.findall(r"^FROM python:(\d+\.\d+)-slim$", DOCKER, re.MULTILINE)
    least = project["requires-python"].removeprefix(">=")
    assert tuple(map(int, base.split("."))) >= tuple(map(int, least.split(".")))
    user = DOCKER.index("\nUSER ")
    assert "root" not in DOCKER[user:].splitlines()[1]
    assert user < DOCKER.index("\nENTRYPOINT ")
    assert '${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch' in DOCKER
    assert "://" not in DOCKER, "no host of a registry stands in the project"
