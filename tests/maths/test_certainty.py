"""Whatever is read off logits against 60 decimal digits and more, for margins from -10,000 to 10,000."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from untrain.maths.gaussian import losses as gaussian_losses
from untrain.maths.likelihood_ratio import Gaussians, log_ratios
from untrain.maths.logits import confidences, log_probabilities, losses, margins
from untrain.maths.prediction_entropy import entropies, log_entropies, log_modified_entropies, modified_entropies
from untrain.maths.relative_likelihood import marginals, means
from untrain.models.tasks.choice import SIGNALS

SIZE = st.floats(-1e4, 1e4).map(lambda v: float(np.float32(v)))
ROWS = st.lists(SIZE, min_size=2, max_size=5)
LEAST = 1e-300  # below it double precision holds fewer digits


def exact(row):
    """Probabilities of the classes, and each one's complement without a subtraction from 1."""
    e = [Decimal(v - max(row)).exp() for v in row]
    return [v / sum(e) for v in e], [sum(w for j, w in enumerate(e) if j != i) / sum(e) for i in range(len(e))]


def ln(p, complement):
    """log p, from the complement where p is nearly 1: its first terms are exact to 60 digits."""
    return p.ln() if complement > Decimal("1e-20") else -complement - complement**2 / 2 - complement**3 / 3


def near(found, expected, rel=1e-12):
    if abs(expected) > LEAST:
        assert found == pytest.approx(float(expected), rel=rel)
    else:
        assert abs(found) <= LEAST


@given(ROWS)
def test_losses_margins_confidences_and_log_probabilities(row):
    logits = np.array([[row]], dtype=np.float32)
    label = np.array([0])
    with localcontext(prec=60):
        p, complement = exact(row)
        logs = [ln(*pair) for pair in zip(p, complement, strict=True)]
        near(losses(logits, label)[0, 0], -logs[0])
        assert margins(logits, label)[0, 0] == pytest.approx(float(p[0].ln() - complement[0].ln()), abs=1e-10, rel=1e-12)
        near(confidences(logits, label)[0, 0], p[0], rel=1e-9)
        for found, log in zip(log_probabilities(logits)[0, 0], logs, strict=True):
            near(found, log)


@given(ROWS, st.integers(0, 4))
def test_entropies_and_their_logarithms(row, label):
    label %= len(row)
    log_p = log_probabilities(np.array([[row]]))
    with localcontext(prec=60):
        pairs = list(zip(*exact(row), strict=True))
        plain = -sum(p * ln(p, q) for p, q in pairs)
        (py, qy), others = pairs[label], [pair for at, pair in enumerate(pairs) if at != label]
        modified = -qy * ln(py, qy) - sum(p * ln(q, p) for p, q in others)
        for found, log, expected in (
            (entropies(log_p), log_entropies(log_p), plain),
            (modified_entropies(log_p, np.array([label])), log_modified_entropies(log_p, np.array([label])), modified),
        ):
            near(found[0, 0], expected, rel=1e-10)
            assert log[0, 0] == pytest.approx(float(expected.ln()), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_no_two_of_ten_thousand_certainties_tie_by_margin_or_logarithm(kind):
    sizes = np.linspace(-1e4, 1e4, 10_000).astype(kind)
    logits = np.stack([sizes, np.zeros_like(sizes)], -1)[None]
    label = np.zeros(len(sizes), dtype=int)
    order = rankdata(sizes)
    assert rankdata(margins(logits, label)[0]).tolist() == order.tolist()
    log_p = log_probabilities(logits)
    assert rankdata(-log_modified_entropies(log_p, label)[0]).tolist() == order.tolist()
    half = sizes > 0
    assert rankdata(-log_entropies(log_p)[0, half]).tolist() == rankdata(sizes[half]).tolist()


LOGS = st.one_of(st.just(0.0), st.floats(-50, 4).map(lambda power: -(10.0**power)))


@given(st.lists(st.lists(LOGS, min_size=3, max_size=3), min_size=2, max_size=5), st.floats(0.0, 1.0))
def test_means_and_marginals_of_rmia(rows, a):
    log_p = np.array(rows)
    keep = ~np.eye(len(rows), dtype=bool)
    mean = means(log_p, keep)
    outside, inside = mean[0], log_p[0]
    with localcontext(prec=120):
        for fold, kept in enumerate(keep):
            for at in range(3):
                near(mean[fold, at], ((sum(Decimal(v).exp() for v in log_p[kept, at])) / int(kept.sum())).ln())
        for at in range(3):
            p, q = Decimal(float(outside[at])).exp(), Decimal(float(inside[at])).exp()
            share = (Decimal(1) + Decimal(a)) / 2
            near(marginals(outside, a)[at], (share * p + 1 - share).ln(), rel=1e-9)
            near(marginals(outside, a, inside)[at], ((p + q) / 2).ln(), rel=1e-9)


@given(SIZE, SIZE, st.floats(1e-3, 1e3))
def test_log_ratios_of_gaussians_and_losses_of_regression(x, mean, deviation):
    near_, far = (Gaussians(np.array([[m]]), np.array([[deviation**2]])) for m in (mean, -mean))
    with localcontext(prec=60):
        square = [((Decimal(x) - Decimal(m)) / Decimal(deviation)) ** 2 / 2 for m in (mean, -mean)]
        found = log_ratios(np.array([[x]]), np.array([0]), near_, far)[0, 0]
        assert found == pytest.approx(float(square[1] - square[0]), abs=1e-12 * float(1 + max(square)))
        near(gaussian_losses(np.array([[mean]]), np.array([x]), deviation)[0, 0], square[0], rel=1e-9)


def test_the_signals_of_classifiers_are_these():
    assert SIGNALS["loss"] is losses
    assert SIGNALS["margin"] is margins
