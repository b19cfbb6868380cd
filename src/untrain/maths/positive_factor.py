"""Factors of positive definite matrices, refused where they say nothing."""

from __future__ import annotations

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
