"""Divergence between samples and between distributions, example by example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Kind = Literal["kept", "paper", "bench", "easydub"]


@dataclass(frozen=True)
class Bins:
    """Settings by which samples become histograms.

    ``kept`` clips both samples, cuts their joint range into ``count`` equal intervals with the maximum in the last, and
    floors q where p has mass. The others repeat published code, which loses the maximum: ``paper`` clips p alone, has one
    interval fewer and one cell that is always empty, floors all of q and renormalises it; ``bench`` renormalises q;
    ``easydub`` does not, and finds no divergence in a p that lies wholly at the maximum.

    Args:
        count: number of intervals.
        clip: bound on the values.
        least: floor of q.
        kind: whose histogram.

    Source: Rinberg et al. 2024, arXiv 2410.23232, and the code of its authors and of two benchmarks.
    """

    count: int = 20
    clip: float = 100.0
    least: float = 1e-5
    kind: Kind = "kept"


def histogram_kl(*, p: Array, q: Array, bins: Bins | None = None, block: int = 256) -> Array:
    """KL(p || q) and KL(q || p) between histograms of two samples over their models, for each of n examples.

    Where all samples are one value the divergence is 0. It is NaN where a sample holds NaN, and where a published
    histogram has lost all of a sample. Inputs may be memory-mapped: a block of examples is read at a time.

    >>> p, q = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([[0.0], [1.0], [1.0], [1.0]])
    >>> np.round(histogram_kl(p=p, q=q), 4).tolist()  # log(2) / 2 - log(3 / 2) / 2 and 3 log(3 / 2) / 4 - log(2) / 4
    [[0.1438], [0.1308]]

    Args:
        p: sample of the first law, (m, n).
        q: sample of the second law, (m, n).
        bins: how they become histograms; None for the defaults.
        block: examples worked on at a time.

    Returns:
        (2, n) in nats, one direction per row.

    Raises:
        ValueError: the samples differ in size; how large a divergence is depends on the number of models.
    """
    if p.shape != q.shape:
        raise ValueError(f"samples of one shape (models, examples) are needed, not {p.shape} and {q.shape}")
    how = bins or Bins()
    out = np.empty((2, p.shape[1]))
    for start in range(0, p.shape[1], block):
        at = slice(start, start + block)
        a, b = (np.asarray(s[:, at], dtype=np.float64) for s in (p, q))
        forth = _histograms(a, b, how)
        # The paper's clip falls on the first argument alone, so it bins anew for the other direction.
        back = _histograms(b, a, how) if how.kind == "paper" else forth[::-1]
        out[0, at], out[1, at] = _kl(*forth, how), _kl(*back, how)
    return out


def _histograms(a: Array, b: Array, how: Bins) -> tuple[Array, Array]:
    """Share of each sample in each interval, (n, intervals); NaN, or zeros, where no value was counted."""
    cells = how.count - (how.kind == "paper")
    low, high = np.minimum(a.min(0), b.min(0)), np.maximum(a.max(0), b.max(0))
    if how.kind == "paper":
        low = np.minimum(np.clip(a.min(0), -how.clip, how.clip), b.min(0))
        high = np.maximum(np.clip(a.max(0), -how.clip, how.clip), b.max(0))
        a = np.clip(a, -how.clip, how.clip)
    else:
        low, high = np.clip(low, -how.clip, how.clip), np.clip(high, -how.clip, how.clip)
    lost = ~(np.isfinite(low) & np.isfinite(high))
    if lost.any():
        a, b, low, high = (np.where(lost, 0.0, x) for x in (a, b, low, high))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = [_shares(_cells(s, low, high, cells, how.kind), cells, how.kind) for s in (a, b)]
    for each in shares:
        each[lost] = np.nan
    return shares[0], shares[1]


def _cells(sample: Array, low: Array, high: Array, cells: int, kind: Kind) -> Array:
    """Interval of each value, whole numbers (m, n); ``cells`` for a lost value."""
    wide = high - low
    at = sample - low
    at *= cells / np.where(wide > 1e-300, wide, 1.0)  # whose inverse is finite
    np.minimum(at, max(cells - 1, 0), out=at)
    np.maximum(at, 0.0, out=at)
    cell = at.astype(np.intp)
    if kind != "kept":
        # With a range of nothing the benchmarks open an interval; the paper's edges all lie on the one value.
        cell[(sample >= high) & ((wide > 0) | (kind == "paper"))] = cells
    return cell


def _shares(at: Array, cells: int, kind: Kind) -> Array:
    """Share of the counted values, (n, cells)."""
    n, size = at.shape[1], cells + (kind != "kept")
    at += np.arange(0, n * size, size)
    counts = np.bincount(at.ravel(), minlength=n * size).reshape(n, size)
    if kind == "kept":
        return np.asarray(counts / len(at))
    counted = counts[:, :cells].sum(1, keepdims=True)
    shares = counts[:, :cells] / counted
    return shares if kind == "paper" else np.where(counted > 0, shares, 0.0)


def _kl(p: Array, q: Array, how: Bins) -> Array:
    """Divergence of histograms (n, cells), (n,)."""
    floored = np.maximum(q, how.least)
    total: Array = (p * np.log(np.where(p > 0, p, 1.0) / floored)).sum(1)
    if how.kind == "paper":
        # The cell below the range is empty, and floored like the others.
        total = total + np.log(floored.sum(1) + how.least)
    if how.kind == "bench":
        mass = np.where(p > 0, floored, q).sum(1)
        total = np.where(p.sum(1) > 0, total + np.log(np.where(mass > 0, mass, 1.0)), np.nan)
    return total


def jensen_shannon(p: Array, q: Array, entropies: Array | None = None) -> Array:
    """Jensen-Shannon distance: the root of ``H((p + q) / 2) - (H(p) + H(q)) / 2`` in nats, at most ``sqrt(log 2)``.

    >>> round(float(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))), 4)  # sqrt(log 2)
    0.8326

    Args:
        p: distributions along the last axis.
        q: likewise; shapes are broadcast.
        entropies: ``H(p) + H(q)`` where it is known.

    Source: Endres and Schindelin 2003.
    """
    alone = entropy(p) + entropy(q) if entropies is None else entropies
    return np.asarray(np.sqrt(np.maximum(entropy((p + q) / 2) - alone / 2, 0.0)))


def entropy(p: Array) -> Array:
    """Shannon entropy in nats of distributions along the last axis.

    >>> round(float(entropy(np.array([0.5, 0.5]))), 4)  # log 2
    0.6931
    """
    terms = np.maximum(p, np.finfo(np.float64).tiny)
    np.log(terms, out=terms)
    terms *= p
    return np.asarray(-(terms @ np.ones(p.shape[-1])))
