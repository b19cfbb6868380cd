"""TOFU's comparison: what passes the p-value, and what other scores say of it, from planted rows."""

import math

import pytest

import untrain as ut

SCRIPT = "papers.tofu.compare"


@pytest.fixture
def page(script):
    from papers.tofu import page

    return page


def row(method, p, verdict="distinguishable", error=None, utility=0.5):
    score = {"value": 0.5, "low": 0.4, "high": 0.6, "floor": 0.5, "ceiling": 1.0, "ideal": 0.5, "band": [0.45, 0.55]}
    scores = {
        "forget_quality_log10": score | {"value": math.log10(p or 1e-300), "verdict": None},
        "mia_loss_auc": score | {"verdict": verdict},
        "model_utility": score | {"value": utility, "verdict": None},
        "relearn_time": score | {"value": 3.0, "verdict": "too few models"},
    }
    return {"method": method, "error": error} | (
        {} if error else {"cost": 0.1, "seconds": 1.0, "scores": scores, "outcome": "open", "sentence": f"{method}: open."}
    )


def planted(rows):
    labels = {
        "nothing": ["Nothing()"], "retrained once more": ["Retrain()"],
        "NPO": [r["method"] for r in rows],
    }  # fmt: skip
    return {
        "date": "2000-01-01", "command": "x", "authors": 2, "share": 0.5, "seeds": 2, "oracles": 2, "model": "MLP()",
        "setting": {"machine": "m", "untrain": "0", "torch": "0"}, "sizes": {"forget": 5, "train": 6}, "cpu_seconds": 1,
        "labels": labels, "rows": [row("Nothing()", 1e-9), row("Retrain()", 0.9, "indistinguishable"), *rows],
    }  # fmt: skip


def test_what_passes_and_what_tells_it_apart_is_counted(page):
    rows = [
        row("A(epochs=1,)", 0.5),
        row("B(epochs=2,)", 0.06, "indistinguishable", utility=0.3),
        row("C(epochs=3,)", 0.04, utility=0.3),
        row("D", 0, error="x"),
    ]
    document = planted(rows)
    assert page.passing(document) == ["A(epochs=1,)", "B(epochs=2,)"]
    lines = page.claims(document)
    assert "for 2 of 3 rows" in lines[0]
    assert "| loss attack | 1 | 1 | 0 |" in lines
    assert "| relearning | 0 | 0 | 2 |" in lines
    assert "| min-k++ attack | 0 | 0 | 2 |" in lines
    told = page.conclusions(document)
    assert "| NPO, 1 epochs | yes: 0.5 | yes: **0.5 [0.4, 0.6]** | A(epochs=1,): open. |" in told
    assert "| NPO, 3 epochs | no: 0.04 | no: 0.3 [0.4, 0.6] | C(epochs=3,): open. |" in told
    assert "| nothing | no: 1e-09 | yes: **0.5 [0.4, 0.6]** | Nothing(): open. |" in told
    assert "By TOFU's two numbers 1 row succeeds; by all scores: 1 open." in told
    assert told[-2] == "- Forgotten by p, and failing by all scores: none."
    rows[0]["outcome"] = "fails: remembers"
    rows[2]["scores"]["forget_quality"] = {"value": 0.2}
    told = page.changes(planted(rows))
    assert told[0] == "- Forgotten by p, and failing by all scores: NPO, 1 epochs."
    assert told[1].endswith("NPO, 3 epochs.")


def test_what_lies_in_the_band_is_bold_and_what_failed_says_so(page):
    lines = page.table(planted([row("A(epochs=1,)", 0.5), row("D(epochs=2,)", 0, error="x")]))
    (kept,) = [line for line in lines if line.startswith("| NPO, 1 epochs")]
    assert "**0.5 [0.4, 0.6]**" in kept
    assert "| 3 [0.4, 0.6] ? |" in kept
    assert any(line.startswith("| NPO, 2 epochs | failed") for line in lines)


def test_all_rows_can_be_spelled(script):
    for label, specs in script.methods([2, 8]).items():
        for spec in specs:
            assert repr(ut.parse(spec)) == spec, label
    for spec in (*script.SCORES, *script.OBSERVERS):
        ut.parse(spec)
