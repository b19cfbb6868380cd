"""Products with a matrix of examples that is read in blocks of rows, dense or sparse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, Any]
Block = Any  # (b, d) of float64: an array, or of scipy's sparse ones
PIECE = 1 << 26  # bytes of a block of a matrix in memory


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """Rows of inputs, and behind them a column of ones where scores have an intercept.

    The ones are never written down, a sparse matrix is never made dense, and of a large one no second copy is made.

    >>> held = DesignMatrix.of(np.array([[1.0, 2.0], [3.0, 4.0]]), intercept=True)
    >>> held.scores(np.array([[10.0, 1.0, 0.5]])).tolist()  # one vector of weights, the last of them the intercept
    [[12.5], [34.5]]

    Args:
        blocks: makes an iterator over blocks of rows in their order, each time anew.
        rows: n.
        columns: d, without the ones.
        intercept: whether there are ones.
        sparse: whether blocks are.
    """

    blocks: Callable[[], Iterator[Block]]
    rows: int
    columns: int
    intercept: bool
    sparse: bool = False

    @staticmethod
    def of(x: Any, intercept: bool) -> DesignMatrix:
        """Of an array or a sparse matrix in memory, (n, d); a sparse one is read by rows."""
        matrix = sparse.csr_array(x, dtype=np.float64) if sparse.issparse(x) else np.asarray(x)
        rows, columns = matrix.shape
        size = rows if sparse.issparse(matrix) else max(1, PIECE // max(1, 8 * columns))
        if size >= rows and not sparse.issparse(matrix):
            matrix = np.asarray(matrix, dtype=np.float64)

        def blocks() -> Iterator[Block]:
            if size >= rows:
                yield matrix
                return
            for first in range(0, rows, size):
                yield np.asarray(matrix[first : first + size], dtype=np.float64)

        return DesignMatrix(blocks, rows, columns, intercept, sparse.issparse(matrix))

    @property
    def width(self) -> int:
        """Number of weights per score."""
        return self.columns + self.intercept

    def spans(self) -> Iterator[tuple[slice, Block]]:
        """Blocks, and which rows they are."""
        first = 0
        for block in self.blocks():
            last = first + block.shape[0]
            yield slice(first, last), block
            first = last

    def each(self) -> Iterator[Array]:
        """Rows one by one, dense, with their ones, (width,)."""
        for _, block in self.spans():
            for at in range(block.shape[0]):
                row = block[[at]].toarray()[0] if sparse.issparse(block) else block[at]
                yield np.append(row, 1.0) if self.intercept else row

    def scores(self, weights: Array) -> Array:
        """``X W^T``, (n, k), of weights (k, width)."""
        out = np.empty((self.rows, len(weights)))
        for rows, block in self.spans():
            out[rows] = block @ weights[:, : self.columns].T
        return out + weights[:, self.columns] if self.intercept else out

    def combined(self, slopes: Array) -> Array:
        """``R^T X``, (k, width): rows added up, times slopes R (n, k)."""
        out = np.zeros((slopes.shape[1], self.width))
        for rows, block in self.spans():
            out[:, : self.columns] += (block.T @ slopes[rows]).T
        if self.intercept:
            out[:, -1] = slopes.sum(0)
        return out

    def through(self, between: Callable[[slice, Array], Array], weights: Array) -> Array:
        """``combined`` of a function of ``scores``, in one reading of the rows.

        Args:
            between: rows, and their scores (b, k) -> slopes (b, k).
            weights: (k, width).
        """
        out = np.zeros((len(weights), self.width))
        for rows, block in self.spans():
            scores = block @ weights[:, : self.columns].T
            slopes = between(rows, scores + weights[:, self.columns] if self.intercept else scores)
            out[:, : self.columns] += (block.T @ slopes).T
            if self.intercept:
                out[:, -1] += slopes.sum(0)
        return out

    def grams(self, factors: Array) -> Array:
        """``X^T diag(c) X`` for each column c of the factors (n, q), (q, width, width), in one reading of the rows."""
        d = self.columns
        out = np.zeros((factors.shape[1], self.width, self.width))
        for rows, block in self.spans():
            for gram, c in zip(out, factors[rows].T, strict=True):
                scaled = _scaled(block, c)
                product = block.T @ scaled
                gram[:d, :d] += product.toarray() if sparse.issparse(product) else product
                if self.intercept:
                    gram[d, :d] += np.asarray(scaled.sum(axis=0)).ravel()
                    gram[d, d] += c.sum()
        if self.intercept:
            out[:, :d, d] = out[:, d, :d]
        return out

    def squares(self, factors: Array) -> Array:
        """Diagonals of ``grams``, (q, width)."""
        out = np.zeros((factors.shape[1], self.width))
        for rows, block in self.spans():
            out[:, : self.columns] += (_squared(block).T @ factors[rows]).T
        if self.intercept:
            out[:, -1] = factors.sum(0)
        return out

    def largest_norm(self) -> float:
        """Length of the longest row, its one included; NaN or infinite where a number is."""
        longest = [0.0]
        for _, block in self.spans():
            lengths = np.asarray(_squared(block).sum(axis=1)).ravel()
            longest.append(float(lengths.max(initial=0.0)) if np.isfinite(lengths).all() else np.inf)
        return float(np.sqrt(max(longest) + self.intercept))

    def sampled(self, every: int) -> DesignMatrix:
        """Each ``every``-th row, in memory; row by row, so that data sorted by class are sampled evenly."""
        parts = [block[(-rows.start) % every :: every] for rows, block in self.spans()]
        return DesignMatrix.of(_stacked(parts), self.intercept)

    def restricted(self, places: Array) -> DesignMatrix:
        """Some of the columns, dense and in memory, without the ones unless the last place is theirs."""
        ones = bool(len(places)) and self.intercept and int(places[-1]) == self.columns
        own = places[:-1] if ones else places
        parts = [part.toarray() if sparse.issparse(part) else part for part in (block[:, own] for block in self.blocks())]
        return DesignMatrix.of(np.concatenate(parts), ones)


def _scaled(block: Block, c: Array) -> Block:
    return block.multiply(c[:, None]).tocsr() if sparse.issparse(block) else block * c[:, None]


def _squared(block: Block) -> Block:
    return block.multiply(block).tocsr() if sparse.issparse(block) else block * block


def _stacked(parts: list[Block]) -> Block:
    return sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.concatenate(parts)
