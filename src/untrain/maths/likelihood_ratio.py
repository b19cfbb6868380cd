"""Likelihood-ratio attacks on margins: Gaussians over models, example by example, each without the models it is tried on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Variance = Literal["auto", "example", "global"]

FLOOR = 1e-3  # of a standard deviation, in the margins' unit
_OWN = 64  # models from which on 'auto' takes each example's own variance


def folds(rows: Array, count: int, block: int = 4096) -> Array:
    """Fold of each row in 0 ... count - 1, (m,), as even as can be.

    Drawn by a digest of what the rows hold, so it is blind to the order of rows and of columns, equal populations are cut
    alike, and it says nothing of whether a row's values are large or small.
    """
    keys = np.zeros(len(rows), dtype=np.uint64)
    for start in range(0, rows.shape[1], block):
        bits = (rows[:, start : start + block].astype(np.float32) + np.float32(0.0)).view(np.uint32).astype(np.uint64)
        keys += _mixed(bits).sum(1, dtype=np.uint64)
    fold = np.empty(len(rows), dtype=np.int64)
    fold[np.argsort(_mixed(keys), kind="stable")] = np.arange(len(rows)) % count
    return fold


def _mixed(keys: Array) -> Array:
    """Whole numbers of 64 bits, stirred (the finalizer of splitmix64, Steele et al. 2014)."""
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def without(fold: Array, count: int) -> Array:
    """Which rows are outside each fold, bool (count, m)."""
    return np.asarray(fold != np.arange(count)[:, None])


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Several fits: means (f, n) and variances (f, n), or (f, 1) where all examples share one."""

    mean: Array
    variance: Array


def gaussians(sample: Array, keep: Array, variance: Variance = "example", floor: float = FLOOR, block: int = 4096) -> Gaussians:
    """Mean and variance of each example's margins over models, for several choices of models.

    Args:
        sample: margins, (m, n).
        keep: which models each fit uses, bool (f, m), at least one, and two where variances are shared.
        variance: 'example' takes each example's own, over its models (divided by their number, as the attack's authors
            do); 'global' the mean over examples of the unbiased ones, which few models estimate far better; 'auto' the
            latter below 64 models.
        floor: least standard deviation, in the unit of the margins.
        block: examples worked on at a time.

    Source: Carlini et al. 2022, arXiv 2112.03570.
    Departs: the global variance is that around each example's own mean; the authors' code takes it around the grand mean.
    """
    weight = keep.astype(np.float64)
    left = weight.sum(1, keepdims=True)
    mean, var = (np.empty((len(keep), sample.shape[1])) for _ in range(2))
    for start in range(0, sample.shape[1], block):
        at = slice(start, start + block)
        x = np.asarray(sample[:, at], dtype=np.float64)
        centre = x.mean(0)
        x = x - centre  # so that little cancels below
        mean[:, at] = weight @ x / left
        var[:, at] = weight @ (x * x) / left - mean[:, at] ** 2
        mean[:, at] += centre
    if variance == "global" or (variance == "auto" and len(sample) < _OWN):
        var = np.maximum(var, 0.0).mean(1, keepdims=True) * left / (left - 1)
    return Gaussians(mean, np.maximum(var, floor**2))


def log_ratios(x: Array, at: Array, top: Gaussians, bottom: Gaussians, block: int = 4096) -> Array:
    """``log N(x; top) - log N(x; bottom)``, (t, n): LiRA online where top is fitted on models that saw the example.

    Args:
        x: margins of the models that are attacked, (t, n).
        at: which of the fits each of them is held against, (t,).
        top: fits of the hypothesis that larger values speak for.
        bottom: fits of the other.
        block: examples worked on at a time.
    """
    out = np.empty(x.shape)
    for start in range(0, x.shape[1], block):
        here = slice(start, start + block)
        held = np.asarray(x[:, here], dtype=np.float64)
        out[:, here] = _density(held, at, top, here) - _density(held, at, bottom, here)
    return out


