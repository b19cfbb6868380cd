"""What comes back of TOFU's answers: counted beside retrained models, from planted rows."""

import pytest

SCRIPT = "papers.tofu.compare"


@pytest.fixture
def page(script):
    from papers.tofu import robustness_page

    return robustness_page


def score(value, verdict, ideal):
    return {
        "value": value,
        "low": value,
        "high": value,
        "floor": None,
        "ceiling": None,
        "ideal": ideal,
        "band": None,
        "verdict": verdict,
    }


def planted():
    """NPO hides what steering brings back and relearns sooner; DEL lost more than retrained models; Finetune remembers openly."""
    plain, steered, relearned = "asked as it was taught", "steered", "relearning 8 of the forgotten"
    values = {
        "Nothing()": (0.9, 0.9, 0.0), "Retrain()": (0.1, 0.1, 8.0), "Finetune()": (0.8, 0.8, 1.0), "NPO()": (0.1, 0.6, 2.0),
        "DEL()": (0.01, 0.01, 10.0),
    }  # fmt: skip
    rows = []
    for method, numbers in values.items():
        verdicts = ["indistinguishable" if abs(n - i) < 0.05 or method == "Retrain()" else "distinguishable"
                    for n, i in zip(numbers, (0.1, 0.1, 8.0), strict=True)]  # fmt: skip
        scores = {
            attack: score(n, v, i)
            for attack, n, v, i in zip((plain, steered, relearned), numbers, verdicts, (0.1, 0.1, 8.0), strict=True)
        }
        rows.append({"method": method, "error": None, "cost": 0.1, "scores": scores})
    return {
        "date": "2000-01-01", "command": "x", "authors": 2, "share": 0.5, "seeds": 2, "oracles": 2, "model": "MLP()",
        "setting": {"machine": "m", "untrain": "0", "torch": "0"}, "sizes": {"forget": 5, "train": 6}, "cpu_seconds": 1,
        "labels": {"nothing": ["Nothing()"], "retrained once more": ["Retrain()"], "control": ["Finetune()"], "NPO": ["NPO()"],
                   "DEL": ["DEL()"]},
        "attacks": {plain: "Probability()", steered: "Steering()", relearned: "Relearn()"}, "rows": rows,
    }  # fmt: skip


def test_what_comes_back_is_counted_and_what_was_hidden_is_named(page):
    lines = page.findings(planted())
    assert "| asked as it was taught | 1 of 3 | - |" in lines
    assert "| steered | 2 of 3 | NPO |" in lines
    # Sooner than retrained models, which is lower; DEL's later return is no leak.
    assert "| relearning 8 of the forgotten | 2 of 3 | NPO |" in lines


def test_the_page_has_a_row_for_retrained_models_and_says_what_failed(page):
    document = planted()
    document["rows"][-1] = {"method": "DEL()", "error": "NotFinite", "cost": None, "scores": {}}
    lines = page.table(document)
    assert "| retrained models | 0.1 | 0.1 | 8 | 100 % |" in lines
    assert "| DEL | failed | failed | failed | failed |" in lines
    assert page.page(document).startswith("# TOFU, 2 authors: what comes back")
