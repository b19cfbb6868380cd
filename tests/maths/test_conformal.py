import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.maths.conformal import excess, standing_out, tails


def models(draw, count, n=300):
    return draw.normal(0, 1, (count, n)) + draw.normal(0, 0.3, (count, 1))


def test_a_p_value_is_the_rank_among_the_references_and_itself():
    theirs = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    assert tails(np.array([[1.5, 9.0]]), theirs).tolist() == [0.5, 0.25]
    assert tails(np.array([[-1.0, 1.0]]), theirs).tolist() == [1.0, 0.75]


def test_p_values_of_a_further_reference_are_uniform():
    draw = np.random.default_rng(0)
    p = np.concatenate([tails(draw.normal(size=(1, 50)), draw.normal(size=(19, 50))) for _ in range(100)])
    assert np.mean(p <= 0.25) == pytest.approx(0.25, abs=0.02)


def test_equal_spreads_make_the_excess_a_plain_t():
    theirs = np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]])
    spread = 4 / 3
    assert excess(np.array([[2.0, 0.0]]), theirs) == pytest.approx([2 / np.sqrt(spread * 1.25), 0])


@given(st.integers(1, 4), st.integers(3, 9), st.integers(0, 99))
def test_the_order_of_models_and_of_examples_does_not_matter(a, b, seed):
    draw = np.random.default_rng(seed)
    ours, theirs = draw.normal(size=(a, 20)), draw.normal(size=(b, 20))
    order = draw.permutation(20)
    turned = excess(ours[::-1][:, order], theirs[::-1][:, order])
    assert turned == pytest.approx(excess(ours, theirs)[order])


def test_models_that_agree_to_the_last_digit_give_finite_numbers():
    same = np.ones((5, 7))
    found = standing_out(same[:1], same)
    assert np.isfinite(found.excess).all()
    assert len(found.examples) == 0


@pytest.mark.parametrize(("ours", "theirs"), [(1, 10), (1, 20), (4, 16)])
def test_planted_examples_are_found_and_no_others_or_few(ours, theirs):
    draw, right, wrong = np.random.default_rng(1), 0, 0
    for _ in range(20):
        a, b = models(draw, ours), models(draw, theirs)
        a[:, :3] += 15
        found = set(standing_out(a, b).examples.tolist())
        right += {0, 1, 2} <= found
        wrong += len(found - {0, 1, 2})
    assert right == 20
    assert wrong <= 6


@pytest.mark.parametrize("theirs", [9, 19, 30])
def test_a_further_reference_is_seldom_accused(theirs):
    draw, times = np.random.default_rng(2), 400
    accused = sum(len(standing_out(models(draw, 1, 100), models(draw, theirs, 100)).examples) > 0 for _ in range(times))
    bound = max(0.05, 1 / (theirs + 1))
    assert accused / times <= bound + 3 * np.sqrt(bound * (1 - bound) / times)


def test_two_references_are_refused():
    with pytest.raises(ValueError, match="at least 3"):
        standing_out(np.zeros((1, 4)), np.zeros((2, 4)))
