"""Distances and alignment of features against what can be worked out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untrain.maths.representation_distance import cka, distances, lengths


def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_a_distance_is_that_of_each_example_averaged_over_the_others():
    ours = np.array([[[0.0, 0.0], [1.0, 1.0]]])
    theirs = np.array([[[3.0, 4.0], [1.0, 1.0]], [[0.0, 1.0], [1.0, 3.0]]])
    assert distances(ours, theirs) == pytest.approx(np.array([[(5 + 1) / 2, (0 + 2) / 2]]))


def test_lengths_are_of_all_pairs_whatever_the_block(monkeypatch):
    a, b = drawn(0, 3, 10), drawn(1, 2, 10)
    expected = np.linalg.norm(a[:, None] - b[None], axis=2)
    assert lengths(a, b) == pytest.approx(expected)
    monkeypatch.setattr("untrain.maths.representation_distance.BLOCK", 3)
    assert lengths(a, b) == pytest.approx(expected)
    assert lengths(a, a).diagonal() == pytest.approx(0)


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 8))
@settings(deadline=None, max_examples=30)
def test_features_that_are_turned_scaled_and_shifted_are_aligned(seed, n, d):
    x = drawn(seed, n, d)
    turn = np.linalg.qr(drawn(seed + 1, d, d))[0]
    found = cka(x[None], (2.5 * x @ turn + 7.0)[None])
    assert found == pytest.approx(np.ones((1, 1)), abs=1e-9)


def test_alignment_is_the_published_formula():
    x, y = drawn(2, 20, 5), drawn(3, 20, 3)
    a, b = x - x.mean(0), y - y.mean(0)
    left, right = a @ a.T, b @ b.T
    expected = (left * right).sum() / np.sqrt((left**2).sum() * (right**2).sum())
    assert cka(x[None], y[None])[0, 0] == pytest.approx(expected)
    assert cka(x[:4][None], y[:4][None])[0, 0] == pytest.approx(cka(y[:4][None], x[:4][None])[0, 0])


def test_independent_features_in_few_dimensions_are_hardly_aligned():
    assert cka(drawn(4, 5000, 2)[None], drawn(5, 5000, 2)[None])[0, 0] < 0.01


def test_features_without_a_direction_are_aligned_with_their_like_alone():
    still, moving = np.ones((1, 6, 3)), drawn(6, 1, 6, 3)
    assert cka(still, still)[0, 0] == 1
    assert cka(still, moving)[0, 0] == 0
