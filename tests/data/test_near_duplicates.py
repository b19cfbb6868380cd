"""Twins of what is forgotten among what is kept."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from untrain.data.examples import Examples, take
from untrain.data.near_duplicates import near_duplicates
from untrain.data.ragged import Ragged
from untrain.data.readers.convert import examples


def made(x):
    return examples(x, np.zeros(len(x), np.int64))


def digits():
    images = (load_digits().images / 16).astype(np.float32)[:, None]
    return images[:150], images[150:1300]


def noisy(x):
    return (x + np.random.default_rng(0).normal(0, 0.02, x.shape)).clip(0, 1).astype(np.float32)


def brighter(x):
    return (x + 1 / 16).clip(0, 1).astype(np.float32)


def test_an_exact_copy_is_found_where_it_lies():
    forget, retain = digits()
    found = near_duplicates(made(forget), made(np.concatenate([retain, forget[[3, 8]]])))
    assert np.flatnonzero(found.exact).tolist() == [3, 8]
    assert found.nearest[[3, 8]].tolist() == [1150, 1151]
    assert found.counts["exact"] == 2


@pytest.mark.parametrize("change", [noisy, brighter])
def test_nine_tenths_of_planted_near_copies_are_found(change):
    forget, retain = digits()
    found = near_duplicates(made(forget), made(np.concatenate([retain, change(forget)])))
    assert found.near.mean() >= 0.9
    assert not found.exact.any()
    assert (found.nearest[found.near] >= len(retain)).all()


def test_among_genuine_digits_fewer_than_one_in_a_hundred_is_flagged():
    forget, retain = digits()
    found = near_duplicates(made(forget), made(retain))
    assert found.counts["near"] <= 1


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)])
def test_the_nearest_is_the_one_that_a_search_by_hand_finds(shape):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, *shape)).astype(np.float32), rng.normal(size=(40, *shape)).astype(np.float32)
    found = near_duplicates(made(a), made(b))
    flat_a, flat_b = a.reshape(30, -1), b.reshape(40, -1)
    if len(shape) == 3:
        flat_a, flat_b = flat_a - flat_a.mean(1, keepdims=True), flat_b - flat_b.mean(1, keepdims=True)
    by_hand = np.linalg.norm(flat_a[:, None] - flat_b[None], axis=2)
    assert found.nearest.tolist() == by_hand.argmin(1).tolist()


def test_distance_is_a_share_of_the_median_length():
    # Four points around a mean of 0, each of length 2; the forget point (2, 0) is sqrt(8) from (0, 2).
    forget, retain = np.array([[2.0, 0.0]]), np.array([[0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]])
    assert near_duplicates(made(forget), made(retain)).distance[0] == pytest.approx(2**0.5)


def test_large_images_are_compared_after_pooling():
    images = torch.randint(0, 256, (20, 3, 40, 40), dtype=torch.uint8)
    other = images.clone()
    other[:, :, ::2] //= 2
    found = near_duplicates(made(images[:5]), made(torch.cat([other, images[[2]]])))
    assert np.flatnonzero(found.exact).tolist() == [2]


def test_data_that_are_all_alike_are_all_twins():
    found = near_duplicates(made(np.ones((3, 2))), made(np.ones((4, 2))))
    assert found.counts == {"forget": 3, "near": 3, "exact": 3}


def test_where_nothing_is_left_nothing_is_near():
    found = near_duplicates(made(np.ones((3, 2))), take(made(np.ones((4, 2))), np.arange(0)))
    assert found.counts == {"forget": 3, "near": 0, "exact": 0}
    assert np.isinf(found.distance).all()


def test_of_rows_of_tokens_exact_duplicates_alone_are_found_whatever_the_longest_row_is():
    def texts(rows):
        return Examples({"input_ids": Ragged.of(rows), "y": torch.zeros(len(rows))}, np.arange(len(rows)))

    found = near_duplicates(texts([[1, 2], [3, 4, 5]]), texts([[1, 2, 9], [1, 2], [3, 4, 6, 7, 8]]))
    assert found.exact.tolist() == [True, False]
    assert found.nearest[0] == 1
    assert found.distance.tolist() == [0, np.inf]
    assert found.counts == {"forget": 2, "near": 1, "exact": 1}
