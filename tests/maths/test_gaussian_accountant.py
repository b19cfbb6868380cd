"""What releases spend of a budget."""

import math

import numpy as np
import pytest

from untrain.maths.gaussian_accountant import GaussianAccountant
from untrain.maths.gaussian_mechanism import epsilon_of, noise_multiplier


def test_one_release_at_the_limit_spends_it_all():
    account = GaussianAccountant(2.0, 1e-6)
    spent = account.charged(account.limit)
    assert account.limit == 1 / noise_multiplier(2.0, 1e-6)
    assert spent.epsilon_spent == pytest.approx(2.0, rel=1e-9)
    assert spent.left == pytest.approx(0.0, abs=1e-9)
    assert (spent.releases, account.releases) == (1, 0)
    with pytest.raises(ValueError, match="that are left: retrain"):
        spent.charged(0.1 * account.limit)


def test_releases_add_up_whatever_their_order_and_a_retrained_one_is_free():
    account = GaussianAccountant(1.0, 1e-5)
    distances = [0.1, 0.05, 0.0, 0.2]
    ends = []
    for order in (distances, distances[::-1]):
        now = account
        for distance in order:
            now = now.charged(distance)
        ends.append(now)
    assert ends[0].spent == pytest.approx(ends[1].spent)
    together = math.sqrt(sum(d * d for d in distances))
    assert ends[0].epsilon_spent == pytest.approx(epsilon_of(together, 1e-5))
    assert account.charged(0.0).epsilon_spent == 0.0


def test_the_law_of_all_releases_together_is_within_the_budget():
    """A threshold on the likelihood ratio of releases that spend the budget shows no more than delta at its epsilon."""
    account = GaussianAccountant(1.0, 0.05)
    shares = np.sqrt([0.5, 0.3, 0.2]) * account.limit
    for distance in shares:
        account = account.charged(distance)
    draw = np.random.default_rng(0)
    null, other = draw.normal(size=(2, 400_000, 3))
    ratio = [(x * shares).sum(1) - shares @ shares / 2 for x in (null, other + shares)]
    beyond = [(r > 1.0).mean() for r in ratio]  # of log p / q above epsilon: the set that shows delta
    assert beyond[1] - math.e * beyond[0] == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize("distance", [-0.1, math.nan, math.inf])
def test_distances_that_are_none_are_refused(distance):
    with pytest.raises(ValueError, match=r"must be 0 or more|retrain"):
        GaussianAccountant(1.0, 1e-5).charged(distance)
