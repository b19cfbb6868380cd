import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from untrain.maths.logistic_regression import logistic


def cases():
    draw = np.random.default_rng(0)
    x = draw.exponential(1, (4, 60))
    y = (draw.uniform(size=x.shape) < 1 / (1 + np.exp(2 * x - 1))).astype(float)
    x[1] *= 30  # far from unit scale
    y[2] = x[2] > np.median(x[2])  # separable
    y[3, :55] = 0  # unbalanced
    y[3, 55:] = 1
    return x, y


@pytest.mark.parametrize("c", [0.1, 1.0, 100.0])
def test_it_is_scikit_learns(c):
    x, y = cases()
    slope, intercept = logistic(x, y, c)
    for at in range(len(x)):
        made = LogisticRegression(C=c, tol=1e-13, max_iter=100_000).fit(x[at][:, None], y[at])
        assert slope[at] == pytest.approx(made.coef_[0, 0], rel=1e-4, abs=1e-5)
        assert intercept[at] == pytest.approx(made.intercept_[0], rel=1e-4, abs=1e-5)


def test_a_constant_feature_gives_the_share_of_ones():
    slope, intercept = logistic(np.full((1, 8), 3.0), np.array([[0, 0, 0, 0, 0, 0, 1, 1]]))
    assert 1 / (1 + np.exp(-(3 * slope[0] + intercept[0]))) == pytest.approx(0.25, abs=1e-6)


def test_rows_do_not_see_each_other():
    x, y = cases()
    whole = logistic(x, y)
    for at in range(len(x)):
        assert np.ravel(logistic(x[[at]], y[[at]])) == pytest.approx([whole[0][at], whole[1][at]], abs=1e-7)
