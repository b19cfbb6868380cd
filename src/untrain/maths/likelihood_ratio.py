"""Likelihood-ratio attacks on margins: Gaussians over models, example by example, each without the models it attacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Variance = Literal["auto", "example", "global"]

FLOOR = 1e-3  # of a standard deviation, in the margins' unit
_OWN = 64  # models from which on 'auto' takes each example's own variance


def folds(rows: Array, count: int, block: int = 4096) -> Array:
    """Fold of each row in 0 ... count - 1, (m,), as even as can be; of several populations (..., m, n) those of each, (..., m).

    A digest of each row's values draws it, so it ignores the order of rows and of columns, cuts equal populations
    alike, and does not depend on whether a row's values are large or small.

    >>> np.bincount(folds(np.eye(4), 2)).tolist()
    [2, 2]
    """
    return folds_of(fold_keys(rows, block), count)


def fold_keys(rows: Array, block: int = 4096) -> Array:
    """Digest of each row's values, by which ``folds_of`` cuts them, (..., m).

    The order of the values makes no difference.

    >>> keys = fold_keys(np.array([[0.5, 1.0], [1.0, 0.5], [0.5, 0.25]]))
    >>> bool(keys[0] == keys[1]), bool(keys[0] == keys[2])
    (True, False)
    """
    keys = np.zeros(rows.shape[:-1], dtype=np.uint64)
    for start in range(0, rows.shape[-1], block):
        bits = (rows[..., start : start + block].astype(np.float32) + np.float32(0.0)).view(np.uint32).astype(np.uint64)
        keys += _mixed(bits).sum(-1, dtype=np.uint64)
    return _mixed(keys)


def folds_of(keys: Array, count: int) -> Array:
    """Fold of each row by its digest, (..., m).

    >>> folds_of(np.array([30, 10, 20, 40]), 2).tolist()
    [0, 0, 1, 1]
    """
    fold = np.empty(keys.shape, dtype=np.int64)
    np.put_along_axis(fold, np.argsort(keys, axis=-1, kind="stable"), np.arange(keys.shape[-1]) % count, axis=-1)
    return fold


def _mixed(keys: Array) -> Array:
    """Whole numbers of 64 bits, stirred (the finalizer of splitmix64, Steele et al. 2014)."""
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def without(fold: Array, count: int) -> Array:
    """Return the rows outside each fold, bool (..., count, m).

    >>> without(np.array([0, 1, 0]), 2).tolist()
    [[False, True, False], [True, False, True]]
    """
    return np.asarray(fold[..., None, :] != np.arange(count)[:, None])


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Several fits: means (..., f, n) and variances (..., f, n), or (..., f, 1) where all examples share one."""

    mean: Array
    variance: Array


def gaussians(sample: Array, keep: Array, variance: Variance = "example", floor: float = FLOOR, block: int = 4096) -> Gaussians:
    """Mean and variance of each example's margins over models, for several choices of models.

    >>> fit = gaussians(np.array([[1.0], [3.0]]), keep=np.array([[True, True]]))
    >>> fit.mean.tolist(), fit.variance.tolist()
    ([[2.0]], [[1.0]])

    Args:
        sample: margins, (m, n), or those of several populations, (..., m, n).
        keep: which models each fit uses, bool (..., f, m), at least one, and two where variances are shared.
        variance: 'example' takes each example's own, over its models (divided by their number, as the attack's authors
            do); 'global' the mean over examples of the unbiased ones, which few models estimate far better; 'auto' the
            latter below 64 models.
        floor: least standard deviation, in the unit of the margins.
        block: examples worked on at a time.

    Source: Carlini et al. 2022, arXiv 2112.03570.
    Departs: the global variance is that around each example's own mean; the authors' code takes it around the grand mean.
    """
    weight = keep.astype(np.float64)
    left = weight.sum(-1, keepdims=True)
    mean, var = (np.empty((*keep.shape[:-1], sample.shape[-1])) for _ in range(2))
    for start in range(0, sample.shape[-1], block):
        at = slice(start, start + block)
        x = np.asarray(sample[..., at], dtype=np.float64)
        centre = x.mean(-2, keepdims=True)
        x = x - centre  # so that little cancels below
        mean[..., at] = weight @ x / left
        var[..., at] = weight @ (x * x) / left - mean[..., at] ** 2
        mean[..., at] += centre
    if variance == "global" or (variance == "auto" and sample.shape[-2] < _OWN):
        var = np.maximum(var, 0.0).mean(-1, keepdims=True) * left / (left - 1)
    return Gaussians(mean, np.maximum(var, floor**2))


