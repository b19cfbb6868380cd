"""Charts by step of methods that kept curves, and of no others."""

from untrain.reports.html.curve_charts import by_step, charts
from untrain.reports.html.drawing import Drawn

CURVE = {"measure": "correct", "step": [0, 2, 4], "loss": [None, 3.0, 1.0], "forget": [1.0, 0.5, 0.25], "retain": [1.0, 1.0, 0.5]}


def test_means_are_over_seeds_with_the_same_steps():
    other = CURVE | {"loss": [None, 5.0, 3.0], "forget": [0.5, 0.5, 0.75]}
    longer = CURVE | {"step": [0, 2, 5]}
    made = charts([CURVE, other, longer])
    forget, retain = made["samples"].traces
    assert (forget.x, forget.y) == ((0.0, 2.0, 4.0), (75.0, 50.0, 50.0))
    assert retain.y == (100.0, 100.0, 50.0)
    assert (made["loss"].traces[0].x, made["loss"].traces[0].y) == ((2.0, 4.0), (4.0, 2.0))


def test_a_loss_has_no_percent_and_a_set_may_be_missing():
    alone = {name: value for name, value in CURVE.items() if name != "retain"} | {"measure": "loss"}
    chart = charts([alone])["samples"]
    assert [trace.y for trace in chart.traces] == [(1.0, 0.5, 0.25)]
    assert (chart.y.title, chart.y.suffix) == ("Loss, nats", "")


def test_methods_without_curves_or_steps_have_no_charts():
    rows = [
        {"method": "Finetune()", "curves": [CURVE]}, {"method": "Nothing()", "curves": [CURVE | {"step": [0]}]},
        {"method": "SSD()"},
    ]  # fmt: skip
    drawn = Drawn(None)
    assert [(one["at"], one["label"]) for one in by_step("run1", {"results": rows}, drawn)] == [(0, "Finetune")]
