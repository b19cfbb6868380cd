"""All scores with what they are read against."""

from untrain.evaluation.glossary import evaluators
from untrain.reports.html.all_scores import every

GROUPS = {type(e).__name__: e.scores for e in evaluators()}


def test_all_scores_that_have_a_value_are_listed_by_evaluator(repair):
    groups = {g.name: g for g in every(repair.document, GROUPS)}
    listed = {column.name for g in groups.values() for column, _ in g.scores}
    assert {"forget_true_gap", "forget_accuracy"} <= {column.name for column, _ in groups["Accuracy"].scores}
    assert not any(name.startswith("klom_forget") for name in listed)


def test_each_listed_score_has_its_verdict_with_its_evidence(privacy):
    (accuracy,) = [g for g in every(privacy.document, GROUPS) if g.name == "Accuracy"]
    lines = {column.name: lines for column, lines in accuracy.scores}["forget_accuracy"]
    assert [line.name for line in lines] == ["Finetune", "DEL", "SalUn", "Nothing"]
    for line in lines:
        assert line.verdict.mark == line.verdict.value
        assert line.tested["margin"] == "±2.0"
        assert line.value.mark == ""
