"""ROC curves of the loss attack."""

from dataclasses import replace

import numpy as np
import pytest

from untrain.evaluation.observation import Observation
from untrain.reports.html import roc_charts


def test_a_chart_has_the_band_of_retrained_models_on_logarithmic_axes(privacy):
    chart = roc_charts.chart(roc_charts.known(privacy), privacy.unlearned["DEL()"])
    assert [t.name for t in chart.traces] == ["Guessing", "Original", "Single retrained models", "Retrained", "Unlearned"]
    band, mean = chart.traces[2], chart.traces[3]
    assert chart.x.log
    assert chart.y.log
    inside = [y - b - 0.01 <= m <= y + a + 0.01 for y, b, a, m in zip(band.y, band.below, band.above, mean.y, strict=True)]
    assert all(inside)
    assert chart.x.least == pytest.approx(100 / 20)  # one of 20 test examples
    assert min(min(t.y) for t in chart.traces) >= chart.y.least - 1e-3


def test_without_originals_there_is_a_chart_and_without_a_class_none(privacy):
    assert len(roc_charts.chart(roc_charts.known(replace(privacy, original=None)), privacy.oracle).traces) == 4
    seen = privacy.oracle
    lacking = np.where((seen.side == "test") & (seen.labels == 0), 1, seen.labels)
    bare = Observation.of_logits(seen.logits, lacking, lacking, seen.side, seen.ids)
    assert roc_charts.chart(roc_charts.known(replace(privacy, oracle=bare, original=None)), bare) is None


@pytest.mark.parametrize(("least", "places"), [(0.004, (0.5, 1, 2, 5, 10, 20, 50, 100)), (1e-4, (0.01, 0.1, 1, 10, 100))])
def test_an_axis_names_powers_of_ten_and_between_them_where_they_are_few(least, places):
    assert roc_charts._axis("x", least).places == pytest.approx(places)
