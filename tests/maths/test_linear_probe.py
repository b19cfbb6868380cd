"""Probes on features that can be told apart, and on those that cannot."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from untrain.maths.linear_probe import cross_fitted, probe


def clouds(count=300, classes=3, apart=9.0, seed=0):
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    return draw.normal(size=(count, 4)) + apart * np.eye(4)[labels], labels


def halves(count):
    return [np.arange(0, count, 2), np.arange(1, count, 2)]


def test_separable_features_are_labelled_right():
    x, y = clouds()
    own, others = cross_fitted(x, y, halves(len(y)), x[:7], 3)
    assert (own.argmax(1) == y).all()
    assert others.shape == (2, 7, 3)
    assert (others.argmax(2) == y[:7]).all()


def test_shuffled_features_are_labelled_by_chance():
    x, y = clouds(3000)
    x = x[np.random.default_rng(1).permutation(len(x))]
    own, _ = cross_fitted(x, y, halves(len(y)), x, 3)
    # 1/3 give or take four standard errors of 0.0086.
    assert (own.argmax(1) == y).mean() == pytest.approx(1 / 3, abs=0.035)


def test_no_example_is_labelled_by_a_probe_that_was_fitted_on_it():
    # Labels without any pattern, and more features than examples: a probe has those that it saw by heart.
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 200)), draw.integers(0, 2, 60)
    own, seen = cross_fitted(x, y, halves(60), x, 2, c=1e6)
    assert (own.argmax(1) == y).mean() < 0.75
    assert ((seen.argmax(2) == y).mean(0) >= 0.5).all()  # one of the two probes saw it


def test_it_is_scikit_learn_s_on_standardized_features():
    x, y = clouds(apart=1.0)
    reference = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, y)
    assert probe(x, y, x + 1, 3) == pytest.approx(reference.predict_proba(x + 1), abs=1e-9)


def test_scale_and_place_of_features_do_not_matter():
    x, y = clouds(apart=1.0)
    assert probe(1e4 * x - 7, y, 1e4 * x - 7, 3) == pytest.approx(probe(x, y, x, 3), abs=1e-6)


def test_features_without_any_difference_give_the_shares_of_classes():
    p = probe(np.full((4, 2), 1e6), np.array([0, 0, 0, 1]), np.array([[3.0, 4.0]]), 2)
    assert p == pytest.approx(np.array([[0.75, 0.25]]), abs=1e-3)


def test_a_class_that_was_not_fitted_has_no_probability():
    p = probe(np.array([[0.0], [1.0]]), np.array([0, 2]), np.array([[5.0]]), 4)
    assert p.shape == (1, 4)
    assert p[0, [1, 3]].tolist() == [0, 0]
