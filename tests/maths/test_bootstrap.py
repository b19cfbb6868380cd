import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from untrain.maths.bootstrap import basic, resampled_means, resamples


@given(st.integers(1, 40), st.integers(1, 30))
def test_each_resample_draws_as_many_as_there_are(n, draws):
    counts = resamples(n, draws, 0, "x")
    assert counts.shape == (draws, n)
    assert (counts.sum(1) == n).all()


def test_the_same_arguments_give_the_same_resamples_and_other_labels_others():
    first = resamples(30, 20, 0, "examples forget").copy()
    resamples.cache_clear()
    assert (resamples(30, 20, 0, "examples forget") == first).all()
    assert (resamples(30, 20, 0, "examples test") != first).any()
    assert (resamples(30, 20, 1, "examples forget") != first).any()


def test_shared_resamples_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        resamples(5, 4, 0, "x")[0, 0] = 9


def test_one_model_is_always_itself():
    assert (resamples(1, 50, 0, "models") == 1).all()


def test_counts_have_the_mean_and_variance_of_a_multinomial():
    counts = resamples(50, 4000, 0, "x").astype(float)
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.02)


@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 7))
def test_resampled_means_are_means_of_the_repeated_table(models, examples, block):
    table = np.random.default_rng(0).normal(size=(models, examples))
    rows, columns = resamples(models, 10, 0, "models"), resamples(examples, 10, 0, "examples")
    slow = [table[np.repeat(np.arange(models), r)][:, np.repeat(np.arange(examples), c)].mean() for r, c in zip(rows, columns)]  # noqa: B905
    assert resampled_means(table, rows, columns, block) == pytest.approx(np.array(slow), abs=1e-12)


@given(st.floats(-1, 1), arrays(np.float64, 40, elements=st.floats(-5, 5)))
def test_an_interval_holds_its_value_and_keeps_its_bounds(value, draws):
    low, high = basic(value, draws, -1.0, 1.0)
    assert -1 <= low <= value <= high <= 1


def test_the_basic_interval_is_the_reflected_one():
    draws = np.linspace(0, 1, 1001)
    assert basic(0.3, draws, -9, 9) == pytest.approx((0.6 - 0.975, 0.6 - 0.025))


def test_draws_without_spread_give_a_point():
    assert basic(0.25, np.full(100, 0.25), 0, 1) == (0.25, 0.25)


def test_the_interval_of_a_mean_over_models_and_examples_covers_the_truth():
    draw, hits, tries = np.random.default_rng(5), 0, 300
    for _ in range(tries):
        table = draw.normal(0, 0.3, (15, 1)) + draw.normal(0, 1, (1, 60)) + draw.normal(0, 0.5, (15, 60))
        drawn = resampled_means(table, resamples(15, 300, 0, "models"), resamples(60, 300, 0, "examples"))
        low, high = basic(table.mean(), drawn, -np.inf, np.inf)
        hits += low <= 0 <= high
    assert hits / tries == pytest.approx(0.95, abs=0.04)


def test_resampling_one_axis_alone_would_be_too_narrow():
    draw, hits, tries = np.random.default_rng(5), 0, 200
    for _ in range(tries):
        table = draw.normal(0, 0.3, (15, 1)) + draw.normal(0, 1, (1, 60)) + draw.normal(0, 0.5, (15, 60))
        drawn = resampled_means(table, resamples(15, 300, 0, "models"), np.ones((300, 60)))
        low, high = basic(table.mean(), drawn, -np.inf, np.inf)
        hits += low <= 0 <= high
    assert hits / tries < 0.85
