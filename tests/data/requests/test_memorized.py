"""Which examples are the most memorized, by scores that are planted."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import untrain as ut
from untrain.core.errors import RequestError, SpecError
from untrain.data.examples import take
from untrain.data.readers.convert import examples
from untrain.data.requests.base import Ensemble
from untrain.data.requests.memorized import Memorized
from untrain.models.architectures.mlp import MLP
from untrain.training.learners.train import Train

N = 40
BOTH = pytest.mark.parametrize("order", ["most", "least"])


def held(scores, ids=None):
    """Examples with a column of memorization; labels 0, 1, 2, 3, 0, ..."""
    return examples(np.zeros((N, 2)), np.arange(N) % 4, ids=ids, columns={"memorization": np.asarray(scores, dtype=float)})


@given(st.permutations(range(N)), st.floats(0.03, 0.97))
def test_the_largest_scores_are_the_most_memorized_and_the_others_are_left_for_least(order, fraction):
    train, count = held((np.asarray(order) + 1) / N), round(fraction * N)
    most, least = Memorized(fraction=fraction).draw(train), Memorized(order="least", fraction=(N - count) / N).draw(train)
    assert set(np.asarray(order)[most]) == set(range(N - count, N))
    assert sorted([*most, *least]) == list(range(N))
    assert (np.diff(most) > 0).all()


def test_classes_confine_the_choice_and_leave_the_share_one_of_the_whole_set():
    train = held((np.arange(N) + 1) / N)
    rows = Memorized(fraction=0.1, classes=(1, 2)).draw(train)
    assert rows.tolist() == [33, 34, 37, 38]
    assert Memorized(order="least", fraction=0.1, classes=(1, 2)).draw(train).tolist() == [1, 2, 5, 6]
    with pytest.raises(RequestError, match=r"40 examples is 24, and classes \(1, 2\) hold 20: at most 0.5"):
        Memorized(fraction=0.6, classes=(1, 2)).draw(train)


@BOTH
def test_equals_are_drawn_by_a_lot_that_the_seed_and_the_id_decide_and_the_row_does_not(order):
    scores = np.where(np.arange(N) < 30, 0.5, 1.0 if order == "least" else 0.0)
    ids = np.array([f"person-{i}" for i in range(N)])
    train = held(scores, ids)
    chosen = [set(ids[Memorized(order=order, fraction=0.25, seed=seed).draw(train)]) for seed in range(4)]
    assert len({frozenset(c) for c in chosen}) == 4
    assert all(c <= set(ids[:30]) for c in chosen)
    turn = np.random.default_rng(0).permutation(N)
    turned = take(train, turn)
    assert set(turned.ids[Memorized(order=order, fraction=0.25, seed=2).draw(turned)]) == chosen[2]


def test_lots_are_fair():
    train = held(np.full(N, 0.5))
    counts = sum(np.isin(np.arange(N), Memorized(order="least", fraction=0.25, seed=seed).draw(train)) for seed in range(400))
    assert abs(counts / 400 - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / 400)


def test_what_noise_put_below_nothing_counts_as_nothing():
    scores = np.full(N, 0.0)
    scores[:5], scores[5:8] = -0.3, 0.7
    drawn = [Memorized(order="least", fraction=0.125, seed=seed).draw(held(scores)) for seed in range(40)]
    share = np.mean([np.isin(rows, range(5)).mean() for rows in drawn])
    assert abs(share - 5 / 37) < 0.07  # as often as any of the 37; ranked as they stand they would be chosen always
    assert not np.isin(np.concatenate(drawn), [5, 6, 7]).any()


@BOTH
@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([np.nan, 0.5] + [0.1] * 38, "NaN for 1 of 40 examples, such as id 0: too few models saw them"),
        ([1.5] * N, "goes from 1.5 to 1.5: memorization lies between -1 and 1"),
        ([-0.5] * N, "holds no score above 0"),
    ],
)
def test_scores_that_are_none_get_one_line(order, scores, told):
    with pytest.raises(RequestError, match=told):
        Memorized(order=order).draw(held(scores))


@BOTH
def test_without_scores_it_is_told_where_to_have_them_from(order):
    bare = replace(held([0.5] * N), columns={})
    with pytest.raises(RequestError, match=r"scores='scores.csv', as `untrain memorize` writes"):
        Memorized(order=order).draw(bare)
    with pytest.raises(RequestError, match="`untrain memorize`"):
        ut.problem(bare, Memorized(order=order), Train(model=MLP(width=4)))


@BOTH
@pytest.mark.parametrize("wrong", [{"fraction": 0.0}, {"fraction": 1.5}, {"models": 15}, {"seed": -1}, {"others": "drop"}])
def test_fields_out_of_range_are_refused(order, wrong):
    with pytest.raises(SpecError, match=f"Memorized: {next(iter(wrong))}"):
        Memorized(order=order, **wrong)


@BOTH
def test_it_asks_for_an_ensemble_where_no_file_has_the_scores_and_names_nothing_before_training(order):
    assert Memorized(order=order, models=32, seed=3).ensemble() == Ensemble(32, 3)
    assert Memorized(order=order, scores="scores.csv").ensemble() is None
    assert len(Memorized(order=order, scores="scores.csv").named(held([0.5] * N))) == 0


def test_a_problem_is_posed_by_a_column_of_one_s_own():
    problem = ut.problem(held((np.arange(N) + 1) / N), Memorized(fraction=0.1), Train(model=MLP(width=4)))
    assert problem.forget.ids.tolist() == [36, 37, 38, 39]


def test_the_least_memorized_are_those_of_the_smallest_scores():
    train = examples(np.zeros((10, 2)), np.arange(10) % 2, columns={"memorization": np.linspace(1, 0.1, 10)})
    assert Memorized(fraction=0.3, order="least").draw(train).tolist() == [7, 8, 9]
    assert Memorized(fraction=0.3, order="least", classes=(0,)).draw(train).tolist() == [4, 6, 8]


def test_there_are_two_ends():
    with pytest.raises(SpecError, match="Memorized: order="):
        Memorized(order="middle")
