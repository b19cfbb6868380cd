"""Linear datamodeling scores: the definition, and intervals that hold the score of other models and other outputs."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from untrain.attribution.attributors.meandifference import MeanDifference
from untrain.attribution.lds import linear_datamodeling_score, predicted_outputs
from untrain.attribution.toy import planted
from untrain.core.errors import DataError


def tables(seed, models=40, targets=60, spread=0.3):
    """Predictions that correlate with the outputs by shares of their own, and by models of their own."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(models, targets))
    quality = np.clip(0.5 + spread * rng.normal(size=targets), 0, 1)
    return signal, quality * signal + np.sqrt(1 - quality**2) * rng.normal(size=(models, targets))


def test_the_score_is_the_mean_of_spearmans_correlations():
    predicted, actual = tables(0)
    actual[:, 3] = actual[:, 3].round()  # ties
    expected = np.mean([spearmanr(predicted[:, t], actual[:, t]).statistic for t in range(60)])
    assert linear_datamodeling_score(predicted, actual).value == pytest.approx(expected, abs=1e-12)


def test_ranks_alone_count():
    predicted, actual = tables(0)
    assert linear_datamodeling_score(np.exp(predicted), actual) == linear_datamodeling_score(predicted, actual)


def test_intervals_hold_the_score_of_endless_models_and_outputs():
    truth = linear_datamodeling_score(*tables(10_000, models=2_000, targets=2_000)).value
    hits = 0
    for seed in range(60):
        score = linear_datamodeling_score(*tables(seed))
        assert score.low <= score.value <= score.high
        hits += score.low <= truth <= score.high
    assert hits >= 54


def test_more_models_or_more_outputs_make_the_interval_narrow():
    wide = linear_datamodeling_score(*tables(0, 20, 40))
    for score in (linear_datamodeling_score(*tables(0, 20, 400)), linear_datamodeling_score(*tables(0, 200, 40))):
        assert score.high - score.low < wide.high - wide.low


def test_outputs_without_a_spread_are_left_out_and_counted():
    predicted, actual = tables(0)
    part = linear_datamodeling_score(predicted[:, 2:], actual[:, 2:])
    actual[:, 0] = 1.0
    predicted[:, 1] = 2.0
    whole = linear_datamodeling_score(predicted, actual)
    assert (whole.still, whole.targets, whole.models) == (2, 58, 40)
    assert whole.value == part.value


def test_values_that_are_right_predict_models_that_were_held_out():
    evidence, effects = planted()
    fit, out = slice(None, 400), slice(400, None)
    part = type(evidence)(evidence.train, evidence.asked, evidence.task, evidence.outputs[fit], evidence.seen[fit])
    centre = part.outputs.mean(0)
    for values in (effects, MeanDifference()(part)):
        predicted = predicted_outputs(values, evidence.seen[out], centre, part.seen.mean(0))
        score = linear_datamodeling_score(predicted[:, :, 0], evidence.outputs[out, :, 0])
        assert score.value > 0.95
    assert np.abs(predicted - evidence.outputs[out]).mean() < 0.3


@pytest.mark.parametrize(("predicted", "actual", "said"), [
    (np.zeros((20, 3)), np.zeros((20, 4)), r"\(models, outputs\) both"),
    (np.zeros(20), np.zeros(20), r"\(models, outputs\) both"),
    (np.eye(19), np.eye(19), "takes 20 held-out models or more; there are 19"),
    (np.zeros((20, 3)), np.eye(20)[:, :3], "there are no ranks to compare"),
    (np.full((20, 3), np.nan), np.eye(20)[:, :3], "NaN or infinite"),
])  # fmt: skip
def test_bad_input_is_refused_in_one_line(predicted, actual, said):
    with pytest.raises(DataError, match=said):
        linear_datamodeling_score(predicted, actual)


def test_predictions_need_values_of_all_examples():
    with pytest.raises(DataError, match=r"\(rows, examples, classes\), \(models, rows\) and \(examples, classes\) are needed"):
        predicted_outputs(np.zeros((3, 2, 1)), np.zeros((5, 4), dtype=bool), np.zeros((2, 1)))
