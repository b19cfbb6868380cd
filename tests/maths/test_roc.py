import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve

from untrain.maths.roc import auc, best_cut, fpr_grid, placements, places, ranking, rates, sensitivity

TIED = arrays(np.float64, st.integers(1, 20), elements=st.integers(-3, 3).map(float))


def reference(members, others, weights=None):
    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    given_weights = None if weights is None else np.r_[np.ones(len(members)), weights]
    return roc_auc_score(truth, np.r_[members, others], sample_weight=given_weights)


@given(TIED, TIED)
def test_ties_count_half_as_in_sklearn(members, others):
    assert auc(members, others) == pytest.approx(reference(members, others), abs=1e-12)


@given(TIED, TIED, st.integers(0, 9))
def test_weights_of_others_count_as_in_sklearn(members, others, seed):
    weights = np.random.default_rng(seed).uniform(0.1, 3, size=len(others))
    assert auc(members, others, weights) == pytest.approx(reference(members, others, weights), abs=1e-9)


@given(TIED, TIED)
def test_swapping_the_two_gives_the_rest(members, others):
    assert auc(members, others) + auc(others, members) == pytest.approx(1, abs=1e-12)


def test_an_integer_weight_is_a_repetition():
    members, others, weights = np.array([0.5, 2.0]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0])
    assert placements(members, others, weights) == pytest.approx(placements(members, np.repeat(others, [1, 3, 2])))


@pytest.mark.parametrize("apart", [0.0, 0.5, 1.0, 2.0])
def test_two_gaussians_give_phi_of_distance_over_root_two(apart):
    draw = np.random.default_rng(3)
    found = auc(draw.normal(apart, 1, 40_000), draw.normal(0, 1, 40_000))
    assert found == pytest.approx(norm.cdf(apart / np.sqrt(2)), abs=0.006)


def test_placements_are_shares_below():
    assert placements(np.array([-1.0, 0.0, 0.5, 9.0]), np.array([0.0, 1.0])).tolist() == [0, 0.25, 0.5, 1]


def sklearns(members, others, weights=None):
    truth = np.r_[np.ones(len(members)), np.zeros(len(others))]
    held = None if weights is None else np.r_[np.ones(len(members)), weights]
    return roc_curve(truth, np.r_[members, others], sample_weight=held, drop_intermediate=False)


def threshold(others, fpr, weights=None):
    """The least of the others' scores that others of at most a share of all their weight exceed, by trying each."""
    w = np.ones(len(others)) if weights is None else weights
    return min(cut for cut in others if w[others > cut].sum() <= fpr * w.sum() * (1 + 1e-12))


def tpr_at(members, others, fpr, weights=None):
    return (members > threshold(others, fpr, weights)).mean()


FPRS = st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9])


@given(TIED, TIED, FPRS)
def test_the_rate_at_a_false_positive_rate_is_the_greatest_on_sklearns_curve(members, others, at):
    fpr, tpr, _ = sklearns(members, others)
    assert tpr_at(members, others, at) == pytest.approx(tpr[fpr <= at + 1e-12].max(), abs=1e-12)
    assert ranking(members, others).at(at)[1] == pytest.approx(tpr_at(members, others, at), abs=1e-12)
    assert ranking(members, others).at(at)[0] == threshold(others, at)


@given(TIED, TIED, FPRS, st.integers(0, 9))
def test_it_is_what_the_drawn_rates_are_when_each_is_drawn_once(members, others, at, seed):
    weights = np.random.default_rng(seed).integers(1, 4, size=len(others)).astype(float)
    once = np.ones((1, len(members))), np.ones((1, len(others)))
    assert tpr_at(members, others, at, weights) == pytest.approx(rates(members, others, at, weights, *once)[0], abs=1e-12)


@given(TIED, TIED)
def test_one_sort_gives_the_placements_of_both(members, others):
    found = ranking(members, others)
    assert found.members == pytest.approx(placements(members, others), abs=1e-12)
    assert found.others == pytest.approx(1 - placements(others, members), abs=1e-12)
    assert found.found.tolist() == [(members > cut).sum() for cut in found.cuts]
    assert found.wrong.tolist() == [(others > cut).sum() for cut in found.cuts]


@given(TIED, TIED, st.integers(0, 9))
def test_sensitivities_lie_on_sklearns_curve(members, others, seed):
    weights = np.random.default_rng(seed).uniform(0.1, 3, size=len(others))
    for held in (None, weights):
        known = sklearns(members, others, held)
        fpr = fpr_grid(len(others))
        for x, y in zip(fpr, sensitivity(members, others, fpr, held), strict=True):
            assert y == pytest.approx(known[1][known[0] <= x + 1e-9].max(), abs=1e-9)


