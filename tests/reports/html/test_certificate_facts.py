from untrain.reports.html.certificate_facts import all_facts, before_and_after, in_short

RUN = {
    "method": "NegGrad()", "share": 0.056, "plan": {"rows": 4, "of": 900, "obstacle": ""}, "model": {"kind": "torch file"},
    "before": {"forget": {"accuracy": 1.0}, "alike": {"area": 0.186, "aim": 0.5, "within": 0.146, "met": False}},
    "after": {"forget": {"accuracy": 0.75}, "alike": {"area": 0.6, "aim": 0.5, "within": 0.146, "met": True}},
}  # fmt: skip


def test_before_and_after_stand_side_by_side_with_the_aim():
    assert before_and_after(RUN) == [
        ("Accuracy on forgotten rows", "1", "0.75"),
        ("Chance that a forgotten row has a larger loss than an unseen one", "0.186", "0.6"),
        ("Its aim, and whether it was met", "0.5 ± 0.146: not met", "0.5 ± 0.146: met"),
    ]


def test_a_run_that_says_little_has_few_facts_and_none_that_is_empty():
    assert before_and_after({}) == []
    assert in_short({}) == []
    assert ("Cost", "6 % of training again") in in_short(RUN)
    assert not any(name == "plan obstacle" for name, _ in all_facts(RUN))
    assert before_and_after({"after": {"alike": {"area": 0.5}}})[-1][1:] == ("not known", "not known")
