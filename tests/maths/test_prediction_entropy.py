import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy

from untrain.maths.logits import log_probabilities
from untrain.maths.prediction_entropy import entropies, modified_entropies, reference_entropies

LOGITS = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(2, 5)), elements=st.floats(-30, 30))
P = np.array([0.7, 0.2, 0.1])


def naive(p, y):
    return -(1 - p[y]) * np.log(p[y]) - sum(p[c] * np.log(1 - p[c]) for c in range(len(p)) if c != y)


def labels_of(logits):
    return np.arange(logits.shape[1]) % logits.shape[2]


@pytest.mark.parametrize(("y", "golden"), [(0, 0.162167), (1, 2.140867), (2, 2.959736)])
def test_the_golden_values_of_the_modified_entropy(y, golden):
    assert modified_entropies(np.log(P)[None, None], np.array([y]))[0, 0] == pytest.approx(golden, abs=5e-7)
    assert naive(P, y) == pytest.approx(golden, abs=5e-7)


def test_the_entropy_is_scipys():
    logits = np.random.default_rng(0).normal(size=(3, 20, 6))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert entropies(np.log(p)) == pytest.approx(entropy(p, axis=-1), abs=1e-12)


def test_the_modified_entropy_is_the_formula_example_by_example():
    logits = np.random.default_rng(1).normal(size=(2, 30, 5))
    p, y = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True), labels_of(logits)
    each = [[naive(p[m, i], y[i]) for i in range(30)] for m in range(2)]
    assert modified_entropies(np.log(p), y) == pytest.approx(np.array(each), abs=1e-12)


@given(LOGITS)
def test_an_example_alone_is_as_in_any_batch(logits):
    y, log_p = labels_of(logits), log_probabilities(logits)
    whole = entropies(log_p), modified_entropies(log_p, y)
    for at in range(logits.shape[1]):
        assert entropies(log_p[:, [at]])[:, 0].tolist() == whole[0][:, at].tolist()
        assert modified_entropies(log_p[:, [at]], y[[at]])[:, 0].tolist() == whole[1][:, at].tolist()


@given(LOGITS)
def test_a_constant_added_to_all_logits_changes_nothing(logits):
    y, one, two = labels_of(logits), log_probabilities(logits), log_probabilities(logits + 7)
    assert modified_entropies(two, y) == pytest.approx(modified_entropies(one, y), abs=1e-9, rel=1e-9)
    assert entropies(two) == pytest.approx(entropies(one), abs=1e-9)


@pytest.mark.parametrize("size", [50.0, 1e4])
def test_certainty_neither_overflows_nor_is_nan(size):
    log_p = log_probabilities(np.array([[[size, -size, 0.0], [-size, size, 0.0]]]))
    wrong = modified_entropies(log_p, np.array([0, 0]))[0]
    assert wrong == pytest.approx([0, 3 * size], rel=1e-6)  # log p_y = -2 size and log(1 - p) = -size, both weighing 1
    assert entropies(log_p)[0] == pytest.approx([0, 0], abs=1e-15)


def test_near_certainty_keeps_its_digits():
    """1 - p is 1e-20 here, which p itself cannot tell from 1."""
    found = modified_entropies(np.log(np.array([[[1.0, 1e-20]]])), np.array([0]))[0, 0]
    assert found == pytest.approx(2e-40, rel=1e-9)


def test_the_reference_form_is_wrong_and_depends_on_the_batch():
    log_p = np.log(P)[None, None].repeat(3, axis=1)
    alone = reference_entropies(log_p[:, :1], np.array([0]))[0, 0]
    together = reference_entropies(log_p, np.array([0, 1, 2]))[0, 0]
    assert alone == pytest.approx(-0.3 * np.log(0.7) - 0.2 * np.log(0.2) - 0.1 * np.log(0.1))
    assert together == pytest.approx(-((1 - P) * np.log(P)).sum())
    assert abs(alone - together) > 1
