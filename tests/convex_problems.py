"""Problems of convex unlearning whose numbers are known."""

import numpy as np
from scipy.special import expit


def aligned_logistic():
    """4,000 rows in the unit ball and their signs, of which the first 128 are one point, so that nothing cancels."""
    draw = np.random.default_rng(3)
    x = draw.normal(size=(4000, 8))
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1)
    y = np.where(draw.uniform(size=4000) < expit(4 * x.sum(1)), 1.0, -1.0)
    x[:128], y[:128] = x[0], -np.sign(x[0].sum())
    return x, y


def planted_logistic():
    """600 rows of 20 columns and their signs: the planted logistic regression of the specification of arXiv 2108.11577."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(600, 20)) / np.sqrt(20)
    beta, uniform = draw.normal(size=20), draw.uniform(size=600)
    return x, np.where(uniform < expit(3 * x @ beta), 1.0, -1.0)


def gradients(x, y, w, penalty):
    """Of each example's share, (p, n, d)."""
    slope = -y * expit(-y * np.einsum("pnd,pd->pn", x, w))
    return slope[..., None] * x + penalty[:, None, None] * w[:, None]


def hessian(x, y, w, penalty, stays):
    """Mean over the examples that stay, (p, d, d)."""
    margin = y * np.einsum("pnd,pd->pn", x, w)
    weight = expit(margin) * expit(-margin) * stays
    return np.einsum("pn,pnd,pne->pde", weight, x, x) / stays.sum(1)[:, None, None] + penalty[:, None, None] * np.eye(x.shape[-1])


def minimiser(x, y, penalty, stays):
    """Of the mean over the examples that stay, by Newton's method with a gradient below 1e-12, (p, d)."""
    w = np.zeros((len(x), x.shape[-1]))
    for _ in range(50):
        slope = (gradients(x, y, w, penalty) * stays[..., None]).sum(1) / stays.sum(1)[:, None]
        if np.abs(slope).max() < 1e-14:
            break
        w = w - np.linalg.solve(hessian(x, y, w, penalty, stays), slope[..., None])[..., 0]
    assert np.linalg.norm(slope, axis=1).max() < 1e-12
    return w
