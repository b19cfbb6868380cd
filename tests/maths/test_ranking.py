import numpy as np
import pytest
from scipy import stats

from untrain.maths.ranking import front, holm, paired_tests, ranks


def test_holm_agrees_with_the_definition_step_by_step():
    p = np.array([0.001, 0.2, 0.012, 0.03])
    assert holm(p) == pytest.approx([0.004, 0.2, 0.036, 0.06])


def by_fixed_references(losses):
    """By references that move no loss."""
    return paired_tests(losses, losses.mean(1)[None], [12] * len(losses))


def test_holm_keeps_the_chance_of_any_error_among_true_nulls():
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        tests = by_fixed_references(np.exp(0.3 * rng.standard_normal((8, 5))))
        wrong += bool((holm(np.array(list(tests.values()))) < 0.05).any())
    assert wrong / 300 < 0.09  # 5 %, and three standard errors


def test_by_references_that_move_nothing_it_is_students_paired_test():
    losses = np.array([[1.0, 1.001, 0.999, 1.0004], [1.002, 1.0, 1.0011, 1.003]])  # so near that logarithms are linear
    assert by_fixed_references(losses)[0, 1] == pytest.approx(stats.ttest_rel(*losses).pvalue, rel=0.01)


def test_what_moves_both_alike_cancels_and_what_moves_one_does_not():
    losses = np.array([[1.0, 1.01, 0.99, 1.0, 1.0], [1.5, 1.51, 1.5, 1.5, 1.49]])
    moved = np.exp(0.3 * np.random.default_rng(0).standard_normal(2000))
    alike, one = np.stack([moved, 1.5 * moved], axis=1), np.stack([moved, np.full(2000, 1.5)], axis=1)
    assert paired_tests(losses, alike, [12, 12])[0, 1] < 1e-4
    assert paired_tests(losses, one, [12, 12])[0, 1] > 0.1


def test_a_difference_common_to_all_seeds_is_found_where_seeds_differ_more_than_methods():
    originals = np.exp(np.random.default_rng(1).standard_normal(6))
    losses = np.stack([originals, 1.3 * originals * np.exp(0.01 * np.arange(6))])
    assert by_fixed_references(losses)[0, 1] < 1e-4


def test_equal_losses_are_never_told_apart_and_constant_factors_always():
    one = np.array([1.0, 2.0, 4.0])
    assert by_fixed_references(np.stack([one, one])) == {(0, 1): 1.0}
    assert by_fixed_references(np.stack([one, 2 * one])) == {(0, 1): 0.0}


def test_equals_share_their_rank_along_the_last_axis():
    assert ranks(np.array([[2.0, 1.0, 1.0], [0.0, 1.0, 2.0]])).tolist() == [[3.0, 1.5, 1.5], [1.0, 2.0, 3.0]]


def test_the_front_leaves_out_who_is_beaten_or_has_no_price():
    assert front([1.0, 1.0, 0.5, 2.0, 0.1], [0.2, 0.3, 0.9, 0.2, None]) == [True, False, True, False, False]
