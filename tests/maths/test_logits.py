import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from untrain.maths.logits import confidences, correct, losses, margins

LOGITS = arrays(np.float32, (3, 5, 4), elements=st.floats(-30, 30, width=32))
LABELS = np.array([0, 3, 1, 2, 2])


@given(LOGITS)
def test_losses_are_torch_cross_entropy(logits):
    flat, labels = torch.from_numpy(logits.reshape(15, 4)).double(), torch.from_numpy(np.tile(LABELS, 3))
    expected = torch.nn.functional.cross_entropy(flat, labels, reduction="none").numpy().reshape(3, 5)
    assert losses(logits, LABELS) == pytest.approx(expected, abs=1e-9)
    assert (losses(logits, LABELS) >= 0).all()


@given(LOGITS)
def test_confidences_are_softmax_at_the_label(logits):
    expected = softmax(logits.astype(np.float64), axis=-1)[:, np.arange(5), LABELS]
    assert confidences(logits, LABELS) == pytest.approx(expected, abs=1e-9)


@given(LOGITS)
def test_margins_are_the_log_odds_of_the_label(logits):
    mine = LABELS[:, None] == np.arange(4)
    p = softmax(logits.astype(np.longdouble), axis=-1)
    odds = np.log((p * mine).sum(-1) / (p * ~mine).sum(-1)).astype(float)
    assert margins(logits, LABELS) == pytest.approx(odds, abs=1e-9)


def test_margin_of_probability_nine_tenths_is_two_point_two():
    logits = np.log([[[0.9, 0.1]]]).astype(np.float32)
    assert margins(logits, np.array([0])) == pytest.approx(np.array([[2.197225]]), abs=1e-6)


def test_margin_of_three_logits_is_as_worked_out():
    assert margins(np.array([[[2.0, 1.0, 0.0]]]), np.array([0]))[0, 0] == pytest.approx(0.686738, abs=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_nothing_overflows_at_ten_thousand(label):
    logits = np.array([[[1e4, -1e4, 0.0]]], dtype=np.float32)
    for found in (margins(logits, np.array([label])), losses(logits, np.array([label])), confidences(logits, np.array([label]))):
        assert np.isfinite(found).all()
    assert margins(logits, np.array([0]))[0, 0] == pytest.approx(1e4)
    assert margins(logits, np.array([1]))[0, 0] == pytest.approx(-2e4)


def test_each_example_is_answered_alone_as_in_a_batch():
    logits = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    for f in (correct, losses, confidences, margins):
        alone = np.concatenate([f(logits[:, i : i + 1], LABELS[i : i + 1]) for i in range(5)], axis=1)
        assert (f(logits, LABELS) == alone).all()


def test_correct_counts_the_largest_answer_and_gives_ties_to_the_lower_class():
    logits = np.array([[[1.0, 2.0], [2.0, 1.0], [3.0, 3.0], [3.0, 3.0]]])
    assert correct(logits, np.array([1, 1, 0, 1])).tolist() == [[1, 0, 1, 0]]
