"""The suite of attacks itself: what does not hold is counted as what it is, and each try repeats."""

import itertools
import os
import re
import sys
import time
from pathlib import Path

import pytest

from untrain.core.errors import BadInput

SUITE = Path(__file__).parents[2] / "reliability"
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def suite(monkeypatch):
    """Modules of the suite by name; they are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(SUITE))
    before = set(sys.modules)
    import importlib

    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(SUITE)):
            sys.modules.pop(name)


def raised(error):
    """Raise an error."""
    raise error


def test_each_verdict_is_counted_and_a_lost_process_costs_one_try(suite, tmp_path):
    attack = suite("attack")
    works = {
        1: lambda: attack.asked(lambda: raised(BadInput("one line"))) and None,
        2: lambda: attack.asked(lambda: raised(KeyError("x"))),
        3: lambda: os._exit(3),
        4: lambda: time.sleep(60),
        5: lambda: attack.Outcome(attack.SILENT, "another number", "here"),
        6: lambda: attack.Outcome(attack.LEFT, "a file", "there"),
        7: lambda: attack.asked(lambda: raised(SystemExit(0))),
        8: lambda: attack.asked(lambda: bytearray(1 << 33)),
        9: lambda: raised(ValueError("of the suite's own")),
        10: lambda: attack.asked(lambda: raised(BadInput(""))),
        11: lambda: sum(1 for _ in itertools.count()),
    }
    made = attack.Attack(
        "made", "made up", lambda folder, number: works.get(number, lambda: None)(), 12, 12, seconds=1.0, memory=1 << 28
    )
    tally = suite("workers").run(made, tmp_path, range(12), 2)
    assert tally.counts == {"held": 2, "silent": 1, "traceback": 6, "hang": 2, "left": 1}
    assert [(number, outcome.verdict) for number, outcome in tally.failures] == [
        (2, "traceback"), (3, "traceback"), (4, "hang"), (5, "silent"), (6, "left"), (7, "traceback"), (8, "traceback"),
        (9, "traceback"), (10, "traceback"), (11, "hang"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("work", "seen"),
    [
        (lambda: sys.stdout.write("fine"), None),
        (lambda: raised(BadInput("wrong")), None),
        (lambda: raised(KeyError("x")), "traceback"),
        (lambda: raised(BadInput("a \x1b[31m colour")), "traceback"),
        (lambda: os.kill(os.getpid(), 15), "traceback"),
        (lambda: raised(SystemExit(3)), "traceback"),
        (lambda: time.sleep(60), "hang"),
    ],
)
def test_how_a_process_ends_is_told(suite, tmp_path, work, seen):
    failure = suite("child").apart(work, tmp_path / "work", seconds=1.0).failure
    assert (failure and failure.verdict) == seen


def test_operations_on_files_are_seen_before_they_happen(suite, tmp_path):
    def work():
        seen = []
        suite("file_operations").watch((tmp_path / "store",), lambda at: seen.append((tmp_path / "store").exists()))
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "a").write_text("x")
        (tmp_path / "store" / "a").read_text()
        (tmp_path / "elsewhere").mkdir()
        return seen

    assert suite("child").apart(work, tmp_path / "work").value == [False, True]


def test_kinds_have_names_of_their_own_and_all_tries_of_a_fast_run_are_tries_of_a_whole_one(suite):
    files = [f.stem for f in sorted(SUITE.glob("*.py")) if "\nATTACKS = (" in f.read_text()]
    attacks = [each for name in files for each in suite(name).ATTACKS]
    assert len({each.kind for each in attacks}) == len(attacks)
    assert all(0 < each.fast <= each.tries for each in attacks)
    assert len(suite("bad_methods").cases()) >= 37
    fuzzed = ("spellings", "id_files", "array_files", "data_files", "stored_files")
    assert sum(each.tries for name in fuzzed for each in suite(name).ATTACKS) >= 100_000
    listed = re.search(r"FILES = \((.*?)\)", (SUITE / "__main__.py").read_text(), re.DOTALL)[1]
    assert sorted(re.findall(r'"(\w+)"', listed)) == files