def _density(x: Array, at: Array, fit: Gaussians, here: slice) -> Array:
    """Twice the log-density, halved, less a constant that all share."""
    variance = (fit.variance if fit.variance.shape[1] == 1 else fit.variance[:, here])[at]
    return np.asarray(-((x - fit.mean[:, here][at]) ** 2 / variance + np.log(variance)) / 2)


def standardized(x: Array, at: Array, fit: Gaussians) -> Array:
    """``(x - mean) / sd``, (t, n): LiRA offline, of which ``1 - Pr[Z > x]`` is an increasing function that runs into 1."""
    return np.asarray((x - fit.mean[at]) / np.sqrt(fit.variance[at]))


def calls(ratios: Array) -> Array:
    """1 where a ratio speaks for its top, 0 where for its bottom, a half where for neither."""
    return np.asarray((ratios > 0) + 0.5 * (ratios == 0))


def shares(ours: Array, theirs: Array) -> Array:
    """Weight of each of ``theirs``, (k,), mean 1 where all folds of theirs are among ours.

    By it each fold has as much of theirs as of ours. Within a fold both are tried on the same fits, so the balanced accuracy of
    two samples of one law is one half on average, whatever was fitted.

    Args:
        ours: fold of each model of one kind, (m,); each is one of theirs.
        theirs: fold of each model of the other, (k,).
    """
    count = int(theirs.max()) + 1
    have, want = np.bincount(theirs, minlength=count) / len(theirs), np.bincount(ours, minlength=count) / len(ours)
    return np.asarray((want / np.maximum(have, 1e-300))[theirs])


@dataclass(frozen=True, eq=False)
class Held:
    """Log-ratios 'unlearned' to 'retrained' on models that the attack was not fitted on.

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


def ulira(unlearned: Array, oracle: Array, parts: int = 10, variance: Variance = "auto", floor: float = FLOOR) -> Held:
    """U-LiRA on one forget set, targets disjoint from shadows: models of both kinds are held out in turn.

    Args:
        unlearned: margins, (m, n), m at least 3.
        oracle: margins, (k, n), k at least 3.
        parts: number of folds, or fewer where there are fewer models of a kind.
        variance: as ``gaussians`` says.
        floor: least standard deviation.

    Source: Hayes et al. 2024, arXiv 2403.01218; form with one forget set as in the code of arXiv 2410.23232.
    Departs: retrained models are held out too, which makes it a balanced accuracy; folds in place of one model at a time.
    """
    count = min(parts, len(unlearned), len(oracle))
    ours, theirs = folds(unlearned, count), folds(oracle, count)
    top = gaussians(unlearned, without(ours, count), variance, floor)
    bottom = gaussians(oracle, without(theirs, count), variance, floor)
    scored = log_ratios(unlearned, ours, top, bottom), log_ratios(oracle, theirs, top, bottom)
    return Held(*scored, (ours, theirs), shares(ours, theirs))


def leave_one_out(sample: Array, other: Array, variance: Variance = "example", floor: float = FLOOR) -> Array:
    """Log-ratios (m, n) of each model of ``sample``, held out of its own kind, against all of ``other``: the 'strong' form.

    With unlearned models for sample the share above 0 is a true-positive rate. It is biased by the unequal numbers of
    models: averaged with that of the oracles, two equal populations of five score 0.48.
    """
    every = np.arange(len(sample))
    top = gaussians(sample, every != every[:, None], variance, floor)
    bottom = gaussians(other, np.ones((1, len(other)), dtype=bool), variance, floor)
    return log_ratios(sample, every, top, Gaussians(*(np.repeat(a, len(sample), 0) for a in (bottom.mean, bottom.variance))))


def in_sample(sample: Array, other: Array, variance: Variance = "example", floor: float = FLOOR) -> Array:
    """Log-ratios (m, n) of models on which the attack was fitted: for demonstration, as it finds leakage where there is none."""
    top, bottom = (gaussians(s, np.ones((1, len(s)), dtype=bool), variance, floor) for s in (sample, other))
    return log_ratios(sample, np.zeros(len(sample), dtype=np.int64), top, bottom)
