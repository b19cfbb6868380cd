"""Factors of positive definite matrices, refused where they say nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

Array = np.ndarray[Any, Any]
LEAST = 1e-14  # reciprocal condition number below which a solution has no digit


@dataclass(frozen=True, eq=False)
class PositiveFactor:
    """``H = D L L^T D``: a Cholesky factor of a matrix whose diagonal was scaled to 1, so that units of columns do not matter.

    >>> factor = PositiveFactor.of(np.array([[4.0, 0.0], [0.0, 1e-20]]))
    >>> factor.solve(np.array([8.0, 1e-20])).round(9).tolist(), round(factor.reciprocal_condition, 9)
    ([2.0, 1.0], 1.0)

    Args:
        lower: L, (d, d).
        scale: the diagonal of D, (d,).
        reciprocal_condition: an estimate of 1 over the condition number of ``L L^T``.
    """

    lower: Array
    scale: Array
    reciprocal_condition: float

    @staticmethod
    def of(matrix: Array) -> PositiveFactor:
        """Of a symmetric matrix, (d, d), of which the lower half is read.

        Raises:
            numpy.linalg.LinAlgError: it is not positive definite, up to rounding.
        """
        diagonal = np.diagonal(matrix)
        if not (diagonal > 0).all() or not np.isfinite(matrix).all():
            raise np.linalg.LinAlgError(f"the diagonal has {float(diagonal.min()):g}, and a positive number is needed")
        scale = np.sqrt(diagonal)
        equal = matrix / scale / scale[:, None]
        lower = np.asarray(linalg.cholesky(equal, lower=True, overwrite_a=False, check_finite=False))
        norm = float(np.abs(equal).sum(0).max())
        (rcond, _) = lapack.dpocon(np.asfortranarray(lower), norm, uplo="L")
        if rcond < LEAST:
            raise np.linalg.LinAlgError(f"the matrix is singular to rounding: its reciprocal condition is {rcond:.1e}")
        return PositiveFactor(lower, scale, float(rcond))

    def solve(self, b: Array) -> Array:
        """``H^-1 b``, (d,) or (d, q)."""
        scale = self.scale if b.ndim == 1 else self.scale[:, None]
        return np.asarray(linalg.cho_solve((self.lower, True), b / scale, check_finite=False) / scale)

    def times(self, b: Array) -> Array:
        """``H b``, (d,)."""
        return np.asarray(self.scale * (self.lower @ (self.lower.T @ (self.scale * b))))

    def without(self, columns: Array) -> PositiveFactor:
        """Of ``H - C C^T``: a down-date by k columns (d, k), in about ``4 k d^2`` operations.

        >>> factor = PositiveFactor.of(np.diag([4.0, 1.0]))
        >>> factor.without(np.array([[1.0], [0.0]])).times(np.ones(2)).round(12).tolist()
        [3.0, 1.0]

        A reflection for each column of L takes C out of its row.

        Raises:
            numpy.linalg.LinAlgError: what is left is not positive definite, up to rounding.

        Source: Golub and Van Loan, Matrix Computations, 4th edition, section 6.5.4, hyperbolic; mixed, so that what is left
            of C is of the new column and rounding stays that of the data (Bojanczyk, Brent, van Dooren and de Hoog 1987).
        """
        lower, rest = self.lower.copy(order="F"), columns / self.scale[:, None]  # columns of L lie together
        for j in range(len(lower)):
            row, corner = rest[j].copy(), lower[j, j]
            left = corner**2 - float(row @ row)
            if not left > LEAST * corner**2:
                raise np.linalg.LinAlgError(f"what is left is not positive definite: the square of a pivot is {left:.1e}")
            pivot = math.sqrt(left)
            along = rest[j + 1 :] @ row
            column = (corner / pivot) * lower[j + 1 :, j] - along / pivot
            turned = column / corner + along / (corner * (corner + pivot))
            rest[j + 1 :] -= turned[:, None] * row
            lower[j, j], lower[j + 1 :, j] = pivot, column
        return self._of_lower(lower)

    def with_more(self, columns: Array) -> PositiveFactor:
        """Of ``H + C C^T``: an up-date by k columns (d, k), in about ``4 k d^2`` operations.

        >>> factor = PositiveFactor.of(np.diag([4.0, 1.0]))
        >>> factor.with_more(np.array([[1.0], [0.0]])).times(np.ones(2)).round(12).tolist()
        [5.0, 1.0]

        A Householder reflection for each column of L takes C out of its row.

        Raises:
            numpy.linalg.LinAlgError: the sum is singular to rounding.
        """
        lower, rest = self.lower.copy(order="F"), columns / self.scale[:, None]
        for j in range(len(lower)):
            row, corner = rest[j].copy(), lower[j, j]
            pivot = math.hypot(corner, float(np.linalg.norm(row)))
            along, column = rest[j + 1 :] @ row, lower[j + 1 :, j].copy()
            rest[j + 1 :] -= (column / pivot + along / (pivot * (corner + pivot)))[:, None] * row
            lower[j, j], lower[j + 1 :, j] = pivot, (corner * column + along) / pivot
        return self._of_lower(lower)

    def _of_lower(self, lower: Array) -> PositiveFactor:
        """With another L of the same scale.

        Raises:
            numpy.linalg.LinAlgError: it is singular to rounding.
        """
        size = np.abs(lower)
        (rcond, _) = lapack.dpocon(lower, float((size @ size.sum(0)).max()), uplo="L")
        if rcond < LEAST:
            raise np.linalg.LinAlgError(f"the matrix is singular to rounding: its reciprocal condition is {rcond:.1e}")
        return PositiveFactor(lower, self.scale, float(rcond))
