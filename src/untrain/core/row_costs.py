"""Operations on rows of tokens of a width that was not measured, from widths that were."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

ALIKE = 1e-4  # relative error up to which a measurement is what others say
LEVERAGE = 10.0  # most that errors of measurements may be magnified
SCALE = 64.0  # of widths, so that squares are of the size of ones


class RowCosts:
    """Learns what operations on rows cost by their width, from a few measured widths.

    Linear layers take operations in proportion to the width of a row, and attention to its square, whatever the weights: so an
    example costs a quadratic of the widths in its batches, with coefficients that measurements give by least squares. It says
    nothing before one measurement more than there are coefficients agrees with the others, nothing any more after one that does
    not, and nothing about widths far from all measured ones.

    >>> costs = RowCosts()
    >>> for width in (4, 8, 16, 12):  # a linear layer and attention
    ...     costs.learn(((width,),), 5.0 * width + 3.0 * width**2)
    >>> round(costs.expected(((10,),)), 6)
    350.0
    """

    def __init__(self) -> None:
        self._rows: dict[int, list[Any]] = {}
        self._values: dict[int, list[float]] = {}
        self._agreed: set[int] = set()
        self._refused: set[int] = set()

    def learn(self, shape: Hashable, each: float) -> None:
        """Take the measured operations of an example in batches of a shape from ``cost_shape``."""
        terms = _terms(shape)
        if terms is None or len(terms) in self._refused:
            return
        kind, said = len(terms), self._said(terms)
        if said is not None:
            near = abs(said - each) <= ALIKE * each
            (self._agreed if near else self._refused).add(kind)
        self._rows.setdefault(kind, []).append(terms)
        self._values.setdefault(kind, []).append(each)

    def expected(self, shape: Hashable) -> float | None:
        """Operations of an example in batches of such a shape, where measured ones tell."""
        terms = _terms(shape)
        if terms is None or len(terms) not in self._agreed - self._refused:
            return None
        return self._said(terms)

    def _said(self, terms: Any) -> float | None:
        rows = np.array(self._rows.get(len(terms), [])).reshape(-1, len(terms))
        if len(rows) < 2:
            return None
        # Weights that make the measured rows into this one: none do where it has a part that no measured one has.
        weights = np.linalg.lstsq(rows.T, terms, rcond=1e-9)[0]
        if np.abs(weights @ rows - terms).max() > 1e-6 * np.abs(terms).max() or weights @ weights > LEVERAGE:
            return None
        return float(weights @ np.array(self._values[len(terms)]))


def _terms(shape: Hashable) -> Any:
    """Terms of which an example's cost is a weighted sum; None for batches that are not rows of tokens."""
    batches = _batches(shape)
    if not batches:
        return None
    total = sum(count for count, _ in batches)
    widest = max(width for _, widths in batches for width in widths)
    parts = [(count / total, width / SCALE) for count, widths in batches for width in widths]
    if len(batches) > 1:
        # What joins batches pads all to the widest.
        parts.append((1.0, widest / SCALE))
    return np.array([share * width**power for share, width in parts for power in range(3)])


def _batches(shape: Hashable) -> list[tuple[int, tuple[int, ...]]]:
    """Number of examples and widths of their rows, for each batch; empty where a field has no width."""
    if not isinstance(shape, tuple) or not shape:
        return []
    paired = [part for part in shape if part is not None]
    if all(len(part) == 2 and isinstance(part[0], int) and isinstance(part[1], tuple) for part in paired):
        found = paired
    else:
        found = [(1, shape)]
    rows = [(count, tuple(part[0] for part in fields if len(part) == 1)) for count, fields in found]
    whole = all(len(widths) == len(fields) > 0 for (_, widths), (_, fields) in zip(rows, found, strict=True))
    return rows if whole else []
