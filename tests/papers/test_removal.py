"""The comparison of single steps with retraining."""

import importlib
import json

import pytest

SCRIPT = "papers.removal.compare"


def test_the_page_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.removal.page")
    document = json.loads((page.FOLDER / "removal.json").read_text())
    assert (page.FOLDER / "README.md").read_text() == page.page(document)


def test_of_a_ridge_the_newton_step_is_retraining(script, tmp_path, monkeypatch, capsys):
    out = tmp_path / "removal.json"
    arguments = ["compare", "diabetes, ridge", "Adult, logistic", "--data", str(tmp_path), "--out", str(out), "--draws", "2"]
    monkeypatch.setattr("sys.argv", arguments)
    script.main()
    (held,) = json.loads(out.read_text())["sets"].values()
    worst = {row["method"]: 0.0 for row in held["results"]}
    for row in held["results"]:
        worst[row["method"]] = max(worst[row["method"]], row["distance"])
    assert worst["Newton()"] < 1e-12
    assert worst["Nothing()"] > worst["Newton(hessian='original')"] > 1e-4
    assert "Adult, logistic: left out" in capsys.readouterr().err


@pytest.mark.parametrize(("values", "said"), [([1.0, 1.0], "1.00e+00 [1.00e+00, 1.00e+00]"), ([], "-")])
def test_an_interval_is_that_of_student(script, values, said):
    assert importlib.import_module("papers.removal.page").interval(values) == said
