"""Many lassos at once against scikit-learn's, one at a time."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso

from untrain.maths.lasso import lasso, violation


def problem(m, n, targets=12, seed=0):
    """Standardized memberships, and targets of sparse weights with noise; both centred."""
    rng = np.random.default_rng(seed)
    x = (rng.random((m, n)) < 0.5).astype(float)
    x = (x - x.mean(0)) / x.std(0)
    y = x @ (rng.normal(size=(n, targets)) * (rng.random((n, targets)) < 0.1)) + rng.normal(size=(m, targets))
    return x, y - y.mean(0)


@pytest.mark.parametrize(("m", "n"), [(300, 100), (60, 100)], ids=["more models", "more examples"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_weights_are_scikit_learns(m, n, dtype):
    x, y = problem(m, n)
    strength = np.geomspace(0.01, 1, y.shape[1])
    weights = lasso(*(torch.tensor(a, dtype=dtype) for a in (x.T @ x / m, x.T @ y / m, strength)), tolerance=1e-6)
    expected = [Lasso(alpha=a, tol=1e-10, max_iter=100_000).fit(x, y[:, i]).coef_ for i, a in enumerate(strength)]
    assert weights.T.numpy() == pytest.approx(np.array(expected), abs=1e-4)


def test_a_start_changes_no_optimum():
    x, y = problem(200, 40)
    gram, cross = torch.tensor(x.T @ x / 200), torch.tensor(x.T @ y / 200)
    strength = torch.full((y.shape[1],), 0.05, dtype=torch.float64)
    cold = lasso(gram, cross, strength, tolerance=1e-8)
    start = torch.randn(cross.shape, generator=torch.Generator().manual_seed(0)).double()
    warm = lasso(gram, cross, strength, start, tolerance=1e-8)
    assert torch.allclose(cold, warm, atol=1e-6)
    assert float(violation(gram, cross, strength, cold).max()) < 1e-7


def test_each_target_is_fitted_as_it_is_alone():
    x, y = problem(200, 40)
    gram, cross = torch.tensor(x.T @ x / 200), torch.tensor(x.T @ y / 200)
    strength = torch.linspace(0.01, 0.4, y.shape[1], dtype=torch.float64)
    together = lasso(gram, cross, strength)
    alone = torch.cat([lasso(gram, cross[:, [i]], strength[[i]]) for i in range(y.shape[1])], 1)
    assert torch.allclose(together, alone, atol=1e-10)


def test_no_columns_that_vary_have_no_weights():
    assert lasso(torch.zeros(3, 3), torch.zeros(3, 2), torch.ones(2)).tolist() == [[0.0, 0.0]] * 3


def test_a_strength_above_all_pulls_leaves_nothing():
    x, y = problem(100, 20)
    cross = torch.tensor(x.T @ y / 100)
    assert not lasso(torch.tensor(x.T @ x / 100), cross, cross.abs().amax(0) * 1.01).any()


def test_large_tables_have_a_bound_on_the_largest_eigenvalue(monkeypatch):
    from untrain.maths import lasso as module

    x, _ = problem(80, 50)
    gram = torch.tensor(x.T @ x / 80)
    exact = float(torch.linalg.eigvalsh(gram)[-1])
    monkeypatch.setattr(module, "EXACT", 10)
    assert exact <= module._largest_eigenvalue(gram) < 1.2 * exact
