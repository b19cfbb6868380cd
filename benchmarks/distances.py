"""KLoM beside a loop that bins example by example, the bootstrap in seconds, and KLoM of arrays larger than the memory allowed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from side_by_side import Row, noise, ratio, row, show, times

from untrain.maths.bootstrap import basic, inflated, resampled_means, resamples
from untrain.maths.divergence import histogram_kl

COUNT, CLIP, LEAST = 20, 100.0, 1e-5


def digitized(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) of one example as published code bins it: ``numpy.digitize``, and a count for each interval."""
    p, q = np.clip(p, -CLIP, CLIP), np.clip(q, -CLIP, CLIP)
    edges = np.linspace(min(p.min(), q.min()), max(p.max(), q.max()), COUNT + 1)
    shares = [
        np.array([np.sum(at == k) for k in range(1, COUNT + 1)]) / len(at) for at in (np.digitize(p, edges), np.digitize(q, edges))
    ]
    held = shares[0] > 0
    return float(np.sum(shares[0][held] * np.log(shares[0][held] / np.maximum(shares[1][held], LEAST))))


def both_digitized(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Both directions, as the code that has one direction gives them: example by example, one call each."""
    return np.array([(digitized(p[:, i], q[:, i]), digitized(q[:, i], p[:, i])) for i in range(p.shape[1])]).T


def both_histograms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Both directions with as little work as a loop over examples allows: ``numpy.histogram`` once a sample, shared by both."""
    out = np.empty((2, p.shape[1]))
    for i in range(p.shape[1]):
        a, b = np.clip(p[:, i], -CLIP, CLIP), np.clip(q[:, i], -CLIP, CLIP)
        span = min(a.min(), b.min()), max(a.max(), b.max())
        x, y = (np.histogram(s, COUNT, span)[0] / len(s) for s in (a, b))
        for at, (u, v) in enumerate(((x, y), (y, x))):
            held = u > 0
            out[at, i] = np.sum(u[held] * np.log(u[held] / np.maximum(v[held], LEAST)))
    return out


def klom(models: int, examples: int, repeats: int, part: int) -> list[Row]:
    """Seconds of both directions over all examples against loops over ``part`` of them, scaled."""
    p, q = np.random.default_rng(0).normal(size=(2, models, examples))
    few = p[:, :part], q[:, :part]
    if not np.allclose(both_histograms(*few), histogram_kl(p=few[0], q=few[1]), atol=1e-6):
        raise SystemExit("the loop and untrain do not agree")
    variants = {
        "published": lambda: both_digitized(*few),
        "shared": lambda: both_histograms(*few),
        "ours": lambda: histogram_kl(p=p, q=q),
    }
    found = times(variants, repeats)
    size, scale = f"{models} x {examples:,} margins, both directions", examples / part
    rows = []
    for name, how in (("published", "numpy.digitize, a call a direction"), ("shared", "numpy.histogram, shared by both")):
        told = f"KLoM, {size}: loop over examples ({how}; timed on {part:,} and scaled) / untrain"
        rows.append(ratio(told, [scale * t for t in found[name]], found["ours"], ">= 100" if name == "published" else ""))
    return rows


def bootstrap(draws: int, examples: int, models: tuple[int, ...], repeats: int) -> list[Row]:
    """Seconds of an interval of a mean over models and examples, samples drawn anew each time."""
    rows = []
    for m in models:
        table = np.random.default_rng(m).random((m, examples))

        def work(table: np.ndarray = table, m: int = m) -> None:
            resamples.cache_clear()
            counts = inflated(resamples(m, draws, 0, "models"))
            basic(table.mean(), resampled_means(table, counts, resamples(examples, draws, 0, "examples")), 0, 1)

        found = times({"ours": work}, repeats)["ours"]
        rows.append(row(f"interval from {draws:,} resamples of {examples:,} examples and {m} models", "s", found, "< 5"))
    return rows


MAPPED = """
import resource, sys, time
import numpy as np
from untrain.maths.divergence import histogram_kl
p, q = (np.load(name, mmap_mode="r") for name in sys.argv[2:])
status = dict(x.split(":", 1) for x in open("/proc/self/status"))
limit = int(status["VmData"].split()[0]) * 1024 + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.array(p)
    raise SystemExit("a copy of one array fits into the limit, so this shows nothing")
except MemoryError:
    pass
start = time.perf_counter()
histogram_kl(p=p, q=q)
print(time.perf_counter() - start)
"""


def mapped(models: int, examples: int, allowed: int, repeats: int) -> list[Row]:
    """KLoM of two memory-mapped arrays in a process that may hold but a part of one of them."""
    with tempfile.TemporaryDirectory() as folder:
        names = [str(Path(folder) / f"{at}.npy") for at in range(2)]
        for at, name in enumerate(names):
            table = np.lib.format.open_memmap(name, mode="w+", dtype=np.float32, shape=(models, examples))
            for line in table:
                line[:] = np.random.default_rng(at).normal(size=examples)
            del table
        size = sum(Path(n).stat().st_size for n in names)
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        found = []
        for _ in range(repeats):
            done = subprocess.run(
                [sys.executable, "-c", MAPPED, str(allowed), *names],
                check=True, capture_output=True, text=True, env={**os.environ, **threads},
            )  # fmt: skip
            found.append(float(done.stdout))
    told = f"KLoM of 2 memory-mapped arrays {models} x {examples:,}"
    return [
        row(f"{told}, {allowed / 2**20:.0f} MiB allowed beside the start", "s", found),
        row(f"{told}: their bytes / the bytes allowed", "ratio", [size / allowed], "> 1"),
    ]


def main(quick: bool = False) -> list[Row]:
    """All of it; ``quick`` shows that it runs."""
    start = time.perf_counter()
    rows = [noise(1)]
    rows += klom(100, 6_000 if quick else 60_000, 2 if quick else 5, 100 if quick else 600)
    rows += bootstrap(200 if quick else 2000, 60_000, (1, 16) if quick else (1, 16, 100), 2 if quick else 5)
    rows += mapped(100, 200_000 if quick else 2_000_000, 2**26 if quick else 2**28, 1 if quick else 3)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    return rows


if __name__ == "__main__":
    show(main("--quick" in sys.argv))
