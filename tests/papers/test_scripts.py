"""Scripts beside the package follow its names: each starts, says what it takes, and reads what a run of today writes."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [*sorted((ROOT / "papers").glob("*.py")), ROOT / "benchmarks" / "__main__.py"]
BENCHMARKS = sorted(f for f in (ROOT / "benchmarks").glob("*.py") if f.name != "__main__.py")


@pytest.fixture
def started(monkeypatch, capsys):
    """Runs a file as a script does: its first words, its exit code and what it printed."""

    def start(file, *words):
        monkeypatch.syspath_prepend(str(file.parent))
        monkeypatch.setattr(sys, "argv", [file.name, *map(str, words)])
        known = set(sys.modules)
        try:
            runpy.run_path(str(file), run_name="__main__")
            code = 0
        except SystemExit as end:
            code = end.code
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(file.parent)):
                sys.modules.pop(name)
        return code, capsys.readouterr()

    return start


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda f: f"{f.parent.name}/{f.name}")
def test_help_tells_what_a_script_takes_and_does_no_work(file, started):
    code, said = started(file, "--help")
    assert code == 0
    assert said.out.startswith("usage: ")


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda f: f"{f.parent.name}/{f.name}")
def test_an_option_that_is_not_there_starts_nothing(file, started):
    code, said = started(file, "--qiuck")
    assert code == 2
    assert "usage: " in said.err


def test_a_benchmark_that_is_not_there_is_named_with_those_that_are(started):
    code, said = started(ROOT / "benchmarks" / "__main__.py", "trainign")
    assert code == 2
    assert "there is no benchmark 'trainign'; there are localization, " in said.err


@pytest.mark.parametrize("file", BENCHMARKS, ids=lambda f: f.stem)
def test_what_a_benchmark_imports_is_there(file, monkeypatch):
    monkeypatch.syspath_prepend(str(file.parent))
    known = set(sys.modules)
    names = runpy.run_path(str(file), run_name="benchmark")
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(file.parent)):
            sys.modules.pop(name)
    assert callable(names["show" if file.stem == "side_by_side" else "main"])


@pytest.mark.parametrize(("script", "column"), [("table.py", "operations"), ("verdicts.py", "by all")])
def test_the_results_of_a_run_become_a_table(script, column, started, tiny):
    code, said = started(ROOT / "papers" / script, tiny.out / "results.json")
    assert code == 0
    head = next(line for line in said.out.splitlines() if line.startswith("| method"))
    assert column in head
    assert "| `Nothing()` |" in said.out
