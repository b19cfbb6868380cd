import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy

from untrain.maths.divergence import Bins, entropy, histogram_kl, jensen_shannon

DRAWS = np.random.default_rng(0)
SAMPLES = arrays(np.float64, (6, 7), elements=st.floats(-200, 200))
KINDS = ("kept", "paper", "bench", "easydub")
PUBLISHED = KINDS[1:]


def column(*values):
    return np.array(values, dtype=float)[:, None]


def gaussians(models, examples, mean=0.0, spread=1.0):
    return mean + spread * DRAWS.normal(size=(models, examples))


def kl(p, q, kind="kept", count=20):
    """Both directions of one example."""
    return histogram_kl(p=column(*p), q=column(*q), bins=Bins(count, kind=kind))[:, 0]


def kept(p, q, count=20, clip=100.0, least=1e-5):
    """One example by numpy.histogram, whose last bin holds the maximum."""
    p, q = np.clip(p, -clip, clip), np.clip(q, -clip, clip)
    low, high = min(p.min(), q.min()), max(p.max(), q.max())
    if low == high:
        return 0.0
    a, b = (np.histogram(s, count, (low, high))[0] / len(s) for s in (p, q))
    return sum(x * np.log(x / max(y, least)) for x, y in zip(a, b, strict=True) if x > 0)


def published(p, q, kind, count=20, clip=100.0, least=1e-5):
    """One example as the three published programs count it: digitize, which puts the maximum past the last interval."""
    p, q = np.clip(p, -clip, clip), q if kind == "paper" else np.clip(q, -clip, clip)
    low, high = min(p.min(), q.min()), max(p.max(), q.max())
    high = high if kind == "paper" or high > low else low + 1
    edges = np.linspace(low, high, count if kind == "paper" else count + 1)
    wanted = np.arange(count) if kind == "paper" else np.arange(1, count + 1)
    a, b = ((np.digitize(s, edges)[:, None] == wanted).sum(0) for s in (p, q))
    with np.errstate(invalid="ignore"):
        a, b = (x / x.sum() if kind == "paper" or x.sum() else x * 0.0 for x in (a, b))
        b = np.maximum(b, least) if kind == "paper" else np.where(a > 0, np.maximum(b, least), b)
        if kind == "easydub":
            return float(np.sum(a[a > 0] * np.log(a[a > 0] / b[a > 0])))
        return float(scipy_entropy(a, b))


@pytest.mark.parametrize(
    ("kind", "there", "back"),
    [("kept", 4.788662, 0.823959), ("paper", 6.576701, None), ("bench", 6.576691, None), ("easydub", 6.576671, 1.098612)],
)
def test_the_golden_case_of_four_bins_in_both_directions(kind, there, back):
    found = kl((0, 1, 2, 3), (0, 0, 0, 3), kind, 4)
    assert found[0] == pytest.approx(there, abs=1e-6)
    assert back is None or found[1] == pytest.approx(back, abs=1e-6)


@pytest.mark.parametrize("kind", ["kept", "bench", "easydub"])
@given(p=SAMPLES)
def test_a_sample_diverges_from_itself_by_nothing(kind, p):
    found = histogram_kl(p=p, q=p, bins=Bins(kind=kind))
    assert found[np.isfinite(found)] == pytest.approx(0, abs=1e-12)


def test_in_the_papers_code_a_sample_diverges_from_itself_by_its_empty_cells():
    p = gaussians(50, 4000)
    found = histogram_kl(p=p, q=p, bins=Bins(kind="paper"))[0]
    assert found.mean() == pytest.approx(4.0e-5, abs=0.3e-5)
    assert set(np.round(np.expm1(found) / 1e-5, 3)) <= set(range(1, 20))


@pytest.mark.parametrize("kind", ["kept", "bench", "easydub"])
def test_equal_constants_diverge_by_nothing(kind):
    assert kl((2.5,) * 5, (2.5,) * 5, kind).tolist() == [0, 0]


def test_the_papers_code_has_no_number_for_equal_constants():
    assert np.isnan(kl((2.5,) * 5, (2.5,) * 5, "paper")).all()


def test_constants_beyond_the_clip_are_one_constant():
    assert kl((500, 600), (101, 1e9)).tolist() == [0, 0]


