"""Rows in batches."""

from itertools import chain, pairwise

import numpy as np

from untrain.data.batching import by_length, shuffled
from untrain.data.examples import Examples, walk
from untrain.data.ragged import Ragged

LENGTHS = np.random.default_rng(1).integers(1, 50, size=83)


def order_of(alike, seed=0):
    data = Examples({"input_ids": Ragged.of([[1] * n for n in LENGTHS])}, np.arange(len(LENGTHS)))
    return [batch.rows.tolist() for batch in walk(data, 8, np.random.default_rng(seed), alike=alike)]


def test_rows_of_alike_length_meet_within_a_window_and_each_row_is_seen_once():
    drawn, put = order_of(1), order_of(4)
    assert [len(rows) for rows in put] == [len(rows) for rows in drawn]
    for start in range(0, len(drawn), 4):
        window = slice(start, start + 4)
        assert sorted(chain(*put[window])) == sorted(chain(*drawn[window]))
        spans = sorted((LENGTHS[rows].min(), LENGTHS[rows].max()) for rows in put[start : start + 4])
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
    padded = [sum(len(rows) * LENGTHS[rows].max() for rows in order) for order in (drawn, put)]
    assert padded[1] < 0.8 * padded[0]


def test_the_order_is_that_of_the_seed_and_batches_of_a_window_come_in_any():
    assert order_of(4) == order_of(4) != order_of(4, seed=1)
    ascending = [np.diff([LENGTHS[rows].max() for rows in order_of(5, seed)[:5]]).min() > 0 for seed in range(9)]
    assert not all(ascending)


def test_a_window_of_one_batch_leaves_batches_as_drawn():
    drawn = list(shuffled(20, 6, np.random.default_rng(0)))
    put = by_length(drawn, np.arange(20), 1, np.random.default_rng(0))
    assert [sorted(rows) for rows in put] == [sorted(rows) for rows in drawn]


def test_a_smaller_last_batch_is_of_any_length():
    means = []
    for seed in range(12):
        put = order_of(20, seed)
        assert len(put[-1]) < len(put[0])
        ranks = sorted(range(len(put)), key=lambda at: LENGTHS[put[at]].mean())
        means.append(ranks.index(len(put) - 1) / (len(put) - 1))
    assert min(means) < 0.4 < 0.6 < max(means)
