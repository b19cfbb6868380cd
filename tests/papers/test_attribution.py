"""The table of attributions: its page is made of its numbers, and its words give nothing of the machine away."""

import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "papers" / "attribution"
SCRIPT = "papers.attribution.lds_table"


def test_the_pages_say_what_their_numbers_say(script):
    """The second is of influence functions alone, by which attributors are compared that have a curvature."""
    seen = set()
    for folder in (FOLDER, FOLDER / "layers"):
        document = json.loads((folder / "lds.json").read_text())
        assert script.page(document) == (folder / "lds.md").read_text()
        methods = [(row["method"], row["models"]) for row in document["rows"]]
        assert len(set(methods)) == len(methods)
        seen |= {method for method, _ in methods}
    assert seen == {repr(method) for _, method in script.METHODS}


def test_all_layers_tell_more_than_the_last(script):
    """In one run, of the same models: intervals do not meet, on training and on test images."""
    rows = {row["method"]: row for row in json.loads((FOLDER / "layers" / "lds.json").read_text())["rows"]}
    for part in ("train", "test"):
        last = max(rows[name][part]["high"] for name in rows if name.startswith("LastLayerInfluence"))
        assert min(rows[name][part]["low"] for name in rows if name.startswith("LayerInfluence")) > last


def test_folders_are_left_out_of_the_command(script):
    given = ["--data", "/somewhere", "--size", "200", "--store", "here", "--models", "64", "128", "--out", "there"]
    assert script.words(given) == ["--size", "200", "--models", "64", "128"]