@pytest.mark.parametrize(("p", "q"), [((9, 9, 9), (0, 1, 2)), ((-9, -9, -9), (0, 1, 2)), ((1, 1, 1), (0, 0, 0))])
def test_a_collapsed_model_beside_all_oracles_saturates(p, q):
    assert kl(p, q)[0] == pytest.approx(11.5129, abs=1e-4)


@pytest.mark.parametrize(("kind", "said"), [("paper", np.nan), ("bench", np.nan), ("easydub", 0.0)])
def test_published_code_gives_a_model_collapsed_above_all_oracles_no_number_or_the_perfect_one(kind, said):
    assert kl((9, 9, 9), (0, 1, 2), kind)[0] == pytest.approx(said, nan_ok=True)


@pytest.mark.parametrize("kind", PUBLISHED)
def test_published_code_sees_a_collapse_below_all_oracles(kind):
    assert kl((-9, -9, -9), (0, 1, 2), kind)[0] == pytest.approx(11.5129, abs=1e-3)


def test_disjoint_spread_samples_saturate_less_their_entropy():
    assert kl((10, 13, 16, 20), (0, 1, 2, 3))[0] == pytest.approx(-np.log(1e-5) - np.log(4), abs=1e-9)


@given(SAMPLES, arrays(np.float64, (6, 7), elements=st.floats(-200, 200)))
def test_it_agrees_with_numpy_histograms(p, q):
    # Values at a bin's edge may fall on either side of it by rounding, so few bins and a shifted grid.
    p, q = np.round(p) + 0.25, np.round(q) + 0.25
    p[0], q[0] = -300, 300
    found = histogram_kl(p=p, q=q, bins=Bins(7))
    assert found[0] == pytest.approx(np.array([kept(p[:, i], q[:, i], 7) for i in range(7)]), abs=1e-9)
    assert found[1] == pytest.approx(np.array([kept(q[:, i], p[:, i], 7) for i in range(7)]), abs=1e-9)


@pytest.mark.parametrize("kind", PUBLISHED)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([1.0, 90.0]), shift=st.sampled_from([0.0, 1.0, 30.0]))
def test_the_published_variants_agree_with_a_loop_over_examples(kind, seed, spread, shift):
    draw = np.random.default_rng(seed)
    p, q = spread * draw.normal(size=(2, 12, 5))
    p = p + shift
    found = histogram_kl(p=p, q=q, bins=Bins(kind=kind))
    expected = [[published(a[:, i], b[:, i], kind) for i in range(5)] for a, b in ((p, q), (q, p))]
    assert found == pytest.approx(np.array(expected), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("kind", KINDS)
@given(order=st.permutations(range(6)), block=st.integers(1, 8), mixed=st.permutations(range(7)))
def test_neither_the_order_of_models_or_examples_nor_the_block_matters(kind, order, block, mixed):
    p, q = np.random.default_rng(1).normal(size=(2, 6, 7))
    how = Bins(kind=kind)
    whole = histogram_kl(p=p, q=q, bins=how)
    np.testing.assert_array_equal(histogram_kl(p=p[order], q=q, bins=how, block=block), whole)
    np.testing.assert_array_equal(histogram_kl(p=p, q=q[order], bins=how, block=block), whole)
    np.testing.assert_array_equal(histogram_kl(p=p[:, mixed], q=q[:, mixed], bins=how), whole[:, mixed])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_that_holds_no_number_has_no_divergence(kind):
    p, q = np.zeros((3, 4)), np.random.default_rng(0).normal(size=(3, 4))
    p[1, 2] = np.nan
    assert np.isnan(histogram_kl(p=p, q=q, bins=Bins(kind=kind))[:, 2]).all()
    assert np.isfinite(histogram_kl(p=p, q=q, bins=Bins())[:, [0, 1, 3]]).all()


def test_samples_of_different_size_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 2\) and \(6, 2\)"):
        histogram_kl(p=np.zeros((5, 2)), q=np.zeros((6, 2)))


@pytest.mark.parametrize(
    ("models", "mean", "near", "p95", "close"),
    [(50, 0.89, 0.02, 1.73, 0.05), (100, 0.354, 0.015, 0.68, 0.03), (200, 0.152, 0.01, 0.29, 0.02)],
)
def test_the_noise_floor_is_known(models, mean, near, p95, close):
    for found in histogram_kl(p=gaussians(models, 4000), q=gaussians(models, 4000)):
        assert found.mean() == pytest.approx(mean, abs=near)
        assert np.quantile(found, 0.95) == pytest.approx(p95, abs=close)


