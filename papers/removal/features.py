"""Distance to retraining after features go, by how many go: ``python -m papers.removal.features --data FOLDER``.

FOLDER holds adult.csv.gz, drebin.npz and enron_testonly.npz; a set without its file is left out, and said. Numbers of each draw
go to features.json beside this file, after each set; ``papers.removal.features_page`` writes the page. Losses are added up, l2 is 1
and there is no bias, as in the experiments of Warnecke et al. 2023, arXiv 2108.11577.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from papers.removal.compare import distance, ran, timed
from papers.removal.feature_data import Named, adult, drebin, drebin_heavy, enron
from papers.vision.removal import say, write

import untrain as ut
from untrain.training.learners.convex import weights_of

LEARNER = ut.Convex(l2=1.0, form="sum", bias="none", tuned=False)
METHODS = ("Nothing()", "FirstOrder()", "Newton(hessian='original')", "Newton()", "Retrain()")
BATCH, RATE = 32, 1e-4  # of fine-tuning, for one epoch; steps are of the mean loss of a batch


def methods(examples: int) -> dict[str, Any]:
    """Unlearners by name; of two ways to fine-tune the second has the whole penalty in every batch, as the source does."""
    tuned = {"Finetune, penalty by the batch": 1 / examples, "Finetune, whole penalty": 1 / BATCH}
    return {name: ut.parse(name) for name in METHODS} | {
        name: ut.Finetune(
            steps=ut.Steps(lr=RATE, epochs=1, batch=BATCH, optimizer=ut.SGD(momentum=0.0, decay=decay), schedule=ut.Constant())
        )
        for name, decay in tuned.items()
    }


@dataclass(frozen=True)
class Setting:
    """Which features go.

    Args:
        read: the data and the features that may go, from a folder.
        counts: how many go at a time; None for all that may.
        draws: of each count, for which others go; one where all go.
    """

    read: Callable[[Path], Named]
    counts: tuple[int | None, ...]
    draws: int = 5


SETS = {
    "Drebin, any of its URLs": Setting(drebin, (1, 10, 50, 100)),
    "Drebin, URLs of large weights": Setting(drebin_heavy, (10, 50, 100)),
    "Enron (test part), names": Setting(enron, (1, 10, 50, 100)),
    "Adult, marital status, relationship and race": Setting(adult, (None,), 1),
    "Adult, single columns of these": Setting(adult, (1, 5)),
}


def main() -> None:
    """Run each set that is asked for and write its numbers."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("names", nargs="*", help=f"of {', '.join(SETS)}; none means all")
    options.add_argument("--data", type=Path, required=True, help="folder of the files")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "features.json")
    options.add_argument("--draws", type=int, help="of each count; 5 by default")
    given = options.parse_args()
    torch.set_num_threads(1)
    document = json.loads(given.out.read_text()) if given.out.exists() else {"learner": repr(LEARNER), "sets": {}}
    for name in given.names or SETS:
        setting = SETS[name]
        try:
            named = setting.read(given.data)
        except FileNotFoundError as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
            continue
        began = time.process_time()
        rows = results(named, setting, setting.draws if given.draws is None else min(setting.draws, given.draws))
        document["sets"][name] = {
            "rows": len(named.train), "columns": int(named.train.x.shape[1]), "test": len(named.test), "may_go": len(named.may_go),
            "positive": float((named.test.y == 1).double().mean()), **ran(began), "results": rows,
        }  # fmt: skip
        write(given.out, document)
        say(name)


def results(named: Named, setting: Setting, draws: int) -> list[dict[str, Any]]:
    """A row for each count, draw and method."""
    model, rows = LEARNER(named.train), []
    for count in setting.counts:
        for draw in range(draws):
            size = len(named.may_go) if count is None else count
            features = np.random.default_rng((draw, size)).choice(named.may_go, size, replace=False).tolist()
            made = of_request(model, named, ut.ReplaceFeatures(features=tuple(features)))
            rows += [{"count": size, "draw": draw, **row} for row in made]
    return rows


def of_request(model: Any, named: Named, request: Any) -> list[dict[str, Any]]:
    """What each method leaves of the gradient, how far it is from retraining, and how it does on test data without the features."""
    problem = ut.problem(named.train, request, LEARNER)
    test = request.everywhere(named.test, problem.replacement)
    made = {name: timed(method, model, problem) for name, method in methods(len(named.train)).items()}
    after, retrained = LEARNER.objective(problem.rest), made["Retrain()"][0]
    stay = np.array([name not in request.features for name in named.train.features or ()])
    aim = weights_of(retrained, intercept=False)
    return [
        {
            "method": method, "changed": len(problem.forget), "distance": distance(unlearned, retrained),
            "distance_stay": float(np.linalg.norm((weights_of(unlearned, intercept=False) - aim)[stay])),
            "gradient": float(np.linalg.norm(after.at(weights_of(unlearned, intercept=False)).slope)),
            **scores(unlearned, test), "cpu_seconds": spent,
        }
        for method, (unlearned, spent) in made.items()
    ]  # fmt: skip


def scores(model: Any, test: ut.Examples) -> dict[str, float]:
    """Accuracy, and the share of the second class that is found."""
    flat = weights_of(model, intercept=False)
    rows = test.x.matrix if hasattr(test.x, "matrix") else test.x.numpy()
    found, y = rows @ flat > 0, test.y.numpy() == 1
    return {"accuracy": float((found == y).mean()), "recall": float(found[y].mean())}


if __name__ == "__main__":
    main()
