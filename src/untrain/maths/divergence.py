"""Divergence between histograms of two samples, example by example."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def histogram_kl(p: Array, q: Array, bins: int = 20, clip: float = 100.0, least: float = 1e-5, block: int = 4096) -> Array:
    """KL(p || q) in nats between histograms of ``p`` and ``q`` (m, n) over their models, for each of n examples.

    Both samples are clipped, ``bins`` equal intervals span their joint range with the maximum in the last, and q is
    floored at ``least`` without renormalising. Where all samples are one value the divergence is 0.

    Args:
        p: sample of the first law, (m, n).
        q: sample of the second law, (k, n).
        bins: number of intervals.
        clip: bound on the values.
        least: floor of q.
        block: examples worked on at a time.

    Source: KLoM of arXiv 2410.23232; the binning that keeps the maximum, where published code drops it.
    """
    out = np.empty(p.shape[1])
    for start in range(0, p.shape[1], block):
        at = slice(start, start + block)
        a, b = np.clip(p[:, at], -clip, clip), np.clip(q[:, at], -clip, clip)
        low = np.minimum(a.min(0), b.min(0))
        wide = np.maximum(a.max(0), b.max(0)) - low
        shares = [_shares(s, low, np.where(wide > 0, wide, 1.0), bins) for s in (a, b)]
        ratio = np.where(shares[0] > 0, shares[0], 1.0) / np.maximum(shares[1], least)
        out[at] = np.where(wide > 0, (shares[0] * np.log(ratio)).sum(1), 0.0)
    return out


def _shares(sample: Array, low: Array, wide: Array, bins: int) -> Array:
    """Share of the sample in each interval, (n, bins)."""
    at = np.minimum(((sample - low) / wide * bins).astype(np.int64), bins - 1)
    n = sample.shape[1]
    counts = np.bincount((at + np.arange(n) * bins).ravel(), minlength=n * bins)
    return np.asarray(counts.reshape(n, bins) / len(sample))