@pytest.mark.parametrize(
    ("kind", "models", "mean", "p95"),
    [
        *(("easydub", 100, 0.342, 0.668), ("easydub", 200, 0.146, 0.281), ("bench", 50, 0.855, 1.72)),
        *(("paper", 50, 0.80, 1.58), ("paper", 100, 0.32, 0.64), ("paper", 200, 0.137, 0.27)),
    ],
)
def test_the_noise_floors_of_published_code_are_known(kind, models, mean, p95):
    found = histogram_kl(p=gaussians(models, 4000), q=gaussians(models, 4000), bins=Bins(kind=kind))[0]
    assert found.mean() == pytest.approx(mean, rel=0.04)
    assert np.quantile(found, 0.95) == pytest.approx(p95, rel=0.06)


@pytest.mark.parametrize(("kind", "known"), [("kept", 1.21), ("easydub", 1.17)])
def test_a_shift_by_one_sigma_is_known(kind, known):
    found = histogram_kl(p=gaussians(100, 4000, mean=1.0), q=gaussians(100, 4000), bins=Bins(kind=kind))
    assert found[0].mean() == pytest.approx(known, abs=0.04)


@pytest.mark.parametrize(("kind", "there", "back"), [("kept", 0.82, 3.23), ("easydub", 0.81, 3.21)])
def test_direction_matters_as_known(kind, there, back):
    found = histogram_kl(p=gaussians(100, 4000, spread=0.3), q=gaussians(100, 4000), bins=Bins(kind=kind))
    assert found[0].mean() == pytest.approx(there, abs=0.03)
    assert found[1].mean() == pytest.approx(back, abs=0.06)


MAPPED = """
import resource, sys
import numpy as np
from untrain.maths.divergence import histogram_kl
p, q = (np.load(name, mmap_mode="r") for name in sys.argv[1:])
held = int(next(x.split()[1] for x in open("/proc/self/status") if x.startswith("VmData"))) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + p.nbytes // 2, held + p.nbytes // 2))
try:
    np.array(p)
except MemoryError:
    print("a copy does not fit")
print(float(histogram_kl(p=p, q=q).mean()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_mapped_arrays_are_never_copied_whole(tmp_path):
    names = []
    for at in range(2):
        names.append(str(tmp_path / f"{at}.npy"))
        table = np.lib.format.open_memmap(names[at], mode="w+", dtype=np.float32, shape=(50, 400_000))
        table[:] = np.random.default_rng(at).normal(size=400_000).astype(np.float32)
        table[at] += 1
        del table
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run([sys.executable, "-c", MAPPED, *names], capture_output=True, text=True, env={**os.environ, **threads})
    assert done.returncode == 0, done.stderr
    said, value = done.stdout.splitlines()
    assert said == "a copy does not fit"
    assert 0 < float(value) < 12


DISTRIBUTIONS = (
    st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda x: sum(x) > 1e-3).map(lambda x: np.array(x) / sum(x))
)


@given(DISTRIBUTIONS, DISTRIBUTIONS)
def test_the_distance_agrees_with_scipy(p, q):
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q), abs=1e-6)
    assert entropy(p) == pytest.approx(scipy_entropy(p), abs=1e-12)


@given(DISTRIBUTIONS, DISTRIBUTIONS)
def test_the_distance_is_symmetric_and_none_to_itself(p, q):
    assert jensen_shannon(p, q) == jensen_shannon(q, p)
    assert jensen_shannon(p, p) == 0


def test_without_a_common_class_the_distance_is_the_root_of_log_two():
    assert jensen_shannon(np.array([1.0, 0, 0]), np.array([0, 0.4, 0.6])) == pytest.approx(np.sqrt(np.log(2)))


def test_a_coin_and_a_certainty():
    # H(3/4) - H(1/2) / 2
    expected = np.sqrt(-0.75 * np.log(0.75) - 0.25 * np.log(0.25) - np.log(2) / 2)
    assert jensen_shannon(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == pytest.approx(expected)
