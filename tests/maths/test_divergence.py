import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from untrain.maths.divergence import histogram_kl

DRAWS = np.random.default_rng(0)
SAMPLES = arrays(np.float64, (6, 7), elements=st.floats(-200, 200))


def column(*values):
    return np.array(values, dtype=float)[:, None]


def gaussians(models, examples, mean=0.0, spread=1.0):
    return mean + spread * DRAWS.normal(size=(models, examples))


def independently(p, q, bins=20, clip=100.0, least=1e-5):
    """One example by numpy.histogram, whose last bin holds the maximum."""
    p, q = np.clip(p, -clip, clip), np.clip(q, -clip, clip)
    low, high = min(p.min(), q.min()), max(p.max(), q.max())
    if low == high:
        return 0.0
    a, b = (np.histogram(s, bins, (low, high))[0] / len(s) for s in (p, q))
    return sum(x * np.log(x / max(y, least)) for x, y in zip(a, b, strict=True) if x > 0)


def test_the_golden_case_of_four_bins_keeps_the_maximum():
    assert histogram_kl(column(0, 1, 2, 3), column(0, 0, 0, 3), bins=4)[0] == pytest.approx(4.788662, abs=1e-6)


def test_the_golden_case_reversed_is_another_number():
    assert histogram_kl(column(0, 0, 0, 3), column(0, 1, 2, 3), bins=4)[0] == pytest.approx(0.823959, abs=1e-6)


@given(SAMPLES)
def test_a_sample_diverges_from_itself_by_nothing(p):
    assert histogram_kl(p, p) == pytest.approx(np.zeros(7), abs=1e-12)


def test_equal_constants_diverge_by_nothing():
    assert histogram_kl(np.full((5, 3), 2.5), np.full((8, 3), 2.5)).tolist() == [0, 0, 0]


def test_constants_beyond_the_clip_are_one_constant():
    assert histogram_kl(column(500, 600), column(101, 1e9))[0] == 0


@pytest.mark.parametrize(("p", "q"), [((9, 9, 9), (0, 1, 2)), ((-9, -9, -9), (0, 1, 2)), ((1, 1, 1), (0, 0, 0))])
def test_a_collapsed_model_beside_all_oracles_saturates(p, q):
    assert histogram_kl(column(*p), column(*q))[0] == pytest.approx(11.5129, abs=1e-4)


def test_disjoint_spread_samples_saturate_less_their_entropy():
    found = histogram_kl(column(10, 13, 16, 20), column(0, 1, 2, 3), bins=20)[0]
    assert found == pytest.approx(-np.log(1e-5) - np.log(4), abs=1e-9)


@given(SAMPLES, arrays(np.float64, (9, 7), elements=st.floats(-200, 200)))
def test_it_agrees_with_numpy_histograms(p, q):
    # Values at a bin's edge may fall on either side of it by rounding, so few bins and a shifted grid.
    p, q = np.round(p) + 0.25, np.round(q) + 0.25
    p[0], q[0] = -300, 300
    expected = [independently(p[:, i], q[:, i], bins=7) for i in range(7)]
    assert histogram_kl(p, q, bins=7) == pytest.approx(np.array(expected), abs=1e-9)


@given(st.permutations(range(6)), st.integers(1, 8))
def test_neither_the_order_of_models_nor_the_block_matters(order, block):
    p, q = np.random.default_rng(1).normal(size=(2, 6, 7))
    whole = histogram_kl(p, q)
    assert (histogram_kl(p[order], q, block=block) == whole).all()
    assert (histogram_kl(p, q[order], block=block) == whole).all()


def test_the_noise_floor_of_a_hundred_models_is_known():
    found = histogram_kl(gaussians(100, 4000), gaussians(100, 4000))
    assert found.mean() == pytest.approx(0.354, abs=0.015)
    assert np.quantile(found, 0.95) == pytest.approx(0.68, abs=0.03)


def test_the_noise_floor_of_two_hundred_models_is_known():
    found = histogram_kl(gaussians(200, 4000), gaussians(200, 4000))
    assert found.mean() == pytest.approx(0.152, abs=0.01)
    assert np.quantile(found, 0.95) == pytest.approx(0.29, abs=0.02)


def test_a_shift_by_one_sigma_is_known():
    assert histogram_kl(gaussians(100, 4000, mean=1.0), gaussians(100, 4000)).mean() == pytest.approx(1.21, abs=0.04)


def test_direction_matters_as_known():
    narrow, wide = gaussians(100, 4000, spread=0.3), gaussians(100, 4000)
    assert histogram_kl(narrow, wide).mean() == pytest.approx(0.82, abs=0.03)
    assert histogram_kl(wide, narrow).mean() == pytest.approx(3.23, abs=0.06)
