"""Claimed epsilons beside those that show, capacities beside those measured: ``python -m papers.removal.epsilon --data FOLDER``.

FOLDER holds adult.csv.gz. The attacker knows both laws but for the noise, and sees many releases after unlearning and as many after
retraining. Numbers go to epsilon.json beside this file; ``papers.removal.epsilon_page`` writes the page.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from papers.removal.compare import distance, ran
from papers.removal.data import SETS
from papers.vision.removal import say, write
from scipy.special import expit

import untrain as ut
from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.maths.bounds import epsilon_shown, threshold
from untrain.maths.gaussian_accountant import GaussianAccountant
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.online_removal import weights_after
from untrain.maths.removal_bounds import Constants, RemovalBound, capacity, constants_of
from untrain.training.keepers.hessianfactor import KeptFactor

Array = np.ndarray[Any, Any]
DELTA, LEVEL = 0.01, 0.99
EPSILONS = (0.5, 1.0, 2.0)
SUM = "Convex(l2=300.0, form='sum', bias='none', tuned=False, keepers=(HessianFactor(),))"
BUDGETS = (0.1, 1.0, 10.0)
SIZED = 10  # removals for which the noise of the capacities is sized, at epsilon 1
STAY, PENALTY, STD = 5_000, 800.0, 10.0  # of the case of CertifiedRemoval: most curvature changes there
RADIUS, SMALL = 1.001, 1e-5  # as on the page of certified removals


def shown(members: Array, others: Array) -> float:
    """Lower bound on epsilon: 4,000 scores of one half choose the threshold, the other half is tested.

    >>> shown(np.zeros(9000), np.zeros(9000))
    0.0
    """
    half = len(members) // 2
    cut, sign = threshold(members[:half][:4000], others[:half][:4000], DELTA)
    missed, wrong = float((sign * members[half:] <= cut).mean()), float((sign * others[half:] > cut).mean())
    return float(epsilon_shown(wrong, missed, (len(others) - half, len(members) - half), DELTA, LEVEL))


def gaussian(distances: Array | float, stds: Array | float, many: int, seed: int) -> float:
    """What shows of releases with Gaussian noise, projected on the line between the two means."""
    noise = np.random.default_rng(seed).normal(size=(2, many))
    return shown(np.broadcast_to(np.asarray(distances) / stds, many) + noise[0], noise[1])


def at_tolerance(epsilon: float) -> tuple[float, float, float]:
    """Claim, distance and noise of ``CertifiedNewton``, of a model that is off its optimum by all that its tolerance allows."""
    learner = ut.Convex(l2=0.5, bias="none", tuned=False, tolerance=0.1, keepers=(ut.HessianFactor(),))
    data = Examples.labelled(torch.full((40, 1), 1e-12, dtype=torch.float64), torch.arange(40) % 2, np.arange(40), 2)
    model = learner.blank(1, 2)
    model.fill(np.array([[0.1 / 0.5 * (1 - 1e-9)]]), np.zeros(1))
    kept = {"HessianFactor": ut.HessianFactor().keep(model, data, learner)}
    method = ut.CertifiedNewton(epsilon=epsilon, delta=DELTA, removals=10, radius=1e-12)
    outcome = method.run(model, ut.problem(data, list(range(10)), learner, kept=kept))
    # One that is trained anew may be as far off on the other side.
    centre = float(weights_after(KeptFactor.of(outcome.kept["HessianFactor"]).state)[0])
    return outcome.certificate.guarantee.epsilon, abs(centre + 0.1 / 0.5), outcome.certificate.std


def labelled(stay: int, right: float, gone: int) -> Examples:
    """One column of ones: those that go come first and are of class 0, most others are of class 1."""
    y = (np.arange(stay) < right * stay).astype(np.int64)
    return ut.Examples.labelled(
        torch.ones((gone + stay, 1), dtype=torch.float64), torch.as_tensor(np.concatenate([np.zeros(gone, dtype=np.int64), y])),
        np.arange(gone + stay), 2,
    )  # fmt: skip


def logistic(epsilon: float) -> tuple[float, float, float]:
    """Claim, distance and noise of ``CertifiedNewton`` for 200 rows of the wrong label among 2,000, of one weight."""
    learner = ut.Convex(l2=0.1, bias="none", tuned=False, keepers=(ut.HessianFactor(),))
    data = labelled(1800, 0.9, 200)
    model, kept = learner.run(data)
    problem = ut.problem(data, list(range(200)), learner, kept=kept)
    outcome = ut.CertifiedNewton(epsilon=epsilon, delta=DELTA).run(model, problem)
    centre = float(weights_after(KeptFactor.of(outcome.kept["HessianFactor"]).state)[0])
    aim = learner(problem.retain)
    return (
        outcome.certificate.guarantee.epsilon, abs(centre - (aim.line.weight.item() if aim.line.weight.numel() == 1 else np.nan)),
        outcome.certificate.std,
    )  # fmt: skip


def cubic(many: int) -> tuple[Array, Array]:
    """Distances and bounds of pairs of one weight whose loss has the curvature mu and a Hessian that grows by M.

    Those that stay have the gradient ``mu w + M w^2 / 2 - pull``, and all together have none at 0, where the step begins.
    """
    draw = np.random.default_rng(0)
    convexity, slope, change = (
        np.exp(draw.uniform(np.log(low), np.log(high), many)) for low, high in ((0.2, 2), (0.5, 2), (0.1, 1))
    )
    examples = draw.integers(500, 5_000, many)
    pull = slope / (examples - 1)
    aim = 2 * pull / (convexity + np.sqrt(convexity**2 + 2 * change * pull))
    facts = zip(convexity, slope, change, examples, strict=True)
    bounds = np.array([RemovalBound(Constants(c, s, c, h), int(n)).at(1) for c, s, h, n in facts])
    return np.abs(pull / convexity - aim), bounds


def tilted(counts: tuple[int, int], b: Array, start: Array | None = None, steps: int = 12) -> Array:
    """Weights of a column of ones after Newton steps on logistic losses of (class 0, class 1), penalty and ``b w``."""
    w = np.zeros_like(b) if start is None else start
    for _ in range(steps):
        p = expit(w)
        slope = counts[0] * p - counts[1] * (1 - p) + PENALTY * w + b
        w = w - slope / (sum(counts) * p * (1 - p) + PENALTY)
    return w


@cache
def allowed(epsilon: float) -> tuple[float, int, float]:
    """Claim of ``CertifiedRemoval``, how many rows of the wrong label it lets go, and the share of its bound that is reached."""
    by = ut.Convex(l2=PENALTY, form="sum", bias="none", tuned=False)
    learner = ut.PerturbedConvex(by=by, std=STD, keepers=(ut.RemovalAccount(),))
    method, gone = ut.CertifiedRemoval(epsilon=epsilon, delta=DELTA), 10
    model, kept = learner.run(labelled(STAY, 1.0, gone), seed=2**60)
    # What it says of the later ones is of these rows; with more of them it may be one or two fewer.
    gone = method.run(model, ut.problem(labelled(STAY, 1.0, gone), list(range(gone)), learner, kept=kept)).certificate.capacity
    while True:
        data = labelled(STAY, 1.0, gone)
        model, kept = learner.run(data, seed=2**60)
        try:
            outcome = method.run(model, ut.problem(data, list(range(gone)), learner, kept=kept))
        except RequestError:
            gone -= 1
            continue
        break
    start, after = (each.line.weight.detach().numpy()[0] for each in (model, outcome.model))
    b = -(gone * expit(start) - STAY * expit(-start) + PENALTY * start)  # the tilt that the model has
    assert abs(tilted((0, STAY), b, start, steps=1) - after).max() < 1e-11, "not the step of the method"
    left = abs(PENALTY * after - STAY * expit(-after) + b).max()
    return outcome.certificate.guarantee.epsilon, gone, float(left / outcome.certificate.bound)


def perturbed(gone: int, many: int, seed: int) -> float:
    """What shows of ``CertifiedRemoval`` when so many go: a tilt is drawn anew for each release."""
    tilts = STD * np.random.default_rng(seed).normal(size=(2, many))
    ours = tilted((0, STAY), tilts[0], tilted((gone, STAY), tilts[0]), steps=1)
    return shown(ours, tilted((0, STAY), tilts[1]))


def attacks(many: int, seeds: int) -> Iterator[dict[str, Any]]:
    """A row for each case, epsilon, constant and seed."""
    distances, bounds = cubic(many)
    for epsilon in EPSILONS:
        limit = GaussianAccountant(epsilon, DELTA).limit
        cases: dict[str, tuple[float, Any, Any]] = {
            "CertifiedNewton, off its optimum by the tolerance": at_tolerance(epsilon),
            "bound of CertifiedNewton, pairs that attain it": (epsilon, distances, bounds / limit),
            "CertifiedNewton, logistic, 200 of 2,000 rows": logistic(epsilon),
        }
        for case, (claimed, far, std) in cases.items():
            reached = float(np.mean(far / (std * limit)))
            for factor in (1.0, 0.5):
                for seed in range(seeds):
                    found = gaussian(far, factor * std, many, seed)
                    yield {"case": case, "claimed": claimed, "reached": reached, "constant": factor, "seed": seed, "shown": found}
        for seed in range(seeds):
            claimed, gone, reached = allowed(epsilon)
            found, case = perturbed(gone, many, seed), f"CertifiedRemoval, logistic, the {gone} rows that it allows"
            yield {"case": case, "claimed": claimed, "reached": reached, "constant": 1.0, "seed": seed, "shown": found}


def least(breaks: Callable[[int], bool], most: int, within: float = 1.05) -> int | None:
    """A number up to which nothing breaks, where a share more does: by halving intervals of its logarithm; None for never.

    >>> least(lambda m: m > 700, 1000) in range(665, 701), least(lambda m: False, 1000)
    (True, None)
    """
    if not breaks(most):
        return None
    low, high = 1, most
    if breaks(low):
        return 0
    while high > max(low * within, low + 1):
        middle = round((low * high) ** 0.5)
        middle = min(max(middle, low + 1), high - 1)
        low, high = (low, middle) if breaks(middle) else (middle, high)
    return low


def capacities(examples: Examples, seeds: int) -> Iterator[dict[str, Any]]:
    """For each step, order and budget: how many can go by the bound, by that of these data, and by the measured distance."""
    learner = ut.parse(SUM)
    model, kept = learner.run(examples)
    n, size = len(examples), KeptFactor.of(kept["HessianFactor"]).state.weights.size
    constants = constants_of(LinearLoss("logistic"), learner.l2, RADIUS, n)
    with torch.no_grad():
        p = model(examples.x).softmax(1)[:, 1].numpy()
    y = examples.y.numpy()
    # All of one class pull one way; those that the model expects least pull most.
    orders = {f"random, {seed}": np.random.default_rng(seed).permutation(n)[: int(0.9 * n)] for seed in range(seeds)}
    orders["one class, least expected first"] = np.flatnonzero(y == 1)[np.argsort(p[y == 1])][:-10]
    for name, order in orders.items():

        @cache
        def measured(m: int, order: Any = order) -> dict[str, tuple[float, float]]:
            problem = ut.problem(examples, examples.ids[order[:m]].tolist(), learner)
            aim = ut.Retrain()(model, problem)
            made = {data: ut.Newton(hessian=data)(model, problem) for data in ("corrected", "original")}
            return {data: (distance(one, aim), distance(one, model)) for data, one in made.items()}

        for data in ("corrected", "original"):
            bound = RemovalBound(constants, n, learner.tolerance / n, data == "original", size)
            std = bound.at(SIZED) / GaussianAccountant(1.0, SMALL).limit
            first = ut.CertifiedNewton(epsilon=1.0, delta=SMALL, radius=RADIUS, removals=SIZED, hessian=data)
            assert first.run(model, ut.problem(examples, [int(examples.ids[0])], learner, kept=kept)).certificate.std == std
            for epsilon in BUDGETS:
                allowed = std * GaussianAccountant(epsilon, SMALL).limit
                row = {"step": data, "order": name, "epsilon": epsilon, "allowed": allowed, "most": len(order)}
                row["stated"] = capacity(bound.at, allowed, n)
                row["of_data"] = least(
                    lambda m, data=data, bound=bound, allowed=allowed: bound.of_step(m, measured(m)[data][1]) > allowed, len(order)
                )
                row["measured"] = least(lambda m, data=data, allowed=allowed: measured(m)[data][0] > allowed, len(order))
                say(f"{row}")
                yield row


def main() -> None:
    """Run and write the numbers."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", type=Path, required=True, help="folder of adult.csv.gz")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "epsilon.json")
    options.add_argument("--many", type=int, default=100_000, help="releases")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--orders", type=int, default=1)
    given = options.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    rows = list(attacks(given.many, given.seeds))
    say(f"{len(rows)} attacks")
    examples = SETS["Adult, logistic"][1](given.data)
    found = list(capacities(examples, given.orders))
    facts = {"many": given.many, "seeds": given.seeds, "learner": SUM, "rows": len(examples), "columns": int(examples.x.shape[1])}
    write(given.out, facts | ran(began) | {"attacks": rows, "capacities": found})


if __name__ == "__main__":
    main()
