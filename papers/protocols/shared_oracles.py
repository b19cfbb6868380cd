"""May models of one leave-out population stand for oracles of many requests?

``python -m papers.protocols.shared_oracles "FashionPCA(path=...)" --store models``. Each model of the population left out a random
tenth of the training set. For a request of one example the models that left it out are its oracles, and were not trained for it.
They saw a tenth less of the rest, which would have to be corrected for. Perfect models, retrained without that example alone, are
ruled on against them, and against as many fresh oracles.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from papers.protocols.populations import FRESH, Models, sides, together

import untrain as ut
from untrain.core.spec import parse
from untrain.evaluation.protocols.outcome import Evidence, rule
from untrain.evaluation.protocols.protocol import Protocol
from untrain.evaluation.protocols.yardstick import alarm

LEFT_OUT, POPULATION, REQUESTS, RETRAINS = 0.1, 300, 10, 30


def main() -> None:
    """Print the outcomes of perfect models against oracles of both kinds, and of originals."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("scenario")
    options.add_argument("--store", type=Path, required=True)
    given = options.parse_args()
    scenario = parse(given.scenario)
    data, learner, draw = scenario.load(), scenario.learner(), np.random.default_rng(0)
    n = len(data.train)
    left = np.stack([np.sort(draw.permutation(n)[: round(LEFT_OUT * n)]) for _ in range(POPULATION)])
    pairs = [(np.setdiff1d(np.arange(n), rows), 50_000 + i) for i, rows in enumerate(left)]
    wanted = draw.permutation(n)[:REQUESTS]
    for at in wanted:
        pairs += [(np.setdiff1d(np.arange(n), [at]), FRESH + seed) for seed in range(RETRAINS)]
    pairs += [(np.arange(n), seed) for seed in range(10)]
    observed = together(data)
    logits = ut.train_population(learner, data.train, pairs, observed, store=given.store)["logits"]
    counts: dict[str, Counter[str]] = {}
    for number, at in enumerate(wanted):
        models = Models(logits, np.asarray(observed.y), sides(data, at), np.empty(0)).thinned(1000)
        first = POPULATION + number * RETRAINS
        fresh = np.arange(first, first + RETRAINS)
        shared = np.flatnonzero((left == at).any(1))
        originals = models.observed(models.outputs(np.arange(len(pairs) - 10, len(pairs))))
        for name, oracles in (("fresh", fresh[5:]), ("shared", shared)):
            theirs = models.observed(models.outputs(oracles))
            ours = models.observed(models.outputs(fresh[:5]))
            evidence = Evidence({}, {"forget": 1, "recognised": 0, "standing_out": 0}, alarm(originals, theirs))
            for kind, judged in (("perfect", ours), ("nothing", originals)):
                ruling = rule(Protocol(), judged, theirs, None, evidence)
                counts.setdefault(f"{kind}, {name}", Counter())[ruling.outcome] += 1
    for name, found in counts.items():
        print(name, dict(found))


if __name__ == "__main__":
    main()