def log_ratios(x: Array, at: Array, top: Gaussians, bottom: Gaussians, block: int = 4096) -> Array:
    """``log N(x; top) - log N(x; bottom)``, (t, n): LiRA online where top is fitted on models that saw the example.

    >>> one, zero = (Gaussians(np.array([[mean]]), np.array([[1.0]])) for mean in (1.0, 0.0))
    >>> log_ratios(np.array([[1.0]]), np.array([0]), top=one, bottom=zero).tolist()  # ((1 - 0)^2 - (1 - 1)^2) / 2
    [[0.5]]

    Args:
        x: margins of the attacked models, (t, n), or of several populations, (b, t, n).
        at: index of the fit for each of them, (t,) or (b, t).
        top: fits of the hypothesis that larger values favour; all populations may share theirs.
        bottom: fits of the other.
        block: examples worked on at a time.
    """
    out = np.empty(x.shape)
    for start in range(0, x.shape[-1], block):
        columns = slice(start, start + block)
        block_x = np.asarray(x[..., columns], dtype=np.float64)
        out[..., columns] = _density(block_x, at, top, columns) - _density(block_x, at, bottom, columns)
    return out


def _density(x: Array, at: Array, fit: Gaussians, columns: slice) -> Array:
    """Twice the log-density, halved, less a constant that all share."""
    variance = _of_fold(fit.variance if fit.variance.shape[-1] == 1 else fit.variance[..., columns], at)
    return np.asarray(-((x - _of_fold(fit.mean[..., columns], at)) ** 2 / variance + np.log(variance)) / 2)


def _of_fold(fits: Array, at: Array) -> Array:
    """Each model's row of a table of fits, or of that of its population."""
    return np.asarray(fits[at] if fits.ndim == 2 else fits[np.arange(len(fits))[:, None], at])


def standardized(x: Array, at: Array, fit: Gaussians) -> Array:
    """``(x - mean) / sd``, (t, n): LiRA offline, of which ``1 - Pr[Z > x]`` is an increasing function that runs into 1.

    >>> standardized(np.array([[3.0]]), np.array([0]), Gaussians(np.array([[1.0]]), np.array([[4.0]]))).tolist()
    [[1.0]]
    """
    return np.asarray((x - fit.mean[at]) / np.sqrt(fit.variance[at]))


def calls(ratios: Array) -> Array:
    """1 where a ratio favours its top, 0 where its bottom, a half where neither.

    >>> calls(np.array([2.0, 0.0, -1.0])).tolist()
    [1.0, 0.5, 0.0]
    """
    return np.asarray((ratios > 0) + 0.5 * (ratios == 0))


def shares(ours: Array, theirs: Array) -> Array:
    """Weight of each of ``theirs``, (k,), mean 1 where all folds of theirs are among ours.

    By it each fold has as much of theirs as of ours. Within a fold the same fits attack both, so the balanced accuracy of
    two samples of one law is one half on average, whatever the fits.

    >>> np.round(shares(np.array([0, 1]), np.array([0, 0, 0, 1])), 4).tolist()
    [0.6667, 0.6667, 0.6667, 2.0]

    Args:
        ours: fold of each model of one kind, (m,); each is one of theirs. Or of several populations with folds of the same sizes.
        theirs: fold of each model of the other, (..., k).
    """
    count, m, k = int(theirs.max()) + 1, ours.shape[-1], theirs.shape[-1]
    first = ours.reshape(-1, m)[0], theirs.reshape(-1, k)[0]
    want, have = (np.bincount(each, minlength=count) / len(each) for each in first)
    return np.asarray((want / np.maximum(have, 1e-300))[theirs])


