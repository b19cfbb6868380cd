"""ROC curves of attacks."""

from dataclasses import replace

import numpy as np
import pytest

from untrain.evaluation.attacks.lira import LiRA
from untrain.evaluation.attacks.thresholdmia import ThresholdMIA
from untrain.evaluation.base import Evaluator
from untrain.evaluation.glossary import evaluators
from untrain.evaluation.observation import Observation
from untrain.evaluation.observers.zlibmia import ZlibMIA
from untrain.maths.logits import losses
from untrain.maths.roc import sensitivity
from untrain.reports.html import roc_charts

SCORED = {f"{name}_auc": {"value": 0.5} for name in ("mia_loss", "mia_lira", "mia_lira_offline")}


def chart(material, evaluator, name, outputs=None):
    (attack,) = roc_charts.attacks(replace(material, evaluators=[evaluator]))
    outputs = material.unlearned["DEL()"] if outputs is None else outputs
    return roc_charts.charts(attack, outputs, SCORED)[name][1]


def test_a_chart_has_the_band_of_retrained_models_on_logarithmic_axes(privacy):
    drawn = chart(privacy, ThresholdMIA(), "mia_loss")
    assert [t.name for t in drawn.traces] == ["Guessing", "Original", "Single retrained models", "Retrained", "Unlearned"]
    band, mean = drawn.traces[2], drawn.traces[3]
    assert drawn.x.log
    assert drawn.y.log
    inside = [y - b - 0.01 <= m <= y + a + 0.01 for y, b, a, m in zip(band.y, band.below, band.above, mean.y, strict=True)]
    assert all(inside)
    assert drawn.x.least == pytest.approx(100 / 20)  # one of 20 test examples
    assert min(min(t.y) for t in drawn.traces) >= drawn.y.least - 1e-3


def test_the_loss_attack_is_drawn_as_its_losses_say(privacy):
    ours = privacy.unlearned["DEL()"]
    sure, forget, test = -losses(ours.logits, ours.labels), ours.side == "forget", ours.side == "test"
    rates = np.geomspace(1 / 20, 1, 48)
    each = [
        sensitivity(row[forget], row[test], rates, np.full(20, 1.0)) for row in sure
    ]  # both sides hold each class equally often
    drawn = chart(privacy, ThresholdMIA(), "mia_loss").traces[-1]
    assert drawn.x == pytest.approx(100 * rates, abs=1e-4)
    assert drawn.y == pytest.approx(100 * np.maximum(np.mean(each, axis=0), 0.5 / 12), abs=1e-4)


def test_without_originals_there_is_a_chart_and_without_a_class_none(privacy):
    assert len(chart(replace(privacy, original=None), ThresholdMIA(), "mia_loss", privacy.oracle).traces) == 4
    seen = privacy.oracle
    lacking = np.where((seen.side == "test") & (seen.labels == 0), 1, seen.labels)
    bare = Observation.of_logits(seen.logits, lacking, lacking, seen.side, seen.ids)
    (attack,) = roc_charts.attacks(replace(privacy, oracle=bare, original=None, evaluators=[ThresholdMIA()]))
    assert roc_charts.charts(attack, bare, SCORED) == {}


def test_where_non_members_are_retrained_models_these_have_no_curve_of_their_own(privacy):
    drawn = chart(privacy, LiRA(), "mia_lira_offline")
    assert [t.name for t in drawn.traces] == ["Guessing", "Original", "Unlearned"]
    assert "retrained models" in drawn.x.title


def test_only_curves_whose_area_is_a_score_are_drawn(privacy):
    (attack,) = roc_charts.attacks(replace(privacy, evaluators=[ThresholdMIA()]))
    scores = {"mia_loss_auc": {"value": 0.5}, "mia_entropy_auc": {"value": None}}
    assert list(roc_charts.charts(attack, privacy.oracle, scores)) == ["mia_loss"]


def test_an_observer_that_attacks_membership_has_its_curve_too(privacy):
    def looked(outputs, shift):
        rows, sides = outputs.models, np.count_nonzero([(outputs.side == side) for side in ("forget", "test")])
        return replace(outputs, observed={repr(ZlibMIA()): np.linspace(0, 1, rows * sides).reshape(rows, sides) + shift})

    observed = replace(privacy, evaluators=[ZlibMIA()], original=looked(privacy.original, 0), oracle=looked(privacy.oracle, 1))
    (attack,) = roc_charts.attacks(observed)
    drawn = roc_charts.charts(attack, looked(privacy.unlearned["DEL()"], 2), {"mia_zlib_auc": {"value": 0.5}})["mia_zlib"][1]
    assert [t.name for t in drawn.traces] == ["Guessing", "Original", "Single retrained models", "Retrained", "Unlearned"]


def test_attacks_are_those_evaluators_that_give_curves(privacy):
    names = {type(a.evaluator).__name__ for a in roc_charts.attacks(replace(privacy, evaluators=evaluators()))}
    assert names == {"LiRA", "RMIA", "ThresholdMIA", "ULiRA"}
    assert not roc_charts.has_curves(next(e for e in evaluators() if type(e).curves is Evaluator.curves))


def test_each_curve_has_its_area_among_the_scores_of_its_attack(privacy):
    enough = replace(privacy, original=privacy.unlearned["Nothing()"], evaluators=evaluators())
    for attack in roc_charts.attacks(enough):
        assert {f"{name}_auc" for name in attack.curves} <= attack.evaluator.scores.keys()


@pytest.mark.parametrize(("least", "places"), [(0.004, (0.5, 1, 2, 5, 10, 20, 50, 100)), (1e-4, (0.01, 0.1, 1, 10, 100))])
def test_an_axis_names_powers_of_ten_and_between_them_where_they_are_few(least, places):
    assert roc_charts._axis("x", least).places == pytest.approx(places)
