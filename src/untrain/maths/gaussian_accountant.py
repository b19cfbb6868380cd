"""Privacy budget of (epsilon, delta) that a stream of releases with Gaussian noise spends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from untrain.maths.gaussian_mechanism import epsilon_of, noise_multiplier


@dataclass(frozen=True)
class GaussianAccountant:
    """A budget, and what was spent of it by releases whose noise is drawn anew each time.

    A release costs its distance: how far apart the two vectors that it must not tell apart can be, in standard deviations of its
    noise. Squares of distances add up to that of one release, also where later distances depend on what was released before,
    as long as each is known before its release.

    >>> account = GaussianAccountant(epsilon=1.0, delta=1e-5)
    >>> round(account.limit, 6)  # 1 / 3.73063
    0.268051
    >>> half = account.charged(0.5 * account.limit)
    >>> round(half.left / account.limit, 6), half.allows(account.limit)  # the square root of 1 - 1 / 4
    (0.866025, False)

    Args:
        epsilon: of all releases together, > 0, nats.
        delta: of all releases together, in (0, 1).
        spent: squared distances so far.
        releases: how many there were.

    Source: Dong, Roth and Su 2019, arXiv 1905.02383, corollary 3.3; with distances chosen on the way, Smith and Thakurta 2022,
        arXiv 2202.05089.
    """

    epsilon: float
    delta: float
    spent: float = 0.0
    releases: int = 0

    @cached_property
    def limit(self) -> float:
        """The distance of a single release that spends the budget.

        Raises:
            ValueError: epsilon or delta is out of range.
        """
        return 1 / noise_multiplier(self.epsilon, self.delta)

    @property
    def left(self) -> float:
        """The distance that one more release may have, in standard deviations of its noise."""
        return math.sqrt(max(0.0, self.limit**2 - self.spent))

    @property
    def epsilon_spent(self) -> float:
        """Epsilon of all releases so far together, at the budget's delta; nats."""
        return epsilon_of(math.sqrt(self.spent), self.delta)

    def allows(self, distance: float) -> bool:
        """Return whether one more release at a distance stays within the budget; rounding in the last digits is not counted."""
        return self.spent + distance**2 <= self.limit**2 * (1 + ROUNDING)

    def charged(self, distance: float) -> GaussianAccountant:
        """After one more release.

        Args:
            distance: in standard deviations of its noise, >= 0.

        Raises:
            ValueError: it would spend more than is left.
        """
        if not distance >= 0:
            raise ValueError(f"distance={distance}: it must be 0 or more")
        if not self.allows(distance):
            raise ValueError(
                f"a release at {distance:.4g} standard deviations spends more than the {self.left:.4g} that are left: retrain"
            )
        return replace(self, spent=self.spent + distance**2, releases=self.releases + 1)


ROUNDING = 1e-12
