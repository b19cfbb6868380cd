import numpy as np
import pytest
from scipy import stats

from untrain.maths.permutation import apart, differences, splits


def test_few_models_are_split_in_all_ways_the_real_one_first():
    orders = splits(5, 2, 100, 0)
    assert orders.shape == (10, 5)
    assert orders[0].tolist() == [0, 1, 2, 3, 4]
    assert len({frozenset(o[:2].tolist()) for o in orders}) == 10
    assert all(sorted(o.tolist()) == [0, 1, 2, 3, 4] for o in orders)


def test_many_models_are_split_at_random_the_real_one_first():
    orders = splits(30, 10, 50, 0)
    assert orders.shape == (50, 30)
    assert orders[0].tolist() == list(range(30))
    assert (np.sort(orders, axis=1) == np.arange(30)).all()
    assert np.array_equal(orders, splits(30, 10, 50, 0))


def test_the_error_of_the_difference_is_the_larger_of_students_and_welchs():
    draw = np.random.default_rng(0)
    for spread in (0.1, 1.0, 5.0):
        a, b = draw.normal(0, spread, 4), draw.normal(1, 1, 9)
        d, se = differences(np.r_[a, b], np.arange(13)[None], 4)
        t = [stats.ttest_ind(a, b, equal_var=equal).statistic for equal in (True, False)]
        assert d[0] == pytest.approx(a.mean() - b.mean())
        assert abs(d[0] / se[0]) == pytest.approx(min(map(abs, t)))


def test_one_model_is_held_against_the_spread_of_the_others():
    values = np.array([3.0, 1.0, 2.0, 3.0, 4.0])
    d, se = differences(values, np.arange(5)[None], 1)
    assert d[0] == pytest.approx(0.5)
    assert se[0] == pytest.approx(np.std(values[1:], ddof=1) * np.sqrt(1 + 1 / 4))


def test_each_value_is_held_against_the_others_alone():
    values = np.array([1.0, 4.0, 2.0, 9.0, 2.0])
    difference, error = apart(values)
    for at in range(5):
        rest = np.delete(values, at)
        assert difference[at] == pytest.approx(values[at] - rest.mean())
        assert error[at] == pytest.approx(rest.std(ddof=1))


def test_two_values_tell_nothing_of_their_spread():
    assert np.isinf(apart(np.array([1.0, 2.0]))[1]).all()
