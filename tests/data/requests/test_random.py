"""What Random draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untrain.core.errors import RequestError, SpecError
from untrain.data.readers.convert import examples
from untrain.data.requests.random import Random


def ten_classes(n=200):
    return examples(np.zeros((n, 2)), np.arange(n) % 10)


@given(st.floats(0.01, 1), st.integers(0, 5))
def test_it_draws_the_rounded_share_of_the_whole_set_without_repetition(fraction, seed):
    rows = Random(fraction=fraction, seed=seed).draw(ten_classes())
    assert len(rows) == len(set(rows.tolist())) == round(fraction * 200)
    assert (np.diff(rows) > 0).all()


def test_classes_confine_the_draw_and_leave_the_share_one_of_the_whole_set():
    train = ten_classes()
    rows = Random(fraction=0.1, classes=(2, 5)).draw(train)
    assert len(rows) == 20
    assert set(train.y[rows].tolist()) == {2, 5}


@pytest.mark.parametrize(("classes", "expected", "pool"), [((), 500, 50_000), ((2, 5), 2_500, 10_000)])
def test_two_draws_of_5000_share_as_many_as_independent_ones_do(classes, expected, pool):
    train = ten_classes(50_000)
    one, other = (set(Random(fraction=0.1, classes=classes, seed=seed).draw(train).tolist()) for seed in (0, 1))
    # Hypergeometric: 5,000 draws of a pool in which 5,000 are marked; four standard errors.
    share = 5_000 / pool
    error = (5_000 * share * (1 - share) * (pool - 5_000) / (pool - 1)) ** 0.5
    assert abs(len(one & other) - expected) < 4 * error


def test_the_seed_is_all_that_a_draw_depends_on():
    first, again, other = (Random(seed=seed).draw(ten_classes()) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_a_class_is_meant_by_the_label_as_given():
    train = examples(np.zeros((4, 1)), np.array([0, 1, 1, 1]))
    assert Random(fraction=0.25, classes=(0,)).draw(train).tolist() == [0]


def test_more_than_the_classes_hold_is_refused_with_the_numbers():
    with pytest.raises(RequestError, match=r"200 examples is 60, and classes \(2, 5\) hold 40: at most 0.2"):
        Random(fraction=0.3, classes=(2, 5)).draw(ten_classes())


def test_a_class_that_is_not_there_is_named():
    with pytest.raises(RequestError, match="no class 10: the data has classes 0 to 9"):
        Random(classes=(10,)).draw(ten_classes())


def test_a_share_too_small_for_one_example_is_refused():
    with pytest.raises(RequestError, match=r"0.001 of 200 examples is none"):
        Random(fraction=0.001).draw(ten_classes())


@pytest.mark.parametrize("wrong", [{"fraction": 0.0}, {"fraction": 1.5}, {"fraction": "0.1"}, {"seed": -1}, {"classes": (1.5,)}])
def test_fields_out_of_range_are_refused(wrong):
    with pytest.raises(SpecError, match=f"Random: {next(iter(wrong))}"):
        Random(**wrong)
