"""Leave-out ensembles against what can be worked out, planted and simulated."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrain.attribution.memorization import influence, influences, memorization
from untrain.core.errors import DataError

EFFECTS = np.array([1.0, 2.0, 3.0, 4.0])
ALL = np.array(list(product([False, True], repeat=4)))
PAIRS = np.array([[i in pair for i in range(4)] for pair in combinations(range(4), 2)])


def summed(seen):
    """f(S) = the sum of the effects of what was seen, the same answer on all four examples."""
    return np.repeat((seen @ EFFECTS)[:, None], 4, axis=1)


@pytest.mark.parametrize(("seen", "expected"), [(ALL, EFFECTS), (PAIRS, [-2, -2 / 3, 2 / 3, 2])], ids=["all subsets", "size two"])
def test_a_sum_of_effects_is_taken_apart(seen, expected):
    assert memorization(summed(seen), seen).value == pytest.approx(np.asarray(expected), abs=1e-12)
    crossed = influence(summed(seen), seen)
    assert crossed.value == pytest.approx(np.repeat(np.asarray(expected)[:, None], 4, 1), abs=1e-12)


def test_what_is_looked_up_is_memorized_and_nothing_else():
    rng = np.random.default_rng(0)
    seen = rng.random((40, 300)) < 0.5
    known = rng.random(300) < 0.6  # right whether seen or not
    kept = np.arange(300) < 30  # right when seen: a look-up
    known &= ~kept
    right = (known | (kept & seen)).astype(float)
    found = memorization(right, seen)
    assert (found.value[kept] == 1).all()
    assert (found.value[~kept] == 0).all()
    assert (found.low[kept] > 0.5).all()
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()


@given(st.integers(0, 10_000), st.integers(5, 12), st.integers(1, 6), st.booleans())
@settings(deadline=None, max_examples=40)
def test_each_number_is_that_of_two_plain_groups(seed, m, n, binary):
    rng = np.random.default_rng(seed)
    seen = rng.random((m, n)) < 0.5
    answers = rng.normal(size=(m, n)) + 100
    if binary:
        answers = (answers > 100).astype(float)
    alone, crossed = memorization(answers, seen), influence(answers, seen)
    for i in range(n):
        inside, outside = answers[seen[:, i], i], answers[~seen[:, i], i]
        assert (alone.saw[i], alone.missed[i]) == (len(inside), len(outside))
        few = min(len(inside), len(outside)) < 2
        error = np.sqrt(inside.var(ddof=1) / len(inside) + outside.var(ddof=1) / len(outside)) if not few else np.nan
        value = inside.mean() - outside.mean() if not few else np.nan
        assert alone.value[i] == pytest.approx(value, abs=1e-9, nan_ok=True)
        assert alone.error[i] == pytest.approx(error, abs=1e-9, nan_ok=True)
        for name in ("value", "error", "low", "high"):
            assert getattr(crossed, name)[i, i] == pytest.approx(getattr(alone, name)[i], abs=1e-7, nan_ok=True)


def test_an_example_with_too_few_models_on_a_side_has_no_number_and_its_counts_say_why():
    seen = np.zeros((6, 3), dtype=bool)
    seen[:3, 0], seen[:1, 1], seen[:5, 2] = True, True, True
    found = memorization(np.random.default_rng(0).normal(size=(6, 3)), seen)
    assert np.isnan(found.value).tolist() == [False, True, True]
    assert np.isnan(found.high).tolist() == [False, True, True]
    assert found.saw.tolist() == [3, 1, 5]
    assert found.missed.tolist() == [3, 5, 1]


def test_influence_comes_in_blocks_that_add_up_to_the_whole():
    rng = np.random.default_rng(1)
    seen, answers = rng.random((20, 37)) < 0.5, rng.normal(size=(20, 11))
    whole = influence(answers, seen)
    assert whole.value.shape == (37, 11)
    assert whole.saw.shape == (37, 1)
    parts = list(influences(answers, seen, block=4))
    assert max(owed.value.shape[0] for _, owed in parts) == 4
    assert np.concatenate([rows for rows, _ in parts]).tolist() == list(range(37))
    for name in ("value", "error", "low", "high"):
        assert np.concatenate([getattr(owed, name) for _, owed in parts]) == pytest.approx(getattr(whole, name), abs=1e-12)
    assert influence(answers, seen, np.array([5, 2])).value == pytest.approx(whole.value[[5, 2]])


def test_the_order_of_models_does_not_matter():
    rng = np.random.default_rng(2)
    seen, answers, turn = rng.random((15, 8)) < 0.5, rng.normal(size=(15, 8)), rng.permutation(15)
    assert memorization(answers[turn], seen[turn]).value == pytest.approx(memorization(answers, seen).value)


@pytest.mark.parametrize("kind", ["numbers", "shares near one", "shares"])
def test_intervals_hold_the_truth_19_times_in_20(kind):
    # 4,000 examples, each with an effect of its own that 24 models show with noise.
    rng = np.random.default_rng(3)
    m, n = 24, 4000
    seen = rng.random((m, n)) < 0.5
    if kind == "numbers":
        truth = rng.normal(size=n)
        answers = np.where(seen, truth + rng.normal(0, 1.5, (m, n)), rng.normal(0, 0.5, (m, n)))
    else:
        low, high = (0.93, 0.99) if kind == "shares near one" else (0.3, 0.8)
        truth = np.full(n, high - low)
        answers = (rng.random((m, n)) < np.where(seen, high, low)).astype(float)
    found = memorization(answers, seen)
    there = np.isfinite(found.value)
    held = ((found.low <= truth) & (truth <= found.high))[there].mean()
    assert 0.935 < held < (0.965 if kind == "numbers" else 1.0)
    if kind == "numbers":
        far = ((found.value - truth) / found.error)[there]
        assert abs(far.mean()) < 0.06
        assert 0.97 < far.std() < 1.2  # Student's t with few models is wider than the normal


@pytest.mark.parametrize(
    ("answers", "seen", "told"),
    [
        (np.zeros((3, 4)), np.zeros((3, 5), dtype=bool), r"outputs have shape \(3, 4\) and seen \(3, 5\)"),
        (np.zeros((3, 4)), np.zeros((2, 4), dtype=bool), r"seen \(2, 4\)"),
        (np.zeros(3), np.zeros((3, 1), dtype=bool), r"outputs have shape \(3,\)"),
        (np.zeros((3, 0)), np.zeros((3, 0), dtype=bool), "nothing to compare"),
        (np.zeros((3, 4)), np.zeros((3, 4)), "seen is of type float64: bool is needed"),
        (np.full((3, 4), np.nan), np.zeros((3, 4), dtype=bool), "NaN or infinite"),
    ],
)
def test_bad_arrays_get_one_line(answers, seen, told):
    with pytest.raises(DataError, match=told):
        memorization(answers, seen)


def test_a_row_that_is_not_there_is_refused():
    with pytest.raises(DataError, match="there are rows 0 to 3"):
        influence(np.zeros((3, 2)), np.zeros((3, 4), dtype=bool), np.array([4]))
