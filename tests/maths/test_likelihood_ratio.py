import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from untrain.maths.likelihood_ratio import (
    Gaussians,
    calls,
    folds,
    gaussians,
    in_sample,
    leave_one_out,
    log_ratios,
    standardized,
    ulira,
    without,
)


def accuracy(held):
    found, left = calls(held.unlearned), held.share[:, None] * (1 - calls(held.oracle))
    return (found.mean() + left.mean()) / 2


def populations(models, examples, shift=0.0, spread=1.0, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(shift, spread, (models, examples)), draw.normal(0, 1, (models, examples))


def naive(unlearned, oracle, fold_u, fold_o, floor):
    """Model by model and example by example: the fits leave out the target's fold."""

    def score(x, u, o):
        a, b = (norm(s.mean(), max(s.std(), floor)) for s in (u, o))
        return a.logpdf(x) - b.logpdf(x)

    tables = []
    for target, fold in ((unlearned, fold_u), (oracle, fold_o)):
        tables.append(
            [
                [score(target[k, i], unlearned[fold_u != fold[k], i], oracle[fold_o != fold[k], i]) for i in range(target.shape[1])]
                for k in range(len(target))
            ]
        )
    return tables


@pytest.mark.parametrize("sizes", [(6, 6), (5, 9), (12, 7)])
def test_the_ratios_are_those_of_scipys_densities(sizes):
    draw = np.random.default_rng(1)
    ours, theirs = draw.normal(0.5, 1, (sizes[0], 4)), draw.normal(0, 2, (sizes[1], 4))
    count = min(4, *sizes)
    held = ulira(ours, theirs, parts=4, variance="example")
    expected = naive(ours, theirs, folds(ours, count), folds(theirs, count), 1e-3)
    assert held.unlearned == pytest.approx(np.array(expected[0]), abs=1e-9)
    assert held.oracle == pytest.approx(np.array(expected[1]), abs=1e-9)


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0, 3.0])
def test_two_gaussians_apart_are_told_by_phi_of_half_the_distance(shift):
    models, examples = 200, 100
    held = ulira(*populations(models, examples, shift), variance="example")
    error = np.sqrt(0.25 / (2 * models * examples))
    assert accuracy(held) == pytest.approx(norm.cdf(shift / 2), abs=2 * error + 0.003)  # fits to 180 models lose a little


def test_a_difference_of_spread_alone_is_told():
    assert accuracy(ulira(*populations(300, 100, spread=0.5), variance="example")) == pytest.approx(0.6613, abs=0.008)


@pytest.mark.parametrize("models", [3, 5, 10, 20])
@pytest.mark.parametrize("variance", ["example", "global"])
def test_equal_populations_score_one_half_however_few_models(models, variance):
    held = ulira(*populations(models, 20_000), variance=variance)
    assert accuracy(held) == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 20_000))


@pytest.mark.parametrize("sizes", [(3, 7), (5, 6), (4, 30), (11, 5)])
def test_equal_populations_of_unequal_numbers_score_one_half_too(sizes):
    draw = np.random.default_rng(3)
    held = ulira(*(draw.normal(size=(m, 20_000)) for m in sizes), variance="example")
    assert accuracy(held) == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 20_000))
    assert held.share.mean() == pytest.approx(1)


@pytest.mark.parametrize(("models", "golden"), [(5, 0.658), (10, 0.610), (20, 0.574), (40, 0.550)])
def test_scored_in_sample_equal_populations_seem_to_differ(models, golden):
    found = calls(in_sample(*populations(models, 20_000))).mean()
    assert found == pytest.approx(golden, abs=0.006)
    assert accuracy(ulira(*populations(models, 20_000))) < 0.51


@pytest.mark.parametrize(("models", "shift", "golden"), [(10, 1, 0.661), (40, 1, 0.688), (10, 2, 0.831), (40, 2, 0.839)])
def test_one_left_out_at_a_time_gives_the_golden_rates(models, shift, golden):
    ours, theirs = populations(models, 8000, shift)
    both = (calls(leave_one_out(ours, theirs)).mean() + calls(leave_one_out(theirs, ours)).mean()) / 2
    assert both == pytest.approx(golden, abs=0.006)


def test_one_left_out_at_a_time_is_biased_where_models_are_few():
    ours, theirs = populations(5, 40_000)
    both = (calls(leave_one_out(ours, theirs)).mean() + calls(leave_one_out(theirs, ours)).mean()) / 2
    assert 0.465 < both < 0.49


@pytest.mark.parametrize("values", [(1.0, 1.0), (0.1, 0.1), (0.0, 3.0)])
def test_constant_margins_give_finite_scores(values):
    ours, theirs = (np.full((5, 8), v) for v in values)
    held = ulira(ours, theirs)
    for scores in (held.unlearned, held.oracle, leave_one_out(ours, theirs), in_sample(ours, theirs)):
        assert np.isfinite(scores).all()
    assert accuracy(held) == (0.5 if values[0] == values[1] else 1.0)


