"""Memorization and influence of training examples: models that saw an example against models that did not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.maths.distributions import normal_quantile, t_quantile

Array = np.ndarray[Any, Any]
BLOCK = 1024


@dataclass(frozen=True, eq=False)
class MemorizationEstimate:
    """Means over models that saw an example less means over models that did not, with their precision.

    Where fewer than two models saw the example, or fewer than two did not, everything but the counts is NaN.

    Args:
        value: the difference; for correctness on the example itself this is its memorization.
        error: standard error of the difference, from the spread of both groups; 0 where each group agrees.
        low: lower end of the interval.
        high: upper end of the interval.
        saw: number of models that saw the example.
        missed: number of models that did not.
    """

    value: Array
    error: Array
    low: Array
    high: Array
    saw: Array
    missed: Array


def memorization(answers: Array, seen: Array, level: float = 0.95) -> MemorizationEstimate:
    """Estimate how much the output on each training example depends on training on it.

    >>> seen = np.array([[True]] * 4 + [[False]] * 4)
    >>> right = np.array([[1.0]] * 4 + [[0.0], [0.0], [0.0], [1.0]])
    >>> memorization(right, seen).value.tolist()  # 4 of 4 are right with the example, 1 of 4 without
    [0.75]

    Args:
        answers: outputs of m models on n training examples, (m, n), such as whether they were right; larger is better.
        seen: whether a model was trained on an example, bool (m, n).
        level: of the interval.

    Returns:
        Arrays (n,). The estimate is without bias where examples are drawn independently. With subsets of one fixed size it
        is the effect of this example instead of an average other one.

    Raises:
        DataError: shapes differ, or an answer is NaN or infinite.

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 1; intervals of Welch, or of Agresti and Caffo 2000 where answers
        are 0 or 1.
    """
    _check(answers, seen, answers.shape[1] if answers.ndim == 2 else -1)
    binary, parts = _binary(answers), []
    for start in range(0, answers.shape[1], BLOCK):
        outputs = np.asarray(answers[:, start : start + BLOCK], dtype=np.float64)
        inside = np.asarray(seen[:, start : start + BLOCK])
        groups = [_moments(outputs, g) for g in (inside, ~inside)]
        parts.append(_owed(groups[0], groups[1], binary, level))
    return _joined(parts, 0)


def influences(
    answers: Array, seen: Array, rows: Array | None = None, level: float = 0.95, block: int = BLOCK
) -> Iterator[tuple[Array, MemorizationEstimate]]:
    """Estimate how much each output depends on each training example, some examples at a time.

    >>> seen = np.array([[True]] * 4 + [[False]] * 4)
    >>> right = np.array([[1.0]] * 4 + [[0.0], [0.0], [0.0], [1.0]])
    >>> [(rows.tolist(), estimate.value.tolist()) for rows, estimate in influences(right, seen)]
    [([0], [[0.75]])]

    Args:
        answers: outputs of m models on t examples of any kind, (m, t).
        seen: whether a model was trained on an example, bool (m, n).
        rows: training examples to estimate; None for all.
        level: of the interval.
        block: training examples, and answers, worked on at a time; an array of the result has at most (block, t) numbers.

    Yields:
        Rows of the training data, (b,), and arrays (b, t) for them; the counts are (b, 1).

    Raises:
        DataError: shapes differ, there is no such row, or an answer is NaN or infinite.

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 2.
    """
    _check(answers, seen, None)
    wanted = np.arange(seen.shape[1]) if rows is None else np.asarray(rows, dtype=np.int64)
    if len(wanted) and not (wanted.min() >= 0 and wanted.max() < seen.shape[1]):
        raise DataError(f"rows {wanted.min()} to {wanted.max()} are out of range: there are rows 0 to {seen.shape[1] - 1}")
    binary = _binary(answers)
    for start in range(0, len(wanted), block):
        some = wanted[start : start + block]
        inside = np.asarray(seen[:, some], dtype=np.float64)
        parts = [_crossed(answers[:, at : at + block], inside, binary, level) for at in range(0, answers.shape[1], block)]
        yield some, _joined(parts, 1)


def influence(answers: Array, seen: Array, rows: Array | None = None, level: float = 0.95) -> MemorizationEstimate:
    """Estimate ``influences`` at once: arrays (rows, t), which for all rows of a large training set may exceed memory.

    >>> seen = np.array([[True]] * 4 + [[False]] * 4)
    >>> right = np.array([[1.0]] * 4 + [[0.0], [0.0], [0.0], [1.0]])
    >>> influence(right, seen).value.tolist()  # of the example on itself
    [[0.75]]
    """
    return _joined([owed for _, owed in influences(answers, seen, rows, level)], 0)


def mean_differences(answers: Array, seen: Array) -> Array:
    """The values of ``influence`` alone, float32 (n, t), at the cost of one product of matrices.

    >>> seen = np.array([[True]] * 4 + [[False]] * 4)
    >>> right = np.array([[1.0]] * 4 + [[0.0], [0.0], [0.0], [1.0]])
    >>> mean_differences(right, seen).tolist()
    [[0.75]]

    Args:
        answers: outputs of m models on t examples of any kind, (m, t).
        seen: whether a model was trained on an example, bool (m, n); some models saw each, and some did not.
    """
    weights = difference_weights(seen).astype(np.float32)
    values = np.empty((seen.shape[1], answers.shape[1]), dtype=np.float32)
    for start in range(0, answers.shape[1], BLOCK):
        outputs = np.asarray(answers[:, start : start + BLOCK], dtype=np.float64)
        # Of centred numbers float32 loses nothing that matters: weights of an example add up to 0.
        values[:, start : start + BLOCK] = weights @ (outputs - outputs.mean(0)).astype(np.float32)
    return values


def difference_weights(seen: Array) -> Array:
    """Weights of m models in the difference of means of each of n examples, (n, m): times outputs, they give ``mean_differences``.

    >>> difference_weights(np.array([[True], [True], [False]])).tolist()
    [[0.5, 0.5, -1.0]]
    """
    count = seen.sum(0)[:, None].astype(np.float64)
    return np.asarray(np.where(seen.T, 1 / count, -1 / (len(seen) - count)))


Moments = tuple[Array, Array, Array]


def _moments(answers: Array, group: Array) -> Moments:
    """Count, mean and variance over the models of a group, each example's its own."""
    count = group.sum(0)
    many = np.maximum(count, 1)
    mean = np.where(group, answers, 0.0).sum(0) / many
    spread = (np.where(group, answers - mean, 0.0) ** 2).sum(0) / np.maximum(count - 1, 1)
    return count, mean, spread


