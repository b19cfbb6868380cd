"""Losses and log-likelihoods under Gaussian noise."""

import numpy as np
import pytest
from scipy import stats

from untrain.maths.gaussian import log_likelihoods, losses

PREDICTION = np.array([[1.0, 2.0, -3.0], [0.0, 2.5, 4.0]], dtype=np.float32)
TARGETS = np.array([1.5, 2.0, 1.0], dtype=np.float32)


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_the_log_likelihood_is_scipys(scale):
    wanted = stats.norm.logpdf(TARGETS, loc=PREDICTION, scale=scale)
    np.testing.assert_allclose(log_likelihoods(PREDICTION, TARGETS, scale), wanted, rtol=1e-12)


def test_the_loss_is_half_the_squared_residual_in_units_of_the_scale():
    np.testing.assert_allclose(losses(PREDICTION, TARGETS, 2.0), [[0.03125, 0, 2], [0.28125, 0.03125, 1.125]], rtol=1e-12)


def test_loss_and_log_likelihood_add_up_to_what_no_prediction_changes():
    both = losses(PREDICTION, TARGETS, 0.7) + log_likelihoods(PREDICTION, TARGETS, 0.7)
    np.testing.assert_allclose(both, -np.log(0.7) - 0.5 * np.log(2 * np.pi), rtol=1e-12)
