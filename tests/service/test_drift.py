"""Alarms say what they are based on, and only a test has a rate of false alarms."""

import math

from untrain.service.drift import drift
from untrain.service.facts import RunFacts, facts_of
from untrain.service.settings import Settings

SETTINGS = Settings("m", "d", most_runs=2, most_share=0.1, level=0.05)


def run(rows=1, of=100, before=0.9, after=0.9, retrained=False, examples=1000):
    return RunFacts("", retrained, rows, of, before, after, examples)


def test_limits_count_since_the_last_retraining():
    found = drift([run(rows=50), run(rows=5, retrained=True, of=50), run(rows=2, of=45), run(rows=3, of=43)], SETTINGS)
    assert (found["runs"], found["rows"], found["of"], found["share"]) == (2, 5, 45, 5 / 45)
    [alarm] = found["alarms"]
    assert "11.1% of the training rows" in alarm["what"]
    assert "not a test" in alarm["based_on"]
    assert alarm["false_alarm_rate"] is None
    assert len(drift([run()] * 3, SETTINGS)["alarms"]) == 1  # the third run passes the limit of two; 3 % of the rows do not


def test_a_fall_is_tested_against_the_model_as_it_was_retrained():
    # n = 1000, look 2: exp(-1000 t^2 / 2) <= 0.05 / 6 from t = 0.0979 on.
    edge = math.sqrt(2 * math.log(6 / 0.05) / 1000)
    history = [run(after=0.9, retrained=True), run(after=0.89)]
    for fall, alarmed in ((edge + 1e-6, True), (edge - 1e-6, False)):
        found = drift([*history, run(after=0.9 - fall)], SETTINGS)
        assert found["test"]["looks"] == 2
        assert [a["false_alarm_rate"] for a in found["alarms"]] == [0.05] * alarmed
    assert "at most 0.05" in drift([*history, run(after=0.5)], SETTINGS)["alarms"][0]["based_on"]


def test_without_a_reference_there_is_no_test_and_no_claim():
    assert drift([], SETTINGS)["test"] is None
    assert drift([run(retrained=True)], SETTINGS)["test"] is None
    assert drift([run(before=None), run(after=0.1)], SETTINGS)["test"] is None
    assert drift([run(examples=0), run(after=0.1)], SETTINGS)["alarms"] == []


def test_what_a_document_lacks_or_has_in_another_form_is_not_known():
    odd = {"method": 3, "plan": {"rows": True, "of": -1}, "before": {"validation": {"accuracy": 7, "rows": 1.5}}, "after": "x"}
    assert facts_of(odd) == RunFacts("3", False, 0, 0, None, None, 0)
    assert facts_of(None) == facts_of([]) == RunFacts("", False, 0, 0, None, None, 0)
    assert facts_of({"method": "Retrain()"}).retrained
    assert not facts_of({"method": "Retraining()"}).retrained


def test_rows_that_the_model_was_trained_on_are_no_validation_data():
    measured = {"before": {"validation": {"accuracy": 0.9, "rows": 200}}, "after": {"validation": {"accuracy": 0.8}}}
    assert facts_of(measured | {"valid": None}).examples == 0
    assert facts_of(measured | {"valid": {"sha256": "x"}}).examples == 200


def test_rows_that_nobody_deleted_count_once():
    # 10 of 100 go, then 5; the 10 are still in the data and go again.
    again = facts_of({"method": "Finetune()", "plan": {"rows": 15, "of": 100}, "again": {"ids": 10, "rows": 10}})
    assert (again.rows, again.again) == (5, 10)
    first = facts_of({"method": "Finetune()", "plan": {"rows": 10, "of": 100}})
    found = drift([first, again], SETTINGS)
    assert (found["rows"], found["of"], found["share"]) == (15, 100, 0.15)
    # Retrained without the 15 of 100 rows, the model knows 85, whether the rows are still in the file or not.
    retrained = facts_of({"method": "Retrain()", "plan": {"rows": 15, "of": 100}, "again": {"ids": 10, "rows": 10}})
    last = facts_of({"method": "Finetune()", "plan": {"rows": 17, "of": 100}, "again": {"ids": 15, "rows": 15}})
    found = drift([first, retrained, last], SETTINGS)
    assert (found["rows"], found["of"]) == (2, 85)