def _crossed(answers: Array, inside: Array, binary: bool, level: float) -> MemorizationEstimate:
    outputs = np.asarray(answers, dtype=np.float64)
    centre = outputs.mean(0)  # so that squares of large numbers do not swallow their spread
    centred = outputs - centre
    square = centred**2
    count = inside.sum(0)[:, None]
    sums, squares = inside.T @ centred, inside.T @ square
    groups = []
    for n, total, squared in (
        (count, sums, squares),
        (len(outputs) - count, centred.sum(0) - sums, square.sum(0) - squares),
    ):
        many = np.maximum(n, 1)
        spread = np.maximum(squared - total**2 / many, 0.0) / np.maximum(n - 1, 1)
        groups.append((n, centre + total / many, spread))
    return _owed(groups[0], groups[1], binary, level)


def _owed(saw: Moments, missed: Moments, binary: bool, level: float) -> MemorizationEstimate:
    (n, mean, spread), (k, other, others) = saw, missed
    few = np.minimum(n, k) < 2
    value = mean - other
    parts = spread / np.maximum(n, 1), others / np.maximum(k, 1)
    error = np.sqrt(parts[0] + parts[1])
    if binary:
        # One more of each kind in each group: a group that agrees does not count as certain.
        shares = (n * mean + 1) / (n + 2), (k * other + 1) / (k + 2)
        wide = np.sqrt(shares[0] * (1 - shares[0]) / (n + 2) + shares[1] * (1 - shares[1]) / (k + 2))
        half, middle = normal_quantile((1 + level) / 2) * wide, shares[0] - shares[1]
        low, high = np.maximum(middle - half, -1.0), np.minimum(middle + half, 1.0)
    else:
        lost = parts[0] ** 2 / np.maximum(n - 1, 1) + parts[1] ** 2 / np.maximum(k - 1, 1)
        free = np.where(lost > 0, (parts[0] + parts[1]) ** 2 / np.where(lost > 0, lost, 1.0), np.maximum(n + k - 2, 1))
        half = t_quantile((1 + level) / 2, np.maximum(free, 1.0)) * error
        low, high = value - half, value + half
    known = [np.where(few, np.nan, a) for a in (value, error, np.minimum(low, value), np.maximum(high, value))]
    return MemorizationEstimate(known[0], known[1], known[2], known[3], n, k)


def _binary(answers: Array) -> bool:
    """True when all outputs are 0 or 1.

    Raises:
        DataError: one is NaN or infinite.
    """
    binary = True
    for start in range(0, answers.shape[1], BLOCK):
        part = np.asarray(answers[:, start : start + BLOCK])
        if not np.isfinite(part).all():
            raise DataError("outputs hold NaN or infinite values: leave out the models that gave them")
        binary = binary and bool(((part == 0) | (part == 1)).all())
    return binary


def _joined(parts: list[MemorizationEstimate], axis: int) -> MemorizationEstimate:
    def all_of(name: str) -> Array:
        arrays = [getattr(part, name) for part in parts]
        return arrays[0] if axis == 1 and name in ("saw", "missed") else np.concatenate(arrays, axis)

    return MemorizationEstimate(*(all_of(name) for name in ("value", "error", "low", "high", "saw", "missed")))


def _check(answers: Array, seen: Array, n: int | None) -> None:
    if answers.ndim != 2 or seen.ndim != 2 or len(answers) != len(seen) or (n is not None and seen.shape[1] != n):
        wanted = "(models, training examples) both" if n is not None else "(models, examples) and (models, training examples)"
        raise DataError(f"outputs have shape {answers.shape} and seen {seen.shape}: {wanted} are needed")
    if 0 in (*answers.shape, *seen.shape):
        raise DataError(f"outputs have shape {answers.shape} and seen {seen.shape}: there is nothing to compare")
    if seen.dtype != bool:
        raise DataError(f"seen is of type {seen.dtype}: bool is needed, such as seen.astype(bool)")
