"""The table of attributions: its page is made of its numbers, and its words give nothing of the machine away."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(monkeypatch):
    """The script as a module."""
    monkeypatch.syspath_prepend(str(ROOT))
    known = set(sys.modules)
    from papers.attribution import lds_table

    yield lds_table
    for name in set(sys.modules) - known:
        if name.startswith("papers"):
            sys.modules.pop(name)


def test_the_page_says_what_its_numbers_say(table):
    folder = ROOT / "papers" / "attribution"
    document = json.loads((folder / "lds.json").read_text())
    assert table.page(document) == (folder / "lds.md").read_text()
    methods = [(row["method"], row["models"]) for row in document["rows"]]
    assert len(set(methods)) == len(methods)
    assert {method for method, _ in methods} == {repr(method) for _, method in table.METHODS}


def test_folders_are_left_out_of_the_command(table):
    given = ["--data", "/somewhere", "--size", "200", "--store", "here", "--models", "64", "128", "--out", "there"]
    assert table.words(given) == ["--size", "200", "--models", "64", "128"]
