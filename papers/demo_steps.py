"""Choose the demo's step sizes without test set or oracle.

Every method of the demo that takes gradient steps is tried with each step size on the two requests of the demo, two
models each. What counts is ``valid - |forget - valid|``: accuracy on held-out data, less how far accuracy on the forget
set (for labels that were planted wrong: one less that accuracy) lies from it: a forgotten example should
be answered like one that was never seen. Neither the test set nor a retrained model is looked at.

    python papers/demo_steps.py
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

import untrain as ut
from untrain.data.requests.resolve import request
from untrain.models.inference import logits

RATES = (0.015, 0.05, 0.1, 0.2)
METHODS = {
    "Finetune": "Finetune(steps=Steps(lr={lr}, epochs='30%', batch=64))",
    "NegGrad": "NegGrad(steps=Steps(lr={lr}, epochs='30%', batch=64, schedule=Constant()))",
    "RandomLabel": "RandomLabel(steps=Steps(lr={lr}, epochs='30%', batch=64))",
    "SalUn": "SalUn(steps=Steps(lr={lr}, epochs='30%', batch=64))",
    "DEL 100 %": "DEL(steps=Steps(lr={lr}, batch=64))",
    "DEL 30 %": "DEL(steps=Steps(lr={lr}, epochs='30%', batch=64))",
    "DEL 10 %": "DEL(steps=Steps(lr={lr}, epochs='10%', batch=64))",
}
SCENARIOS = ("Digits(request=Random(fraction=0.1))", "Digits(request=Mislabelled(), noise=Flip(rate=0.1))")


def accuracy(model: torch.nn.Module, examples: ut.Examples, task: ut.Classification) -> float:
    """Share of examples answered as their given labels say."""
    return float((logits(model, examples, task).argmax(1) == examples.y.numpy()).mean())


def main() -> None:
    """Print the objective of each method and step size, and what is chosen for both requests."""
    torch.set_num_threads(1)
    tables = [table(spelling) for spelling in SCENARIOS]
    for name in METHODS:
        means = [float(np.mean([t[name][i] for t in tables])) for i in range(len(RATES))]
        # The smaller step size where the difference is less than one example in 360.
        best = next(lr for lr, mean in zip(RATES, means, strict=True) if mean > max(means) - 1 / 360)
        print(f"{name:12} chosen lr={best}; both requests:", *(f"{lr}: {m:.3f}" for lr, m in zip(RATES, means, strict=True)))


def table(spelling: str) -> dict[str, list[float]]:
    """Method -> objective for each step size, averaged over two models."""
    scenario = ut.parse(spelling)
    data, learner = scenario.load(), scenario.learner()
    asked = request(data.train, scenario.request)
    models = [learner(data.train, seed=s) for s in (101, 102)]
    problems = [ut.problem(data.train, asked, learner, data.valid, seed=s) for s in (201, 202)]
    print(spelling)
    found = {}
    for name, text in METHODS.items():
        found[name] = []
        for lr in RATES:
            forgot = [(ut.parse(text.format(lr=lr))(m, p), p) for m, p in zip(models, problems, strict=True)]
            found[name].append(float(np.mean([objective(m, p, learner.task, "Mislabelled" in spelling) for m, p in forgot])))
        print(f"  {name:12}", *(f"lr {lr}: {score:.3f}" for lr, score in zip(RATES, found[name], strict=True)), flush=True)
    return found


def objective(forgot: torch.nn.Module, problem: ut.Problem, task: ut.Classification, wrong: bool) -> float:
    """``valid - |forget - valid|``, with ``1 - forget`` where the labels to forget are ``wrong``."""
    valid, forget = (accuracy(forgot, e, task) for e in (problem.valid, problem.forget))
    return valid - abs((1 - forget if wrong else forget) - valid)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
