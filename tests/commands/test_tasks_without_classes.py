"""The commands on numbers and on answers in words: what is memorized, a run that forgets it, and a search."""

import csv
import json

import pytest
from typer.testing import CliRunner

from untrain.commands.cli.app import app

NUMBERS = "Diabetes(model=MLP(width=8), steps=Steps(lr=0.01, epochs=4, batch=32){})"
WORDS = (
    "Facts(people=10, model=CausalTransformer(width=8, depth=1, heads=2, hidden=16), "
    "steps=Steps(lr=0.02, epochs=8, batch=15, optimizer=AdamW()){})"
)
KINDS = {"numbers": (NUMBERS, 309, "likelihood of targets"), "words": (WORDS, 30, "likelihood of answers")}


def called(*words):
    done = CliRunner().invoke(app, [*map(str, words), "--workers", "1"])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_memorized_is_written_and_forgotten(kind, tmp_path):
    scenario, count, words = KINDS[kind]
    file, store = tmp_path / "scores.csv", tmp_path / "store"
    told = called("memorize", scenario.format(""), "--models", 16, "--out", file, "--store", store)
    assert f"memorization of {count} examples by 16 models" in told
    assert f"it is the {words} of models that saw an example, less that of models that did not. The likelihood of" in told
    scores = {row["id"]: float(row["memorization"]) for row in csv.DictReader(file.read_text().splitlines())}
    assert len(scores) == count
    assert -1 <= min(scores.values()) < max(scores.values()) <= 1
    by = ", request=Memorized(fraction=0.1, models=16)"
    run = called(
        "run", scenario.format(by), "Finetune", "--seeds", 2, "--oracles", 2, "--store", store, "--out", tmp_path / "out", "--json"
    )
    document = json.loads(run)
    assert document["chosen"]["of"] == words
    best = sorted(scores.values())[-document["sizes"]["forget"] :]
    assert document["chosen"]["mean"] == pytest.approx(sum(best) / len(best))
    assert document["results"][0]["scores"]["mia_loss_auc"]["value"] is not None
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"a difference in {words}" in page
    assert "How well the models know the targets" in page
    # What only classes have is not explained.
    assert "predicted class" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_says_what_it_judges_by(kind, tmp_path):
    scenario, _, words = KINDS[kind]
    told = called(
        "search", scenario.format(""), "NegGrad", "--trials", 2, "--seeds", 1, "--store", tmp_path / "s", "--out", tmp_path / "o"
    )
    assert "accuracy" not in told
    document = json.loads((tmp_path / "o" / "search.json").read_text())
    assert (document["of"], document["counts"]["done"]) == (words, 2)
    assert document["means"].startswith(f"{words} on validation data")
    row = document["trials"][0]
    assert row["value"] == pytest.approx(row["valid"] - abs(row["forget"] - row["alike"]))
