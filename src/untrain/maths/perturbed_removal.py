"""Removals from an optimum whose objective was tilted by Gaussian noise: what a Newton step leaves, and what that gives away."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import optimize

from untrain.maths.linear_losses import LinearLoss

CONCORDANCE = {"logistic": 1.0, "multinomial": math.sqrt(2), "squared": 0.0}


@dataclass(frozen=True)
class StepResidual:
    """The move by Newton steps of the perturbation for which the weights are an optimum, and how much they bent its law.

    A tilted optimum of what stays belongs to one perturbation b. Weights after a step belong to ``b' = b - u(b)``, u being the
    residual of the gradient. Its length alone does not bound what b' gives away, as u depends on b: a residual that rounds b
    to a grid is short and tells all. So the derivative A of u is bounded too. It is
    ``I - H(w') H(w)^-1 (I - K H_n^-1)`` with Hessians of what stays after and before the step, K the change of H along the step to
    first order and H_n the Hessian before the removal. In the norm of H(w), K is at most s, s being c times the most by which the
    step moves a score and no third derivative along a score is above c times the second, no fourth above c^2 times it. The change
    of H beyond K is at most ``e^s - 1 - s``, and ``I - H H_n^-1`` at most ``t / (1 + t)``, where t times the penalty is the
    most curvature that goes. So A is at most ``e^s - 1 - s + s t / (1 + t) + (e^s - 1) s``: of second order. Later steps have other
    norms, and between two of them is a factor of at most ``e^moved / sqrt(1 - taken)``.

    >>> first = StepResidual().after(residual_step(LinearLoss("logistic"), 1.0, penalty=100.0, stay=1000, removed=1))
    >>> round(first.length, 6), round(first.turn, 7)
    (0.004811, 0.0001756)

    Args:
        length: of u at most.
        turn: of A at most, in the norm of the first Hessian.
        moved: sum of s.
        taken: most curvature that went, as a share of the penalty.
    """

    length: float = 0.0
    turn: float = 0.0
    moved: float = 0.0
    taken: float = 0.0

    def after(self, step: StepResidual) -> StepResidual:
        """Of all steps so far and one more, from where they ended."""
        # Norms by two Hessians differ by the root of the largest over the smallest of the one in terms of the other.
        left = 1 - self.taken - step.taken
        if self == StepResidual():
            spread = 1.0
        else:
            spread = math.exp(self.moved) / math.sqrt(left) if left > 0 and self.moved < 100 else math.inf
        turn = (1 + self.turn) * (1 + step.turn * spread) - 1 if step.turn else self.turn
        return StepResidual(self.length + step.length, turn, self.moved + step.moved, self.taken + step.taken)

    def renyi(self, order: float, std: float, weights: int) -> float:
        """Renyi divergence, of an order above 1 and either way round, of the laws of weights after the steps and of retrained ones.

        ``order * length^2 / (2 std^2)`` as of a fixed shift, and what A bends. It holds since ``b - t u(b)`` maps all of the space
        one to one for ``|t| turn < 1`` (Hadamard), so that the density of its image adds up to 1, which is the moment of the
        privacy loss up to ``t log det(I - A) - log det(I - t A)``, a sum of traces of A^k from k = 2 on.

        >>> round(StepResidual(length=0.2).renyi(order=3.0, std=1.0, weights=5), 6)
        0.06

        Args:
            order: > 1.
            std: of each entry of the perturbation.
            weights: how many there are.
        """
        if self.turn >= 1 or order * self.turn >= 1:
            return math.inf
        bent = order * _tail(self.turn) + _tail(order * self.turn)
        return order * self.length**2 / (2 * std**2) + weights * bent / (order - 1)

    def epsilon(self, std: float, weights: int, delta: float) -> float:
        """Epsilon for which weights after the steps and retrained ones are (epsilon, delta)-indistinguishable, nats; or infinite.

        >>> round(StepResidual(length=1 / 3.73063).epsilon(std=1.0, weights=5, delta=1e-5), 3)  # 1 where the shift is fixed
        1.092

        Args:
            std: of each entry of the perturbation, > 0.
            weights: how many there are.
            delta: in (0, 1).

        Source: Canonne, Kamath and Steinke 2020, arXiv 2004.00010, proposition 12 (from Renyi divergences).
        """
        if self.length == 0 and self.turn == 0:
            return 0.0
        most = 1 / self.turn if self.turn > 0 else math.inf
        if not most > 1:
            return math.inf

        def at(log: float) -> float:
            order = 1 + math.exp(log)
            spent = self.renyi(order, std, weights)
            return spent + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1)

        # Each order gives a bound, so that the search may stop anywhere.
        ends = (-12.0, min(math.log(most - 1) if most < math.inf else 25.0, 25.0) - 1e-9)
        if ends[1] <= ends[0]:
            return math.inf
        found = optimize.minimize_scalar(at, bounds=ends, method="bounded", options={"xatol": 1e-6})
        return max(0.0, float(found.fun))


def residual_step(loss: LinearLoss, radius: float, penalty: float, stay: int, removed: int, shared: bool = False) -> StepResidual:
    """The most that one Newton step leaves, whatever the data, where losses are added up and the squared penalty stays.

    The step is at most ``removed * slope / penalty`` long, and the gradient of what stays is off by at most
    ``stay * change / 2`` times its square.

    >>> residual_step(LinearLoss("squared"), radius=1.0, penalty=2.0, stay=9, removed=1).length
    0.0

    Args:
        loss: of scores.
        radius: largest norm of a row, its one for an intercept included.
        penalty: of the sum over what stays, > 0.
        stay: number of examples that do.
        removed: number of those that go.
        shared: whether they take shares of the penalty along: at an optimum without tilt the gradient is up to twice as long.

    Raises:
        ValueError: the loss has a Hessian that jumps.
    """
    if loss.name not in CONCORDANCE:
        raise ValueError(f"the Hessian of {loss.name!r} jumps, so that nothing bounds what a step leaves")
    most = loss.bounds
    if most.change == 0:  # quadratic: the step is exact
        return StepResidual()
    step = removed * most.slope * radius * (2 if shared else 1) / penalty
    return _of_step(loss, radius, penalty, step, stay * most.change * radius**3 / 2 * step**2, removed)


def measured_length(loss: LinearLoss, radius: float, step: float, spectral: float, scores: float) -> float:
    """Length of the residual of one data set at most; its perturbation is known by it, so that it must not decide a release.

    >>> round(measured_length(LinearLoss("logistic"), radius=1.0, step=0.1, spectral=3.0, scores=0.2), 6)  # 0.06 / (12 sqrt(3))
    0.002887

    Args:
        loss: of scores.
        radius: largest norm of a row.
        step: its length.
        spectral: largest singular value of the rows that stay.
        scores: Euclidean length of what the step adds to all their scores.

    Source: Guo et al. 2020, arXiv 1911.03030, corollary 1; with the half that comes of averaging over the step.
    """
    change = loss.bounds.change
    return change / 2 * radius * spectral * step * scores if change else 0.0


def _of_step(loss: LinearLoss, radius: float, penalty: float, step: float, length: float, removed: int) -> StepResidual:
    moved = CONCORDANCE.get(loss.name, math.inf) * radius * step
    taken = removed * loss.bounds.curvature * radius**2 / penalty
    if moved > 100:
        return StepResidual(length, math.inf, moved, taken)
    turn = math.expm1(moved) * (1 + moved) - moved + moved * taken / (1 + taken)
    return StepResidual(length, turn, moved, taken)


def _tail(x: float) -> float:
    """``x^2 / 2 + x^3 / 3 + ...``, of x in [0, 1)."""
    return -math.log1p(-x) - x
