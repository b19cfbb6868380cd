"""Distance of gradient descent from the optimum of what stays, and of two noisy descents from one another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from untrain.maths.gaussian_mechanism import noise_multiplier

EPSILON = 2.0**-52  # of float64


@dataclass(frozen=True)
class Descent:
    """Gradient descent on a mean of losses, with the step size ``2 / (convexity + smoothness)``.

    >>> one = Descent(convexity=1.0, smoothness=3.0, slope=2.0)
    >>> one.rate, one.size, one.shift(stay=8, removed=2)
    (0.5, 0.5, 0.5)

    Args:
        convexity: mu > 0, of the mean.
        smoothness: its gradient is Lipschitz with this.
        slope: no gradient of an example at the optimum is longer, its share of the penalty included where it goes with it.
        share: of the size of a gradient's parts, what float64 loses of them; 0 for exact arithmetic.

    Source: Nesterov 2004, theorem 2.1.15 (rate); Neel, Roth and Sharifi-Malvajerdi 2020, arXiv 2007.02923, lemmas 7 and 8.
    """

    convexity: float
    smoothness: float
    slope: float
    share: float = 0.0

    @property
    def rate(self) -> float:
        """The largest share of the distance to the optimum that a step leaves."""
        return (self.smoothness - self.convexity) / (self.smoothness + self.convexity)

    @property
    def size(self) -> float:
        """Of a step."""
        return 2 / (self.convexity + self.smoothness)

    def shift(self, stay: int, removed: int) -> float:
        """Bound the move of the optimum when examples go: their gradients are all that is left of the gradient of the rest."""
        return removed * self.slope / (self.convexity * stay)

    def away(self, away: float, stay: int, removed: int, iterations: int) -> float:
        """Distance to the optimum of what stays after some steps, from weights so far away from the optimum before.

        >>> Descent(convexity=1.0, smoothness=3.0, slope=2.0).away(away=1.5, stay=8, removed=2, iterations=3)  # (1.5 + 0.5) / 8
        0.25
        """
        whole = away + self.shift(stay, removed)
        return self.rate**iterations * whole + self._lost(whole)

    def near(self, left: float) -> float:
        """Distance to the optimum of weights whose gradient, as float64 has it, is so long.

        >>> Descent(convexity=2.0, smoothness=3.0, slope=2.0).near(left=0.5)
        0.25
        """
        return left / self.convexity + self._lost(left / self.convexity)

    def _lost(self, away: float) -> float:
        """Bound the effect of rounding on weights that are never farther away, however many steps there are.

        An optimum is at most ``slope / convexity`` long, and so weights at most W, that and ``away``. The parts of a gradient are
        at most ``slope + 2 smoothness W`` long, and half the share of that is what a step of size 1 may lose with the rounding of
        the weights themselves; of many steps it adds up to as much divided by the convexity.
        """
        length = self.slope / self.convexity + away
        return self.share / self.convexity * (self.slope + 2 * self.smoothness * length)

    def iterations(self, away: float, stay: int, removed: int, left: float) -> int:
        """Steps until the distance is at most ``left``.

        >>> Descent(convexity=1.0, smoothness=3.0, slope=2.0).iterations(away=1.5, stay=8, removed=2, left=0.25)
        3
        """
        whole = away + self.shift(stay, removed)
        if whole <= left or self.rate == 0:
            return 1
        return max(1, math.ceil(math.log(left / whole) / math.log(self.rate) - 1e-9))


def rounding_share(examples: int, size: int) -> float:
    """The share of a gradient's parts that float64 loses, of so many rows and weights: the worst case, to first order, twice.

    >>> rounding_share(examples=10_000, size=84) < 1e-11
    True

    Source: Higham 2002, Accuracy and stability of numerical algorithms, 2nd edition, section 3.1.
    """
    return 4 * (examples + size + 16) * EPSILON


def noisy_descents(start: float, steps: int, size: float, clip: float, decay: float) -> float:
    """Distance of two Gaussians that are as easy to distinguish as, or easier than, the ends of two descents on the same batches.

    Steps are ``x - size * (clipped gradient + decay * x)`` plus normal noise; the answer is their distance at one of 1.
    Their starts may be ``2 start`` apart, a step leaves ``q = 1 - size * decay`` of a distance and adds at most
    ``2 size * clip``, whatever the loss. Noise hides a distance ``a`` of it at the price of a Gaussian at ``a``; all parts, each
    times what later steps leave of it, add up to the distance without noise. Their squares are least if they grow as those
    powers of q, and then no distance is hidden before it is there.

    >>> noisy_descents(start=1.0, steps=4, size=0.5, clip=0.25, decay=0.0)  # (2 + 4 * 0.25) / sqrt(4)
    1.5

    Args:
        start: radius to which the first weights are clipped.
        steps: how many there are, each with its noise.
        size: of a step.
        clip: radius to which gradients are clipped.
        decay: of weights; ``size * decay <= 1``.

    Raises:
        ValueError: a step turns weights round.

    Source: Koloskova et al. 2025, arXiv 2506.06985, theorem on gradient clipping, which has Renyi divergences of Feldman et al.,
        arXiv 1808.06651; as a trade-off of errors, by shifted interpolation, Bok, Su and Altschuler 2024, arXiv 2403.00278.
    """
    left = 1 - size * decay
    if not 0 <= left <= 1:
        raise ValueError(f"steps of {size:g} with a decay of {decay:g} turn weights round: their product has to be in [0, 1]")
    whole, squares = 2 * start, 0.0
    for _ in range(steps):
        whole, squares = left * whole + 2 * size * clip, left**2 * squares + 1
    return whole / math.sqrt(squares)


def distances(descent: Descent, away: float, examples: int, removed: int, iterations: int, releases: int) -> Iterator[float]:
    """Distance to the optimum at each release, of requests that remove equally many each.

    >>> one = Descent(convexity=1.0, smoothness=3.0, slope=2.0)
    >>> list(distances(one, away=1.5, examples=10, removed=2, iterations=3, releases=1))  # (1.5 + 2 * 2 / 8) / 8
    [0.25]
    """
    for at in range(1, releases + 1):
        away = descent.away(away, examples - at * removed, removed, iterations)
        yield away


def clipped_models(epsilon: float, delta: float, steps: int, radius: float) -> float:
    """Noise of each step with which weights that are clipped before it make two descents (epsilon, delta)-indistinguishable.

    From whatever two weights, a step ends in two Gaussians at most ``2 radius`` apart. So of the delta before it, it leaves no more
    than the delta of those at this epsilon: what one law has beyond ``e^epsilon`` times the other goes through the step beside
    ``e^epsilon`` times as much that the other has. Delta is a product over the steps, and the noise falls with their number.

    >>> from untrain.maths.gaussian_mechanism import noise_multiplier
    >>> clipped_models(1.0, 1e-5, steps=1, radius=0.5) == noise_multiplier(1.0, 1e-5)
    True
    >>> round(clipped_models(1.0, 1e-5, steps=20, radius=0.5), 3)
    0.464

    Args:
        epsilon: > 0, nats.
        delta: in (0, 1).
        steps: how many there are.
        radius: to which weights are clipped.

    Source: Koloskova et al. 2025, arXiv 2506.06985, theorem on model clipping; Asoodeh, Diaz and Calmon 2020, arXiv 2012.11035
        (contraction of the hockey-stick divergence).
    """
    return 2 * radius * noise_multiplier(epsilon, delta ** (1 / steps))
