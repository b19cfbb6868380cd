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
