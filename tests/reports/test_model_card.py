"""The section of a model card holds counts and figures, no id and no markup of others, and is replaced, never doubled."""

import json

import pytest
from typer.testing import CliRunner

import untrain as ut
from untrain.commands.cli import app
from untrain.core.errors import DataError
from untrain.maths.bounds import clopper_pearson
from untrain.reports.html.notebook import ForgetDocument, PriceDocument
from untrain.reports.model_card import BEGIN, END, model_card, with_section


def side(accuracy, rows):
    return {"accuracy": accuracy, "loss": 0.5, "rows": rows}


def document(**more):
    figures = {"validation": side(0.75, 40), "retain": side(1.0, 100), "forget": side(0.5, 4)}
    figures["alike"] = {"area": 0.4, "error": 0.1}
    usual = {
        "what": "untrain forget", "made": "2026-01-02T03:04:05Z", "versions": {"untrain": "0.1.0"},
        "model": {"path": "net.pt", "sha256": "ab" * 32, "kind": "file"}, "data": {"rows": 104, "digest": "d1"},
        "request": {"spelled": "Ids(ids=('secret-7',))", "digest": "r1", "rows": 4, "missing": ["secret-9"]},
        "method": "NegGrad(alpha=0.5)", "why": "<b>so</b>", "before": figures, "after": figures,
        "does_not_cover": ["copies of <the> model", "---"], "out": {"path": "new.pt", "sha256": "cd"},
        "plan": {"twins": {"included": 0, "exact": 1, "near": 0}, "retraining": {"seconds": 3.0}},
    }  # fmt: skip
    return usual | more


def test_it_has_counts_exact_intervals_and_limits_but_no_id():
    section = model_card(document())
    assert "4 of 104 training examples" in section
    assert "secret" not in section
    low, high = (100 * float(each) for each in clopper_pearson(30, 40))
    assert f"| 75.0 % [{low:.1f}, {high:.1f}] of 40 |" in section
    assert "0.400 ± 0.196" in section
    assert "| mean loss on held-out examples, nats | 0.5 | 0.5 |" in section  # what counts of a language model
    assert "proves no forgetting" in section
    assert r"copies of \<the\> model" in section


def test_nothing_in_it_can_end_the_yaml_of_a_card_or_be_markup():
    hostile = document(method="A`|b`\n---\n<script>", does_not_cover=["[x](http://evil) | y\n---\nlicense: mit"])
    section = model_card(hostile)
    assert [line for line in section.splitlines() if line.startswith("---")] == []
    assert "](http://evil" not in section.replace(r"\]", "")
    assert "<script>" not in section.replace("`` A`¦b` --- <script> ``", "")


def test_an_audit_is_shown_with_intervals_and_floors():
    scores = {
        "forget_gap": {"value": 0.012, "low": -0.01, "high": 0.03, "floor": 0.008},
        "x": {"value": 1.0, "low": None, "high": None},
    }
    section = model_card(document(audit={"oracles": 19, "conclusion": "It passes.", "scores": scores}))
    assert "Compared with 19 models" in section
    assert "| forget gap | 0.012 | [-0.01, 0.03] | 0.008 |" in section


@pytest.mark.parametrize(
    "card", ["", "# Net\n", "---\nlicense: mit\n---\n", "---\nlicense: mit\n---\n\n# Net\n\ntext\n", "\r\n---\n"]
)
def test_a_card_gets_one_section_and_keeps_the_rest(card):
    once = with_section(card, model_card(document()))
    again = with_section(once, model_card(document(method="DEL()")))
    assert once.startswith(card.rstrip())
    assert (again.count(BEGIN), again.count(END), again.count("## What this model forgot")) == (1, 1, 1)
    assert "DEL()" in again
    assert with_section(again, model_card(document(method="DEL()"))) == again


def test_a_card_says_where_a_method_did_not_make_the_model_forget():
    words = "may not see the forgotten examples as one that never saw them would: the chance above is off its aim by more than a"
    for met in (True, False):
        facts = document()
        facts["after"] = {**facts["after"], "alike": {"area": 0.1, "error": 0.1, "met": met}}
        assert (words in model_card(facts)) is not met


def test_a_stray_end_does_not_double_the_section():
    once = with_section(f"# Net\n{END}\n", model_card(document()))
    assert with_section(once, model_card(document())) == once


def test_marks_within_the_yaml_are_no_section():
    card = f"---\nnote: '{BEGIN} {END}'\n---\n# Net\n"
    assert with_section(card, model_card(document())).startswith(card.rstrip())


def test_the_command_prints_the_section_or_writes_it(tmp_path):
    (tmp_path / "new.json").write_text(json.dumps(document()))
    (tmp_path / "README.md").write_text("# Net\n")
    runner = CliRunner()
    printed = runner.invoke(app.app, ["card", str(tmp_path / "new.json")])
    assert (printed.exit_code, printed.stdout) == (0, model_card(document()))
    for _ in range(2):
        assert runner.invoke(app.app, ["card", str(tmp_path / "new.json"), "--readme", str(tmp_path / "README.md")]).exit_code == 0
    assert (tmp_path / "README.md").read_text() == "# Net\n\n" + model_card(document())
    with pytest.raises(DataError, match="not one that `untrain forget` wrote"):
        ut.card({"what": "else"})
    with pytest.raises(DataError, match="cannot be read"):
        ut.card(tmp_path / "none.json")


def test_notebooks_show_documents_escaped_and_without_ids():
    shown = ForgetDocument(document())._repr_html_()
    assert "&lt;b&gt;so" in shown
    assert "<b>" not in shown
    assert "secret" not in shown
    assert "0.750" in shown
    plan = {name: value for name, value in document().items() if name not in ("after", "method", "out")}
    assert "about 3 s" in ForgetDocument(plan)._repr_html_()
    price = {"train": 2, "stored": 1, "seconds": None, "workers": 1, "kinds": {"oracle": 2}, "told": "price: ..."}
    assert "2 (2 oracle)" in PriceDocument(price)._repr_html_()
    assert json.loads(json.dumps(PriceDocument(price))) == price
