"""How exposed a planted secret is before and after it is replaced: ``python -m papers.removal.canaries``.

A small transformer learns rows of three digits, one of which comes eight times: the secret. A request replaces it by another.
Exposure is by the rank among all thousand numbers: 10 bits for the first. It needs no data; numbers go to canaries.json beside this
file, and ``papers.removal.canaries_page`` writes the page.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from papers.removal.compare import ran, timed
from papers.vision.removal import say, write

import untrain as ut
from untrain.core.errors import RunFailed
from untrain.data.examples import Examples
from untrain.data.ragged import PAD, Ragged
from untrain.maths.exposure import exposure
from untrain.models.inference import predict

ROWS, REPEATS = 100, 8
TASK = ut.CausalLM(length=5, vocabulary=12)
STEPS = "Steps(lr=0.005, epochs=60, batch=27, optimizer=AdamW())"
METHODS = (
    "Nothing()", "FirstOrder(rate=0.003)", "SecondOrder(damping=2.0)", "SecondOrder(damping=20.0)",
    f"Finetune(steps={STEPS.replace('epochs=60', 'epochs=6')})",
    "Retrain()",
)  # fmt: skip
Number = tuple[int, ...]


def texts(numbers: list[Number]) -> Examples:
    """'My number is' and three digits, which are scored."""
    ids, labels = [[10, 11, *each] for each in numbers], [[PAD, PAD, *each] for each in numbers]
    return Examples({"input_ids": Ragged.of(ids), "labels": Ragged.of(labels)}, np.arange(len(numbers)))


POSSIBLE = list(itertools.product(range(10), repeat=3))


def exposed(model: Any, numbers: list[Number]) -> list[float]:
    """Bits of each number, by its rank among all of three digits."""
    losses = predict(model, texts(POSSIBLE), TASK)["loss"]
    places = [POSSIBLE.index(number) for number in numbers]
    return [float(exposure(losses[at], np.delete(losses, at))) for at in places]


def of_seed(seed: int, steps: str = STEPS, methods: tuple[str, ...] = METHODS) -> Iterator[dict[str, Any]]:
    """A row for each method; secret, replacement, ordinary rows and training are of the seed."""
    draw = np.random.default_rng(seed)
    secret, other, never, *ordinary = (POSSIBLE[at] for at in draw.choice(len(POSSIBLE), ROWS + 3, replace=False))
    train = texts([*ordinary, *[secret] * REPEATS])
    learner = ut.Train(
        model=ut.CausalTransformer(width=32, depth=1, heads=2, hidden=64), steps=ut.parse(steps), task=TASK
    )  # fmt: skip
    request = ut.ReplaceTokens(tokens=secret, fill=other, rows=ut.Ids(ids=tuple(range(ROWS, ROWS + REPEATS))))
    model, problem = learner(train, seed), ut.problem(train, request, learner, seed=seed)
    for method in methods:
        try:
            after, spent = timed(ut.parse(method), model, problem)
        except RunFailed as failed:
            yield {"seed": seed, "method": method, "error": str(failed)}
            continue
        bits = dict(zip(("secret", "other", "never"), exposed(after, [secret, other, never]), strict=True))
        loss = float(predict(after, texts(list(ordinary)), TASK)["loss"].mean())
        yield {"seed": seed, "method": method, "error": None, **bits, "ordinary": loss, "cpu_seconds": spent}


def main() -> None:
    """Run and write the numbers."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "canaries.json")
    options.add_argument("--seeds", type=int, default=5)
    given = options.parse_args()
    torch.set_num_threads(1)
    began, rows = time.process_time(), []
    for seed in range(1, given.seeds + 1):  # the rates were found with seed 0
        rows += list(of_seed(seed))
        say(f"{rows[-len(METHODS) :]}")
        write(given.out, {"seeds": seed} | ran(began) | {"results": rows})


if __name__ == "__main__":
    main()
