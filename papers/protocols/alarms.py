"""How often oracles that are not a fair yardstick raise the alarm: ``python -m papers.protocols.alarms "Digits()" --store models``.

Oracles of the same recipe, of half and of twice as many epochs, and of another split, which saw the forget set and left out as many
other examples, against 5 originals of the recipe.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from papers.protocols.populations import FRESH, Models, sides, together

import untrain as ut
from untrain.core.spec import parse
from untrain.data.requests.resolve import request
from untrain.evaluation.protocols.yardstick import alarm

COUNT, TIMES = 20, 50


def main() -> None:
    """Print the share of draws of 10 oracles and 5 originals that raise the alarm."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("scenario")
    options.add_argument("--store", type=Path, required=True)
    given = options.parse_args()
    scenario = parse(given.scenario)
    data, learner = scenario.load(), scenario.learner()
    forget = np.asarray(request(data.train, scenario.request).rows)
    everyone = np.arange(len(data.train))
    retain = np.setdiff1d(everyone, forget)
    others = np.setdiff1d(everyone, np.random.default_rng(0).permutation(retain)[: len(forget)])
    epochs = int(learner.steps.epochs)
    short, long = (replace(learner, steps=replace(learner.steps, epochs=e)) for e in (epochs // 2, 2 * epochs))
    kinds = {
        "originals": (learner, everyone, 0), "same recipe": (learner, retain, FRESH), "half the epochs": (short, retain, FRESH),
        "twice the epochs": (long, retain, FRESH), "another split": (learner, others, FRESH),
    }  # fmt: skip
    observed, side = together(data), sides(data, forget)
    seen = {}
    for name, (trains, rows, first) in kinds.items():
        pairs = [(rows, first + seed) for seed in range(COUNT)]
        logits = ut.train_population(trains, data.train, pairs, observed, store=given.store)["logits"]
        seen[name] = Models(logits, np.asarray(observed.y), side, np.empty(0))
    for name, models in list(seen.items())[1:]:
        raised = 0
        for seed in range(TIMES):
            draw = np.random.default_rng(seed)
            ours, theirs = draw.permutation(COUNT)[:5], draw.permutation(COUNT)[:10]
            originals = seen["originals"]
            raised += bool(alarm(originals.observed(originals.outputs(ours)), models.observed(models.outputs(theirs))))
        print(f"| {name} | {raised} of {TIMES} |", flush=True)


if __name__ == "__main__":
    main()
