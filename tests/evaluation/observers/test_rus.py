"""Likeness of representations in closed form."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from untrain.data.examples import take
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.contract import scene
from untrain.evaluation.observers.rus import RUS
from untrain.evaluation.scoring.resampling import number

FORGET, OTHER, TEST, WIDTH = 30, 40, 50, 5
SIDE = np.repeat(["forget", "test"], [FORGET, TEST])


def model(seed):
    """Features of forget and of test examples; of the latter the first 40 are of other classes than the forget set's."""
    x = np.random.default_rng(seed).normal(size=(FORGET + TEST, WIDTH))
    return np.column_stack([x, [*[0] * FORGET, *[1] * OTHER, *[0] * (TEST - OTHER)]])


def mixed(forget, other):
    """The features of one model on the forget set, and of another one elsewhere."""
    return np.concatenate([forget[:FORGET], other[FORGET:]])


def values(ours, theirs, original=None):
    scores = RUS().evaluate(
        Prepared(*(np.stack(m) for m in (ours, theirs)), SIDE, False, None if original is None else np.stack(original))
    )
    return {name: s if isinstance(s, str) else number(s) for name, s in scores.items()}


def aligned(a, b, rows):
    """Linear CKA, written out by centred kernels."""
    k, m = ((side - side.mean(0)) @ (side - side.mean(0)).T for side in (a[rows, :-1], b[rows, :-1]))
    return (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())


def turned(seen):
    basis = np.linalg.qr(np.random.default_rng(9).normal(size=(WIDTH, WIDTH)))[0]
    return np.column_stack([3 * seen[:, :-1] @ basis + 2, seen[:, -1]])


def test_a_model_that_is_its_original_has_changed_nothing():
    a, b = model(0), model(1)
    scores = values([a], [b], [a])
    assert scores["original_cka_forget"] == scores["original_cka_other"] == pytest.approx(1)
    assert scores["rus_original"] == pytest.approx(0, abs=1e-6)


def test_a_model_that_is_a_retrained_one_scores_one():
    assert values([model(1)], [model(1)])["rus_retrained"] == pytest.approx(1)


def test_rotation_scale_and_place_of_features_do_not_matter():
    a, b, first = model(0), model(1), model(2)
    plain, again = values([a], [b], [first]), values([turned(a)], [b], [first])
    assert again == pytest.approx(plain)


def test_scores_are_harmonic_means_of_alignments():
    a, b, first = model(0), model(1), model(2)
    forget, other = np.arange(FORGET), np.arange(FORGET, FORGET + OTHER)
    scores = values([a], [b], [first])
    f, r = 1 - aligned(a, first, forget), aligned(a, first, other)
    assert scores["rus_original"] == pytest.approx(2 * f * r / (f + r))
    f, r = aligned(a, b, forget), aligned(a, b, other)
    assert scores["rus_retrained"] == pytest.approx(2 * f * r / (f + r))


def test_test_examples_of_the_forgotten_classes_do_not_count():
    a, b = model(0), model(1)
    changed = a.copy()
    changed[FORGET + OTHER :, :-1] = 7.0
    assert values([changed], [b], [model(2)])["rus_retrained"] == values([a], [b], [model(2)])["rus_retrained"]


def test_each_model_is_held_against_its_own_original_whatever_their_order():
    firsts = [model(2), model(3)]
    ours = [mixed(model(5), first) for first in firsts]
    there, back = values(ours, [model(1)], firsts), values(ours, [model(1)], firsts[::-1])
    assert there == pytest.approx(back)
    assert there["original_cka_other"] == pytest.approx(1)


def test_without_originals_there_is_a_reason():
    scores = values([model(0)], [model(1)])
    assert all("no original" in scores[name] for name in scores if name != "rus_retrained")
    assert scores["rus_retrained"] > 0


def test_without_test_examples_there_is_a_reason():
    found = model(0)[None, :FORGET]
    scores = RUS().evaluate(Prepared(found, found, SIDE[:FORGET], False, found))
    assert set(scores.values()) == {"there are no test examples"}


def test_a_model_is_looked_at_without_test_examples():
    original, _, sight = scene()
    found = RUS()(original, replace(sight, test=take(sight.test, np.arange(0))))
    assert (found == RUS()(original, sight)[: len(sight.forget)]).all()


def test_a_changed_head_changes_nothing():
    original, _, sight = scene()
    before = RUS()(original, sight)
    with torch.no_grad():
        original[-1].weight.zero_()
    assert (RUS()(original, sight) == before).all()
    # Its forget set has all classes, so all test examples are others.
    assert before[:, -1].tolist() == [0] * len(sight.forget) + [1] * len(sight.test)
