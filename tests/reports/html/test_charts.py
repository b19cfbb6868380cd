"""Charts from arrays and scores."""

import json
from dataclasses import asdict

import numpy as np

from untrain.reports.html import charts
from untrain.reports.html.charts import SideOutputs


def outputs(margins, correct=None, labels=None):
    table = np.asarray(margins, dtype=float)
    right = np.ones_like(table) if correct is None else np.asarray(correct, dtype=float)
    return SideOutputs(table, right, np.zeros(table.shape[1], dtype=int) if labels is None else np.asarray(labels))


def test_margins_and_correctness_come_from_logits():
    from untrain.evaluation.observation import Observation

    logits = np.log(np.array([[[0.75, 0.25], [0.75, 0.25]]], dtype=np.float32))
    labels, side = np.array([0, 1]), np.array(["forget", "test"])
    found = charts.outputs_by_side(Observation.of_logits(logits, labels, labels, side, labels))
    np.testing.assert_allclose(found["forget"].margins, [[np.log(3)]], rtol=1e-6)
    np.testing.assert_allclose(found["test"].margins, [[-np.log(3)]], rtol=1e-6)
    assert found["forget"].correct == 1
    assert found["test"].correct == 0


def test_a_histogram_counts_every_answer_and_those_beyond_in_the_outermost_bins():
    chart = charts.margin_chart({"Unlearned": outputs([[-1e6, 0.1, 0.2, 1e6]])}, np.linspace(-1, 1, 3))
    assert chart.traces[0].y == (25.0, 75.0)


def test_histograms_hold_bins_and_never_raw_arrays():
    many = outputs(np.random.default_rng(0).normal(size=(10, 5000)))
    bins = charts.edges({"forget": many}, {"test": many})
    chart = charts.margin_chart({"Original": many, "Retrained": many, "Unlearned": many}, bins)
    assert len(json.dumps(asdict(chart))) < 5000


def test_accuracy_by_class_has_whiskers_from_worst_to_best_and_skips_absent_classes():
    seen = outputs(np.zeros((2, 4)), [[1, 1, 0, 1], [1, 0, 0, 0]], [0, 0, 2, 2])
    trace = charts.class_chart({"Unlearned": seen}, 3).traces[0]
    assert trace.y == (75.0, 25.0)
    assert trace.below == (25.0, 25.0)
    assert trace.above == (25.0, 25.0)


def test_a_run_of_one_model_can_be_drawn(privacy):
    one = privacy.oracle.of_models(slice(1))
    seen = charts.outputs_by_side(one)
    assert charts.class_chart({"Unlearned": seen["test"]}, 4).traces[0].below == (0.0, 0.0, 0.0, 0.0)
    assert set(charts.class_chart({"Retrained": seen["test"]}, 4).traces[0].below) == {0.0}


def test_the_band_of_a_histogram_reaches_from_the_least_to_the_greatest_share_of_single_models():
    chart = charts.margin_chart({"Retrained": outputs([[-0.5, 0.5, 0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]])}, np.linspace(-1, 1, 3))
    band, mean = chart.traces
    assert band.look == "shelves"
    assert band.y[1:-1] == (37.5, 62.5)
    assert band.below == band.above == (12.5,) * 4
    assert mean.y == (37.5, 62.5)


def test_retrained_models_have_a_band_by_class_in_place_of_whiskers():
    seen = outputs(np.zeros((2, 4)), [[1, 1, 0, 1], [1, 0, 0, 0]], [0, 0, 1, 1])
    band, dots = charts.class_chart({"Retrained": seen}, 2).traces
    assert band.x == (-0.5, 0.0, 1.0, 1.5)
    assert [y - b for y, b in zip(band.y, band.below, strict=True)] == [50.0, 50.0, 0.0, 0.0]
    assert dots.below == ()


def test_classes_go_by_their_names_where_they_have_some():
    outputs_ = outputs(np.zeros((1, 2)), [[1, 1]], [0, 1])
    assert charts.class_chart({"Unlearned": outputs_}, 2).x.names == ("0", "1")
    named = charts.class_chart({"Unlearned": outputs_}, 2, ("cat", "dog"))
    assert named.x.names == ("cat", "dog")
    assert named.traces[0].hover == ("Unlearned, cat\n100.0\u00a0%", "Unlearned, dog\n100.0\u00a0%")


def test_many_long_names_of_classes_are_cut_and_make_the_chart_taller_by_their_length():
    outputs_, names = outputs(np.zeros((1, 2)), [[1, 1]], [0, 76]), tuple(f"payment_of_a_card_{n}" for n in range(77))
    short, long = (charts.class_chart({"Unlearned": outputs_}, 77, given) for given in (None, names))
    assert set(long.x.names) == {"payment_of_a_card…"}
    assert len(long.x.places) == 20
    assert short.height == 320
    assert long.height == 320 + 7 * 16
    assert long.traces[0].hover[1].startswith("Unlearned, payment_of_a_card_76\n")