def test_a_grid_runs_from_one_non_member_to_all_of_them():
    fpr = fpr_grid(500)
    assert (fpr[0], fpr[-1], len(fpr)) == (pytest.approx(1 / 500), 1.0, 48)
    np.testing.assert_allclose(np.diff(np.log(fpr)), np.log(500) / 47)
    assert fpr_grid(1)[0] == 0.5


@given(TIED, TIED, st.integers(0, 9))
def test_no_cut_is_better_than_the_best(members, others, seed):
    weights = np.random.default_rng(seed).uniform(0.1, 3, size=len(others))
    truth, scores = np.repeat([1, 0], [len(members), len(others)]), np.r_[members, others]

    def balanced_accuracy(cut):
        return balanced_accuracy_score(truth, scores > cut, sample_weight=np.r_[np.ones(len(members)), weights])

    best = balanced_accuracy(best_cut(members, others, None, weights))
    assert best >= max(map(balanced_accuracy, np.arange(-4, 5) + 0.5)) - 1e-12


def test_constant_scores_have_a_curve_and_a_cut():
    same = np.ones(5)
    assert sensitivity(same, same, np.array([0.1, 0.9, 1.0])).tolist() == [0, 0, 1]
    assert np.isfinite(best_cut(same, same))


SHARES = np.array([0.0, 0.01, 0.1, 0.25, 0.5])


def test_a_sensitivity_is_the_rate_that_intervals_are_made_of():
    draw = np.random.default_rng(0)
    members, others, weights = draw.normal(0.5, 1, 60), np.round(draw.normal(size=80), 1), draw.uniform(0.5, 2, 80)
    ours = sensitivity(members, others, SHARES, weights)
    theirs = [rates(members, others, r, weights, np.ones((1, 60)), np.ones((1, 80)))[0] for r in SHARES]
    np.testing.assert_allclose(ours, theirs)


def test_all_members_are_found_where_all_others_may_be_taken_for_members():
    assert sensitivity(np.array([-5.0]), np.array([1.0, 2.0]), np.array([0.5, 1.0]), np.ones(2)).tolist() == [0.0, 1.0]


def test_the_area_under_a_curve_is_that_of_the_attack():
    draw = np.random.default_rng(1)
    members, others = draw.normal(1, 1, 4000), draw.normal(0, 1, 4000)
    fine = np.linspace(0, 1, 2001)
    area = np.trapezoid(sensitivity(members, others, fine, np.ones(4000)), fine)
    assert area == pytest.approx(0.7602, abs=0.012)  # Phi(1 / sqrt(2))


@given(TIED, TIED, FPRS, st.integers(0, 99))
def test_to_be_drawn_twice_is_to_be_there_twice(members, others, at, seed):
    draw = np.random.default_rng(seed)
    often = draw.integers(0, 3, (4, len(members))), draw.integers(0, 3, (4, len(others)))
    often[0][:, 0] += 1
    often[1][:, 0] += 1
    found = rates(members, others, at, None, *often, block=3)
    for value, a, b in zip(found, *often, strict=True):
        assert value == pytest.approx(tpr_at(np.repeat(members, a), np.repeat(others, b), at), abs=1e-12)


def test_a_threshold_outside_the_highest_scores_is_found_too():
    """Nearly all weight lies on the lowest of many others, so that the threshold is it."""
    others, members = np.arange(1000.0), np.array([-1.0, 0.5, 2.0])
    weights = np.r_[1e6, np.ones(999)]
    assert rates(members, others, 0.01, weights, np.ones((1, 3)), np.ones((1, 1000)))[0] == pytest.approx(2 / 3)
    assert tpr_at(members, others, 0.01, weights) == pytest.approx(2 / 3)


@pytest.mark.parametrize("sizes", [(1, 1), (7, 12), (400, 600), (401, 600)])
@pytest.mark.parametrize("ties", [0, 9])
@pytest.mark.parametrize("odd", [None, np.inf, np.nan])
def test_places_are_those_of_the_ranking_to_the_last_bit(sizes, ties, odd):
    draw = np.random.default_rng(len(str(odd)) + ties)
    members, others = (draw.normal(size=size).round(ties) for size in sizes)
    if odd is not None:
        others[::2] = odd
    ranked = ranking(members, others)
    for place, known in zip(places(members, others), (ranked.members, ranked.others), strict=True):
        assert place.tobytes() == known.tobytes()
