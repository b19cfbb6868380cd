"""The repair of poisoned labels."""

import importlib
import json

SCRIPT = "papers.removal.poison"


def test_the_page_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.removal.poison_page")
    held = json.loads((page.FOLDER / "poison.json").read_text())
    assert (page.FOLDER / "poison.md").read_text() == page.page(held)
    assert [row["method"] for row in held["results"]] == list(script.METHODS)
    assert "path=" not in held["scenario"]


def test_what_is_restored_is_a_share_of_what_retraining_gains(script):
    page = importlib.import_module("papers.removal.poison_page")

    def row(method, accuracy):
        score = {"value": accuracy, "low": accuracy, "high": accuracy}
        return {"method": method, "error": None, "scores": dict.fromkeys(page.COLUMNS, score), "seconds": 1.0}

    results = [
        row("Nothing()", 0.6),
        row("Half", 0.7),
        row("Retrain()", 0.8),
        {"method": "Bad", "error": "it failed", "scores": {}},
    ]
    held = {"date": "", "machine": "", "scenario": "", "seeds": 1, "sizes": {"corrected": 1, "train": 2, "test": 3}}
    lines = page.page(held | {"results": results}).splitlines()
    assert any(line.startswith("| `Half`") and "| 50% |" in line for line in lines)
    assert any("failed: it failed" in line for line in lines)
    assert "--size 2 --seeds 1`" in lines[2]  # the page's own numbers, whatever the script's defaults are
    undecided = [results[0] | {"scores": {key: {"value": 0.6, "low": 0.2, "high": 0.9} for key in page.COLUMNS}}, *results[1:]]
    lines = page.page(held | {"results": undecided}).splitlines()
    assert not any("%" in line for line in lines if line.startswith("| `"))
    assert lines[-1].startswith("Nothing is decided")
