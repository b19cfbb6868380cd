"""README and docs say what the code does: generated parts, links, names, and every example."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from untrain.commands import catalog
from untrain.commands.check import check
from untrain.commands.cli import app
from untrain.core import discovery
from untrain.core.spec import parse
from untrain.experiments.scenarios.base import Scenario
from untrain.runtime.store import Store
from untrain.unlearners.base import Recipe, Unlearner

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "papers/del/README.md",
    *sorted(f"docs/{f.name}" for f in (ROOT / "docs").glob("*.md")),
]  # fmt: skip
CHEAP = ("methods", "localizers", "evaluators", "scenarios", "executors", "show", "store")
SKIP = "*Not run in the tests: "


class Block(NamedTuple):
    """A fenced block: its language, its first line's number, its text, and whether it is marked not to run."""

    language: str
    line: int
    text: str
    skipped: bool


def blocks(page: str, language: str) -> list[Block]:
    found, lines = [], (ROOT / page).read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for at, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = at
            continue
        before = next((text for text in reversed(lines[:start]) if text.strip()), "")
        found.append(Block(lines[start][3:].strip(), start + 2, "\n".join(lines[start + 1 : at]), before.startswith(SKIP)))
        start = None
    assert start is None, f"{page} has a fence that is not closed"
    return [block for block in found if block.language == language]


def as_module(page: str) -> str:
    """The page's Python, every line where it stands in the page, so that a traceback points there."""
    lines = [""] * len((ROOT / page).read_text(encoding="utf-8").splitlines())
    for block in blocks(page, "python"):
        if not block.skipped:
            for at, line in enumerate(block.text.splitlines()):
                lines[block.line - 1 + at] = "" if line.startswith("from __future__") else line
    return "\n".join(lines) + "\n"


def ran(page: str, folder: Path) -> ModuleType:
    name = "docs_" + re.sub(r"\W", "_", page.removesuffix(".md"))
    file = folder / f"{name}.py"
    file.write_text(as_module(page), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNTRAIN_HOME", str(tmp_path / "store"))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("docs_"):
            del sys.modules[name]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_the_python_of_a_page_runs_from_top_to_bottom(page, home):
    module = ran(page, home)
    for name, thing in list(vars(module).items()):
        if name.startswith("test_"):
            thing()


@pytest.mark.slow
def test_a_page_leaves_nothing_outside_the_folder_that_it_names(home):
    ran("docs/own-model.md", home)
    assert not (home / "home").exists()
    assert not (home / "store").exists()


def spoken() -> list[Any]:
    """Every ``untrain`` command of every page, lines that go on joined."""
    found = []
    for page in PAGES:
        for block in blocks(page, "bash"):
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["untrain"]:
                    found.append(pytest.param(words[1:], id=f"{page}:{' '.join(words[1:])[:60]}"))
    return found


@pytest.mark.parametrize("words", spoken())
def test_a_command_of_a_page_is_understood(words, home):
    group = typer.main.get_command(app.app)
    with group.make_context("untrain", list(words), resilient_parsing=False) as context:
        name, command, rest = group.resolve_command(context, list(words))
        with command.make_context(name, rest, parent=context) as inner:
            given = inner.params
    if name == "run":
        (home / "fade.py").write_text(blocks("CONTRIBUTING.md", "python")[0].text, encoding="utf-8")
        sys.path.insert(0, str(home))
        try:
            assert isinstance(parse(given["scenario"]), Scenario)
            assert all(isinstance(parse(method), Unlearner | Recipe) for method in given["methods"])
        finally:
            sys.path.remove(str(home))
            sys.modules.pop("fade", None)
    if name == "store":
        Store(home / "store")
    if name in CHEAP and words[1:2] != ["Fade"]:
        result = CliRunner().invoke(app.app, words)
        assert result.exit_code == 0, result.output
        assert result.stdout.strip()


@pytest.mark.parametrize("words", [each for each in spoken() if "--ids" in each.values[0] and each.values[0][0] == "attribute"])
def test_the_ids_that_a_command_of_a_page_asks_about_are_there(words, home):
    result = CliRunner().invoke(app.app, [*words, "--price"])
    assert result.exit_code == 0, result.output
    assert "to train" in result.output


def test_a_plug_in_is_named_by_its_module(home, monkeypatch):
    (home / "fade.py").write_text(blocks("CONTRIBUTING.md", "python")[0].text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(home))
    found = check("fade.Fade")
    assert found
    assert [each for each in found if each["error"]] == []
    assert repr(parse("fade.Fade(weight=2.0)")) == "fade.Fade(weight=2.0)"
    assert catalog.show("fade.Fade")["fields"]["weight"]["range"] == "[0, inf)"
    sys.modules.pop("fade", None)


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["README.md", "docs/methods.md", "docs/scores.md"])
def test_generated_parts_are_fresh(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    renewed = generator().renewed(text)
    assert len(renewed.splitlines()) > 20
    assert renewed == text, f"{page} is stale: run `python docs/generate.py`"


def test_every_name_that_is_listed_has_an_entry():
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    listed = [d["name"] for make in (catalog.methods, catalog.localizers, catalog.evaluators, catalog.scenarios) for d in make()]
    assert listed
    assert [name for name in [*listed, *discovery.index()] if f"\n### {name}\n" not in text] == []


def test_every_score_is_in_the_glossary():
    text = (ROOT / "docs/scores.md").read_text(encoding="utf-8")
    assert [s for e in catalog.evaluators() for s in e["scores"] if f"| `{s}` |" not in text] == []


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings], f"{page} links to {target}"


PAPERS = sorted(str(f.relative_to(ROOT)) for f in (ROOT / "papers").rglob("*.md"))


@pytest.mark.parametrize("page", sorted({*PAGES, *PAPERS}))
def test_files_of_ours_that_a_page_names_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/.])(?:tests|papers|benchmarks|docs)/[\w/.-]+\.(?:py|md|json)", text)
    planned = {"tests/unlearners/test_fade.py"}  # of the method that CONTRIBUTING writes
    assert [path for path in named if path not in planned and not (ROOT / path).exists()] == []


def test_the_citation_is_whole():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert version is not None
    for line in ("cff-version: 1.2.0", "title: untrain", f"version: {version[1]}", "license: Apache-2.0", "arXiv:2412.02432"):
        assert line in text
