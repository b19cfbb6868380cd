"""Products with a matrix in blocks, dense and sparse, against the whole matrix."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse

from untrain.maths import design_matrix
from untrain.maths.design_matrix import DesignMatrix

X = np.random.default_rng(0).normal(size=(23, 4)) * (np.random.default_rng(1).random((23, 4)) < 0.5)


def in_blocks(x, intercept):
    return DesignMatrix(lambda: (x[at : at + 7] for at in range(0, len(x), 7)), *x.shape, intercept)


MAKES = {"whole": DesignMatrix.of, "blocks": in_blocks, "sparse": lambda x, ones: DesignMatrix.of(sparse.csr_matrix(x), ones)}


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_all_products_are_those_of_the_matrix(make, intercept):
    held, whole = make(X, intercept), np.column_stack([X, np.ones(23)]) if intercept else X
    draw = np.random.default_rng(2)
    weights, slopes, c = draw.normal(size=(3, whole.shape[1])), draw.normal(size=(23, 3)), draw.random((23, 2))
    same = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12)
    same(held.scores(weights), whole @ weights.T)
    same(held.combined(slopes), slopes.T @ whole)
    same(held.through(lambda rows, scores: slopes[rows] * scores, weights), (slopes * (whole @ weights.T)).T @ whole)
    same(held.grams(c), np.stack([whole.T @ np.diag(each) @ whole for each in c.T]))
    same(held.squares(c), c.T @ whole**2)
    assert held.largest_norm() == pytest.approx(np.linalg.norm(whole, axis=1).max())
    same(held.sampled(5).scores(weights), whole[::5] @ weights.T)
    places = np.array([0, 2, 4]) if intercept else np.array([0, 2])
    same(held.restricted(places).scores(weights[:, places]), whole[:, places] @ weights[:, places].T)


def test_a_large_array_of_float32_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr(design_matrix, "PIECE", 8 * 4 * 5)
    held = DesignMatrix.of(X.astype(np.float32), intercept=True)
    sizes = [(block.shape[0], block.dtype) for block in held.blocks()]
    assert sizes == [(5, np.float64)] * 4 + [(3, np.float64)]


def test_a_sparse_matrix_is_never_made_dense(monkeypatch):
    for kind in (sparse.csr_array, sparse.csc_array, sparse.coo_array):
        monkeypatch.setattr(kind, "toarray", lambda self: pytest.fail(f"{self.shape} was made dense"))
    wide = sparse.random(50, 100_000, density=1e-4, format="csr", random_state=0)
    held = DesignMatrix.of(wide, intercept=True)
    weights = np.ones((1, 100_001))
    assert held.combined(held.scores(weights)).shape == (1, 100_001)
    assert held.squares(np.ones((50, 1))).shape == (1, 100_001)
    assert np.isfinite(held.largest_norm())


def test_numbers_that_are_none_have_no_largest_norm():
    broken = X.copy()
    broken[3, 1] = np.nan
    assert DesignMatrix.of(broken, False).largest_norm() == np.inf
