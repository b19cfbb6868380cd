"""The order of methods, and the one that a report begins with."""

import pytest

from untrain.reports import standing
from untrain.reports.tally import least_bad


@pytest.fixture
def tried(told):
    """A method's row: tried(name, outcome, cost, loss on the forget set in margins)."""

    def made(name, outcome="open", cost=0.5, away=2.0):
        judged = {"name": "forget", "unit": "nats", "difference": -0.3 * (away or 0.0), "low": None, "high": None, "margin": 0.3}
        row = told(method=f"{name}()", outcome=outcome, endpoints=[] if away is None else [judged])
        return row | {"cost": {"share_of_retraining": cost}}

    return made


FAILS = "fails: remembers"


def led(*rows):
    return standing.lead(rows)["method"].removesuffix("()")


def test_a_report_begins_with_the_cheapest_that_passes_whatever_came_first(tried):
    rows = [tried("DEL", FAILS, 0.1), tried("Dear", "passes", 0.6), tried("Cheap", "passes", 0.4), tried("Retrain", "passes", 0.01)]
    assert led(*rows) == "Cheap"
    assert led(rows[0], tried("Unpriced", "passes", None)) == "Unpriced"


def test_where_none_passes_it_begins_with_the_least_bad_below_retrainings_cost(tried):
    near, far = tried("Near", FAILS, 0.3, 1.5), tried("Far", FAILS, 0.1, 9.0)
    assert led(far, near, tried("Nothing", FAILS, 0.0, 1.1), tried("Above", "open", 1.01, 0.2)) == "Near"
    assert led(far, near, tried("Open", "open", 0.9, 20.0)) == "Open", "what is not shown to fail goes first"
    assert led(tried("A", FAILS, 1.2, 3.0), tried("B", "open", 1.1, 4.0)) == "B"
    assert led(tried("A", FAILS, None, None), tried("B", FAILS, None, 3.0)) == "B", "1000 margins stand for what has none"


def test_a_control_leads_alone_and_what_did_not_run_never(tried):
    assert led(tried("Nothing", FAILS, 0.0), tried("Broken") | {"error": "x"}) == "Nothing"
    assert standing.lead([tried("Broken") | {"error": "x"}]) is None


def test_the_least_bad_is_said_with_cost_and_distance_unless_something_cheaper_passes(tried):
    fails, dear = tried("A", FAILS, 0.338, 2.32), tried("B", "passes", 1.2)
    assert least_bad({"results": [fails, dear]}) == (
        "The least bad of what costs less than retraining, by distance, is A (fails, 34\N{NO-BREAK SPACE}% of the cost): an "
        "estimated 2.32 times what is allowed in loss on the forget set."
    )
    assert "B (open, so not shown to fail, 90\N{NO-BREAK SPACE}% of the cost)" in least_bad(
        {"results": [fails, tried("B", "open", 0.9, 20.0)]}
    )
    assert least_bad({"results": [fails, tried("B", "passes", 0.9)]}) == ""
    assert least_bad({"results": [tried("A", FAILS, 0.3, None), tried("Nothing", FAILS, 0.0)]}) == ""


@pytest.mark.parametrize(("away", "words"), [(0.0, "at most 0.1 times"), (3e6, "at least 1e+03 times")])
def test_distances_that_are_drawn_nearer_or_farther_are_not_said_to_be_so_large(tried, away, words):
    assert standing.farthest(tried("A", FAILS, 0.3, away)).words == f"{words} what is allowed in loss on the forget set"