@dataclass(frozen=True, eq=False)
class HeldOutRatios:
    """Log-ratios 'unlearned' to 'retrained' on models outside the fit of the attack.

    Args:
        unlearned: (m, n).
        oracle: (k, n).
        folds: fold of each unlearned model, (m,), and of each oracle, (k,).
        share: weight of each oracle, as ``shares`` gives it.
    """

    unlearned: Array
    oracle: Array
    folds: tuple[Array, Array]
    share: Array


def ulira(unlearned: Array, oracle: Array, parts: int = 10, variance: Variance = "auto", floor: float = FLOOR) -> HeldOutRatios:
    """U-LiRA on one forget set, targets disjoint from shadows: models of both kinds are left out in turn.

    >>> far = np.array([[10.0], [11.0], [12.0]])
    >>> held_out = ulira(far, far - 20, variance="example")
    >>> bool((held_out.unlearned > 0).all()), bool((held_out.oracle < 0).all())
    (True, True)

    Args:
        unlearned: margins, (m, n), m at least 3, or those of several splits, (b, m, n).
        oracle: margins, (k, n), k at least 3, or (b, k, n).
        parts: number of folds, or fewer where there are fewer models of a kind.
        variance: as ``gaussians`` says.
        floor: least standard deviation.

    Source: Hayes et al. 2024, arXiv 2403.01218; form with one forget set as in the code of arXiv 2410.23232.
    Departs: retrained models are held out too, which makes it a balanced accuracy; folds instead of one model at a time.
    """
    count = min(parts, unlearned.shape[-2], oracle.shape[-2])
    ours, theirs = folds(unlearned, count), folds(oracle, count)
    top = gaussians(unlearned, without(ours, count), variance, floor)
    bottom = gaussians(oracle, without(theirs, count), variance, floor)
    ratios = log_ratios(unlearned, ours, top, bottom), log_ratios(oracle, theirs, top, bottom)
    return HeldOutRatios(*ratios, (ours, theirs), shares(ours, theirs))


def leave_one_out(sample: Array, other: Array, variance: Variance = "example", floor: float = FLOOR) -> Array:
    """Log-ratios (m, n) of each model of ``sample``, held out of its own kind, against all of ``other``: the 'strong' form.

    With unlearned models for sample the share above 0 is a true-positive rate. It is biased by the unequal numbers of
    models: averaged with that of the oracles, two equal populations of five score 0.48.

    >>> far = np.array([[10.0], [11.0], [12.0]])
    >>> bool((leave_one_out(far, far - 20) > 0).all())
    True
    """
    every = np.arange(len(sample))
    top = gaussians(sample, every != every[:, None], variance, floor)
    bottom = gaussians(other, np.ones((1, len(other)), dtype=bool), variance, floor)
    return log_ratios(sample, every, top, Gaussians(*(np.repeat(a, len(sample), 0) for a in (bottom.mean, bottom.variance))))


def in_sample(sample: Array, other: Array, variance: Variance = "example", floor: float = FLOOR) -> Array:
    """Log-ratios (m, n) of models on which the attack was fitted: for demonstration, as it finds leakage where there is none.

    >>> near = np.array([[0.0], [2.0]])
    >>> in_sample(near, near).tolist()  # two equal fits
    [[0.0], [0.0]]
    """
    top, bottom = (gaussians(s, np.ones((1, len(s)), dtype=bool), variance, floor) for s in (sample, other))
    return log_ratios(sample, np.zeros(len(sample), dtype=np.int64), top, bottom)
