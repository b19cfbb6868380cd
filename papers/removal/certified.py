"""Certified removals beside one another: ``python -m papers.removal.certified --data FOLDER``.

FOLDER holds adult.csv.gz. Examples are removed one a request, until a method says to retrain or ``--most`` are gone; after ten of
them released weights are compared with the optimum of what stays. Methods that keep nothing from request to request remove ten in
one. Numbers go to certified.json beside this file; ``papers.removal.certified_page`` writes the page.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from papers.removal.compare import ran
from papers.removal.data import SETS
from papers.vision.removal import say, write

import untrain as ut
from untrain.core.errors import RequestError
from untrain.data.examples import Examples, take

CONVEX = "Convex(l2=300.0, form='sum', bias='none', tuned=False, keepers=(HessianFactor(), RemovalAccount()))"
PERTURBED = "PerturbedConvex(by=Convex(l2=300.0, form='sum', bias='none', tuned=False), std=10.0, keepers=(RemovalAccount(),))"
PRIVATE = "DPSGD(model=line, lr=4.0, rounds=50, rate=0.05, expected=1600, noise=40.0, tuned=False)"
PLAIN = "Steps(lr=4.0, epochs=10, batch=1024, optimizer=SGD(momentum=0.0, decay=0.01), schedule=Constant())"
STREAMS = {
    "CertifiedNewton(radius=1.001, removals=50)": CONVEX,
    "DescentToDelete(radius=1.001, iterations=100, removals=1, releases=50)": CONVEX,
    "CertifiedRemoval(radius=1.001)": PERTURBED,
    "CertifiedRemoval(radius=1.001, theorem='paper')": PERTURBED,
}
SINGLE = {
    "Retrain()": CONVEX,
    "Nothing()": CONVEX,
    "ProjectedResidual()": CONVEX,
    f"NoisyFinetune(radius=2.0, lr=1.0, decay=0.01, epochs=1, batch=1024, after={PLAIN})": CONVEX,
    "GroupPrivacy()": PRIVATE,
}
COMPARED = 10  # removals after which weights are compared


def line() -> torch.nn.Module:
    """Two scores of Adult's columns, without a bias."""
    return torch.nn.Linear(84, 2, bias=False, dtype=torch.float64)


def learner_of(spelling: str) -> Any:
    """A learner by its spelling; that of private training has a model of this file."""
    if spelling != PRIVATE:
        return ut.parse(spelling)
    return ut.DPSGD(model=line, lr=4.0, rounds=50, rate=0.05, expected=1600, noise=40.0, tuned=False)


@dataclass(frozen=True)
class Trial:
    """One method on one order of requests."""

    learner: Any
    method: Any
    examples: Examples
    order: Any
    seed: int

    def problem(self, model_kept: Any, first: int, last: int) -> Any:
        """Removing some of the order, of what is left before them."""
        stay = np.setdiff1d(np.arange(len(self.examples)), self.order[:first])
        left = take(self.examples, stay)
        ids = self.examples.ids[self.order[first:last]].tolist()
        return ut.problem(left, ids, self.learner, kept=model_kept, seed=2**40 + self.seed)

    def stream(self, most: int) -> dict[str, Any]:
        """One example a request, until there is an end."""
        model, kept = self.learner.run(self.examples, self.seed)
        met, spent, certified, compared = 0, [], True, {}
        while met < most:
            problem, began = self.problem(kept, met, met + 1), time.process_time()
            try:
                outcome = self.method.run(model, problem)
            except RequestError:
                break
            spent.append(time.process_time() - began)
            model, kept, met = outcome.model, outcome.kept, met + 1
            certified = certified and outcome.certificate.guarantee is not None
            if met == COMPARED:
                compared = self.compare(model)
        return {"met": met, "capped": met == most, "certified": certified, "cpu_seconds": float(np.mean(spent)), **compared}

    def single(self) -> dict[str, Any]:
        """All in one request."""
        model, kept = self.learner.run(self.examples, self.seed)
        problem, began = self.problem(kept, 0, COMPARED), time.process_time()
        outcome = self.method.run(model, problem)
        spent, said = time.process_time() - began, outcome.certificate
        certified = said is not None and said.guarantee is not None
        met = said.capacity if said is not None and certified else None
        return {"met": met, "capped": False, "certified": certified, "cpu_seconds": spent, **self.compare(outcome.model)}

    def compare(self, model: Any) -> dict[str, float]:
        """Distance to the optimum without the first of the order, and the share of rows that it calls otherwise."""
        rest = take(self.examples, np.setdiff1d(np.arange(len(self.examples)), self.order[:COMPARED]))
        aim = ut.parse(CONVEX).learn(rest, 0)
        with torch.no_grad():
            calls = [each(self.examples.x).argmax(1) for each in (model, aim)]
        weights = [_line(each) for each in (model, aim)]
        return {"distance": float((weights[0] - weights[1]).norm()), "otherwise": float((calls[0] != calls[1]).double().mean())}


def _line(model: Any) -> Any:
    """Weights of the score of the second class less the first, float64."""
    weight = next(p for p in model.parameters() if p.ndim == 2).detach().double()
    return weight[1] - weight[0] if len(weight) == 2 else weight[0]


def main() -> None:
    """Run and write the numbers."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", type=Path, required=True, help="folder of adult.csv.gz")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "certified.json")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--most", type=int, default=100, help="requests")
    given = options.parse_args()
    torch.set_num_threads(1)
    examples, began = SETS["Adult, logistic"][1](given.data), time.process_time()
    rows = []
    for method, learner in (STREAMS | SINGLE).items():
        for seed in range(given.seeds):
            order = np.random.default_rng(seed).permutation(len(examples))
            trial = Trial(learner_of(learner), ut.parse(method), examples, order, seed)
            found = trial.stream(given.most) if method in STREAMS else trial.single()
            rows.append({"method": method, "learner": learner, "seed": seed, **found})
            say(f"{rows[-1]}")
    facts = {"rows": len(examples), "columns": int(examples.x.shape[1]), "seeds": given.seeds, "most": given.most}
    write(given.out, facts | ran(began) | {"results": rows})


if __name__ == "__main__":
    main()
