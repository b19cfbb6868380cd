import numpy as np
import pytest
from scipy.stats import norm

from untrain.evaluation.attacks.ulira import ULiRA
from untrain.evaluation.base import Prepared
from untrain.evaluation.scoring.resampling import number


def tried(ours, theirs, made=None):
    side = np.repeat("forget", ours.shape[1])
    return {
        n: m if isinstance(m, str) else number(m)
        for n, m in (made or ULiRA()).evaluate(Prepared(ours, theirs, side, False)).items()
    }


def normal(shape, mean=0.0, spread=1.0, seed=0):
    return np.random.default_rng(seed).normal(mean, spread, shape)


@pytest.mark.parametrize("apart", [1.0, 2.0])
def test_it_tells_two_gaussians_by_phi_of_half_the_distance(apart):
    found = tried(normal((40, 500), apart, seed=1), normal((40, 500)))
    assert found["mia_ulira_accuracy"] == pytest.approx(norm.cdf(apart / 2), abs=0.015)
    assert found["mia_ulira_auc"] == pytest.approx(norm.cdf(apart / np.sqrt(2)), abs=0.02)
    assert found["mia_ulira_accuracy"] == pytest.approx((found["mia_ulira_tpr"] + found["mia_ulira_tnr"]) / 2)


@pytest.mark.parametrize("sign", [-1, 1])
def test_it_sees_remembering_and_over_forgetting_alike(sign):
    found = tried(normal((8, 300), sign * 1.5, seed=1), normal((12, 300)))
    assert found["mia_ulira_accuracy"] > 0.7


def test_it_sees_a_spread_that_one_threshold_does_not():
    found = tried(normal((60, 300), 0, 0.5, 1), normal((60, 300)), ULiRA(variance="example"))
    assert found["mia_ulira_accuracy"] == pytest.approx(0.6613, abs=0.02)


def test_scored_in_sample_equal_populations_are_flagged_under_another_name():
    ours, theirs = normal((10, 4000), seed=1), normal((10, 4000))
    biased = tried(ours, theirs, ULiRA(form="in_sample", variance="example"))
    assert [n for n, v in biased.items() if not isinstance(v, str)] == ["mia_ulira_in_sample"]
    assert biased["mia_ulira_in_sample"] == pytest.approx(0.610, abs=0.01)
    assert "biased" in ULiRA.scores["mia_ulira_in_sample"].weak
    honest = tried(ours, theirs)
    assert honest["mia_ulira_accuracy"] == pytest.approx(0.5, abs=0.015)
    assert honest["mia_ulira_in_sample"] == "only ULiRA(form='in_sample') gives it"


def test_the_strong_form_gives_a_true_positive_rate_alone():
    found = tried(normal((40, 1000), 1, seed=1), normal((40, 1000)), ULiRA(form="strong", variance="example"))
    assert [n for n, v in found.items() if not isinstance(v, str)] == ["mia_ulira_strong"]
    assert found["mia_ulira_strong"] == pytest.approx(0.688, abs=0.02)


def test_oracles_against_themselves_are_at_one_half_exactly():
    theirs = normal((9, 50))
    found = tried(theirs, theirs)
    assert (found["mia_ulira_accuracy"], found["mia_ulira_auc"]) == pytest.approx((0.5, 0.5), abs=1e-12)


@pytest.mark.parametrize("sizes", [(1, 20), (2, 9), (9, 2)])
def test_too_few_models_are_a_reason(sizes):
    ours, theirs = (normal((m, 30), seed=m) for m in sizes)
    found = tried(ours, theirs)
    assert all("at least 3 of each" in told for told in found.values())
    assert "mia_ulira_accuracy" in found


def test_three_models_of_each_kind_are_enough():
    assert all(np.isfinite(v) for v in tried(normal((3, 500), seed=1), normal((3, 500))).values() if isinstance(v, float))


def test_what_is_given_is_in_the_glossary():
    for form in ("disjoint", "strong", "in_sample"):
        assert set(tried(normal((4, 30), seed=1), normal((4, 30)), ULiRA(form=form))) == set(ULiRA.scores)
