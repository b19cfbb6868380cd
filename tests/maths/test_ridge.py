"""Many ridges at once against the normal equations, and the choice of their strength against fits without a row."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from untrain.maths.ridge import ridge


def problem(m, n, targets=5):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(m, n)), rng.normal(size=(m, targets))
    y[:, :3] += x @ rng.normal(size=(n, 3))
    return x - x.mean(0), y - y.mean(0)


@pytest.mark.parametrize(("m", "n"), [(50, 8), (8, 20)], ids=["more rows", "more columns"])
def test_weights_are_scikit_learns(m, n):
    x, y = problem(m, n)
    fit = ridge(torch.tensor(x), torch.tensor(y), torch.tensor([0.3], dtype=torch.float64))
    assert fit.weights.T.numpy() == pytest.approx(Ridge(alpha=0.3 * m, fit_intercept=False).fit(x, y).coef_, abs=1e-8)


def test_the_strength_is_the_one_that_predicts_rows_left_out():
    x, y = problem(30, 8)
    strengths = np.array([1e-3, 1e-1, 1.0, 30.0])

    def without_each(strength):
        errors = []
        for i in range(30):
            rest = np.arange(30) != i
            # The penalty is on the sum, so that it is the same whether the row is there or not.
            fit = Ridge(alpha=strength * 30).fit(x[rest], y[rest])
            errors.append((fit.predict(x[[i]])[0] - y[i]) ** 2)
        return np.mean(errors, 0)

    errors = np.array([without_each(s) for s in strengths])
    chosen = ridge(torch.tensor(x), torch.tensor(y), torch.tensor(strengths)).strength
    assert chosen.tolist() == strengths[errors.argmin(0)].tolist()
    assert len(set(chosen.tolist())) > 1


def test_columns_that_repeat_share_a_weight():
    x, y = problem(30, 4)
    twice = ridge(torch.tensor(np.hstack([x, x])), torch.tensor(y), torch.tensor([0.1])).weights
    assert torch.allclose(twice[:4], twice[4:])
