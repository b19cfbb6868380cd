"""Probabilities where logits are needed: how they show, in whatever guise, and the way back to logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.errors import DataError
from untrain.core.metering import add_note

Array = np.ndarray[Any, Any]
ROUNDING = 2.0**-8  # of a row's sum, where each number was rounded to bfloat16, the coarsest format that people save
NEGATIVE = -1e-5  # what is left of a probability computed as a difference
APART = 0.1  # sums of logits vary as the logits do; those of probabilities vary by their rounding alone
EXACT = 1e-6  # the same where the sum is any other number than 1 or 100
SURE = 0.02  # so close to 100 per cent come some of many probabilities
FEW = 4  # rows by which chance makes no sum alike
MANY = 8  # numbers that by chance do not all lie from 0 to 1
FILLED = 0.1  # of the range from 0 to 1, or to 100, that numbers from it spread over
SAMPLE = 512  # rows that are looked at before all are
# x = scale * log(p), for which p sums to 1. Natural logarithms (scale 1) are logits: a softmax gives p again.
LOGARITHMS = {"base-2 logarithms": np.log(2), "base-10 logarithms": np.log(10), "negative logarithms": -1.0}
LOGARITHMS |= {f"negative {name}": -scale for name, scale in LOGARITHMS.items() if scale > 0}
WANTED = "logits before any softmax or sigmoid are needed"
ASKED = "say so if they are probabilities (--probabilities), or if they are logits all the same (--no-probabilities)"


def guise(row: Array) -> str:
    """Name what outputs of one model, (n, c), are if they are probabilities in some form; empty for logits.

    >>> guise(np.array([[0.2, 0.8], [0.9, 0.1]]))
    'probabilities that sum to 1'
    >>> guise(np.array([[20.0, 80.0], [95.5, 4.5]]))
    'probabilities in per cent'
    >>> guise(np.array([[-1.0, 2.0], [0.5, 0.1]]))
    ''
    """
    if len(row) > SAMPLE and not guise(row[:: -(-len(row) // SAMPLE)]):
        return ""
    values = np.asarray(row, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2 or not values.size:
        return ""
    low, high = float(values.min()), float(values.max())
    if low >= NEGATIVE * max(high, 1.0) and high > 0 and (found := _of_sums(values)):
        return found
    return _of_logarithms(values) or _of_range(values, "as of a sigmoid")


def guise_of_margins(row: Array) -> str:
    """Name what margins of one model, (n,), are if they are none; empty for margins.

    >>> guise_of_margins(np.array([3.0, 0.0, 7.0, 7.0]))
    'whole numbers, as of predicted classes'
    >>> guise_of_margins(np.array([3.1, -0.2, 7.4, 0.3]))
    ''
    """
    if len(row) < FEW:
        return ""
    if bool((row == np.round(row)).all()) and row.min() >= 0 and 2 * len(np.unique(row)) <= len(row) + 2:
        return "whole numbers, as of predicted classes"
    # Margins of sure models are all above 0, so that those of a per cent have to come near to 100 besides.
    found = _of_range(np.asarray(row, dtype=np.float64)[:, None], "as of probabilities")
    return found if row.max() <= 1 or row.max() > 100 * (1 - SURE) else ""


def _of_range(values: Array, whose: str) -> str:
    """Name numbers of which none leaves the range of probabilities, or of per cents: logits have no reason to stay within it.

    Few may by chance, and logits that all lie close to a constant may.
    """
    low, high = float(values.min()), float(values.max())
    top = 1.0 if high <= 1 else 100.0
    if values.size < MANY or low < 0 or high > top or high - low < FILLED * top:
        return ""
    return f"numbers from 0 to {top:.0f}, {whose}"


def refuse_probabilities(array: Array, side: Array, who: str) -> None:
    """Refuse outputs that are probabilities in some form, on all examples or on those of a side.

    Args:
        array: logits (m, n, c) or margins (m, n).
        side: of each example, (n,).
        who: name of the models in messages.

    Raises:
        DataError: those of a model are.
    """
    named = guise if array.ndim == 3 else guise_of_margins
    parts = {name: np.flatnonzero(np.asarray(side) == name) for name in np.unique(side).tolist()}
    for at, row in enumerate(array):
        if found := named(row):
            raise DataError(f"model {at} of the {who} puts out {found}: {_advice(found, array.ndim)}")
        for name, rows in parts.items():
            if FEW <= len(rows) < len(row) and (found := named(row[rows])):
                where = f"on the {len(rows)} {name} examples"
                raise DataError(f"model {at} of the {who} puts out {found}, {where}: {_advice(found, array.ndim)}")


def _advice(found: str, dims: int) -> str:
    if dims == 2:
        return "margins are differences of logits, of both signs; say if they are margins all the same (--no-probabilities)"
    return (
        f"{WANTED}; {ASKED}"
        if found.startswith("probab")
        else f"{WANTED}; say if they are logits all the same (--no-probabilities)"
    )


def _of_sums(values: Array) -> str:
    sums = values.sum(1)
    small = float(values.min()) < 0.5 * float(sums.min()) / values.shape[1]  # logits beside a large constant are all alike
    total = next((t for t in (1.0, 100.0) if (small or t == 1.0) and _alike(sums, t, values)), None)
    if total is None and len(values) >= FEW and small and float(sums.var()) <= EXACT * float(values.var(0).sum()):
        return f"shares that sum to {np.median(sums):.6g}, as of votes or weights"
    if total == 1.0 and bool(((values == 0) | (values == 1)).all()):
        return "rows of one 1 and zeros, as of predicted classes"
    return "" if total is None else "probabilities that sum to 1" if total == 1.0 else "probabilities in per cent"


def _alike(sums: Array, total: float, values: Array) -> bool:
    """Return whether sums of rows are a total but for rounding, which is far less than the spread of such logits would be."""
    if total <= 0 or bool((abs(sums / total - 1) > ROUNDING + _decimals(values / total, values.shape[1])).any()):
        return False
    spread = float(values.var(0).sum())
    return float(sums.var()) <= APART * spread + (1e-5 * total) ** 2


def _decimals(shares: Array, classes: int) -> float:
    """The most by which the sum of shares may be off if each was rounded to a few decimals."""
    for digits in (1, 2, 3):
        steps = shares * 10.0**digits
        if float(abs(steps - np.round(steps)).max()) < 1e-3:
            return float(min(3 * np.sqrt(classes / 12) * 10.0**-digits, 0.25))
    return 0.0


def _of_logarithms(values: Array) -> str:
    if len(values) < FEW:
        return ""
    for name, scale in LOGARITHMS.items():
        logs = values * scale
        if float(logs.max()) <= ROUNDING and _sum_to_one(np.exp(logs)):
            return f"{name} of probabilities"
    # A pair (z, -z) is two logits as well as two log-odds.
    if values.shape[1] > 2 and _sum_to_one(1 / (1 + np.exp(-np.clip(values, -500, 500)))):
        return "log-odds of each class by itself, log(p / (1 - p))"
    return ""


def _sum_to_one(values: Array) -> bool:
    return _alike(values.sum(1), 1.0, values)


def logits_of_probabilities(row: Array, who: str) -> Array:
    """Return logits of probabilities, (n, c), in [0, 1] or in per cent: their natural logarithms.

    What is 0 was rounded, and becomes the smallest number of its type; a note says how many there are.

    Raises:
        DataError: they are not probabilities, or predicted classes, of which nothing more can be known.
    """
    found, rounded = guise(row), np.asarray(row)
    if found.startswith("rows of one 1"):
        raise DataError(f"{who} puts out {found}: they do not show how sure a model was, and {WANTED}")
    if not found.startswith("probabilities"):
        what = found or "numbers that sum neither to 1 nor to 100"
        raise DataError(f"{who} puts out {what}, and was said to put out probabilities: {WANTED}, or leave probabilities out")
    shares = np.clip(rounded.astype(np.float64) / (100.0 if "per cent" in found else 1.0), 0, None)
    smallest = float(np.finfo(rounded.dtype).smallest_subnormal)
    if zeros := int((shares < smallest).sum()):
        add_note(f"{who} puts out {zeros} probabilities of 0, rounded: each counts as {smallest:.1e}")
    return np.log(np.maximum(shares, smallest)).astype(np.float32)
