"""The table of attributions: its page is made of its numbers, and its words give nothing of the machine away."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "papers" / "attribution"
SCRIPT = "papers.attribution.lds_table"


def test_the_page_says_what_its_numbers_say(script):
    document = json.loads((FOLDER / "lds.json").read_text())
    assert script.page(document) == (FOLDER / "lds.md").read_text()
    methods = [(row["method"], row["models"]) for row in document["rows"]]
    assert len(set(methods)) == len(methods)
    assert {method for method, _ in methods} == {repr(method) for _, method in script.METHODS}


def test_folders_are_left_out_of_the_command(script):
    given = ["--data", "/somewhere", "--size", "200", "--store", "here", "--models", "64", "128", "--out", "there"]
    assert script.words(given) == ["--size", "200", "--models", "64", "128"]