def test_the_populations_themselves_swapped_for_one_another_change_signs():
    ours, theirs = populations(7, 30, 1.0)
    one, other = ulira(ours, theirs), ulira(theirs, ours)
    assert one.unlearned == pytest.approx(-other.oracle)
    assert one.oracle == pytest.approx(-other.unlearned)


def test_a_population_against_itself_scores_one_half_exactly():
    _, theirs = populations(9, 40)
    assert accuracy(ulira(theirs, theirs)) == 0.5


@given(st.integers(0, 100), st.integers(3, 9), st.integers(3, 9))
def test_the_order_of_models_and_of_examples_does_not_matter(seed, m, k):
    draw = np.random.default_rng(seed)
    ours, theirs = draw.normal(1, 1, (m, 12)), draw.normal(0, 1, (k, 12))
    rows, others, columns = draw.permutation(m), draw.permutation(k), draw.permutation(12)
    one, two = ulira(ours, theirs), ulira(ours[rows][:, columns], theirs[others][:, columns])
    assert two.unlearned == pytest.approx(one.unlearned[rows][:, columns], abs=1e-9)
    assert two.oracle == pytest.approx(one.oracle[others][:, columns], abs=1e-9)


@given(st.integers(0, 100), st.integers(1, 7))
def test_the_size_of_a_block_does_not_matter(seed, block):
    draw = np.random.default_rng(seed)
    sample, keep = draw.normal(5, 2, (6, 13)), without(np.arange(6) % 3, 3)
    for variance in ("example", "global"):
        whole, parts = gaussians(sample, keep, variance), gaussians(sample, keep, variance, block=block)
        assert parts.mean == pytest.approx(whole.mean)
        assert parts.variance == pytest.approx(whole.variance)
        at = np.arange(6) % 3
        assert log_ratios(sample, at, whole, whole, block).tolist() == np.zeros((6, 13)).tolist()


@given(st.integers(1, 30), st.integers(1, 10), st.integers(0, 50))
def test_folds_are_as_even_as_can_be(models, count, seed):
    found = np.bincount(folds(np.random.default_rng(seed).normal(size=(models, 5)), count), minlength=count)
    assert found.sum() == models
    assert found.max() - found.min() <= 1


def test_folds_say_nothing_of_size():
    """Were they drawn by rank, the folds would be alike, and a held-out fold unlike what is new."""
    rows = np.random.default_rng(0).normal(size=(4000, 1))
    means = [rows[folds(rows, 2) == f].mean() for f in (0, 1)]
    assert abs(means[0] - means[1]) / np.sqrt(1 / 1000) < 4
    assert abs(np.corrcoef(folds(rows, 2), np.argsort(np.argsort(rows[:, 0])))[0, 1]) < 0.06


def test_fits_are_means_and_variances_of_the_models_kept():
    sample, keep = np.random.default_rng(0).normal(1e3, 1, (7, 5)), np.array([[True] * 7, [False, True] * 3 + [True]])
    found = gaussians(sample, keep, floor=1e-9)
    for at, rows in enumerate(keep):
        assert found.mean[at] == pytest.approx(sample[rows].mean(0), abs=1e-9)
        assert found.variance[at] == pytest.approx(sample[rows].var(0), abs=1e-9)
    shared = gaussians(sample, keep, "global", floor=1e-9)
    assert shared.variance[:, 0] == pytest.approx([sample[rows].var(0, ddof=1).mean() for rows in keep], abs=1e-9)


@pytest.mark.parametrize(("models", "width"), [(63, 1), (64, 6)])
def test_auto_takes_each_examples_own_variance_from_64_models_on(models, width):
    found = gaussians(np.random.default_rng(0).normal(size=(models, 6)), np.ones((1, models), dtype=bool), "auto")
    assert found.variance.shape[1] == width


def test_offline_scores_are_standardized():
    fit = Gaussians(np.array([[1.0, 2.0]]), np.array([[4.0, 0.25]]))
    assert standardized(np.array([[3.0, 1.0]]), np.array([0]), fit).tolist() == [[1.0, -2.0]]


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_lira_online_with_known_gaussians_has_the_area_of_two_gaussians(apart):
    """The log-ratio is linear in the margin when variances are equal, so its area is Phi(d / sqrt 2)."""
    draw = np.random.default_rng(0)
    inside, outside = (Gaussians(np.full((1, 1), mean), np.ones((1, 1))) for mean in (apart, 0.0))
    member, other = draw.normal(apart, 1, (20_000, 1)), draw.normal(0, 1, (20_000, 1))
    at = np.zeros(20_000, dtype=int)
    a, b = (log_ratios(x, at, inside, outside).ravel() for x in (member, other))
    assert (np.searchsorted(np.sort(b), a) / 20_000).mean() == pytest.approx(norm.cdf(apart / np.sqrt(2)), abs=0.007)
