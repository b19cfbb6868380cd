"""Up to 1,000 digits removed from a logistic regression of 3 against 8: ``python -m papers.removal.digits --data FOLDER``.

FOLDER holds MNIST's train.parquet and test.parquet. The setting is that of Suriyakumar and Wilson 2022, arXiv 2209.12269: pixels
less a half, rows of length 1, l2 = 0.001. Each step begins at the model of all digits, with what a keeper saved of it, or without.
Numbers go to digits.json beside this file; ``papers.removal.digits_page`` writes the page.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from papers.removal.compare import distance, ran, timed
from papers.removal.data import unit
from papers.vision.removal import say, write
from PIL import Image

import untrain as ut
from untrain.data.examples import Examples
from untrain.data.sparse import matrix_examples
from untrain.maths.online_removal import removed, weights_after
from untrain.training.convex_change import losses_of
from untrain.training.keepers.hessianfactor import KeptFactor

LEARNER = "Convex(l2=0.001, bias='none', tuned=False, keepers=(HessianFactor(),))"
COUNTS = (1, 10, 100, 300, 1000)
METHODS = ("Nothing()", "Newton(hessian='original')", "Newton()")


def digits(path: Path) -> Examples:
    """Threes, of class 1, and eights."""
    table = pd.read_parquet(path)
    table = table[table["label"].isin((3, 8))]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(each["bytes"]))) for each in table["image"]])
    return matrix_examples(unit(pixels.reshape(len(table), -1) / 255 - 0.5), (table["label"] == 3).to_numpy().astype(np.int64))


def from_kept(model: Any, problem: Any, data: str) -> Any:
    """The model after the step that needs no digit that stays: of the factor that training kept."""
    kept, learner = KeptFactor.of(problem.kept["HessianFactor"]), problem.recipe
    state = removed(replace(kept.state, data=data), losses_of(learner, problem.forget, problem.task))
    made = learner.blank(problem.forget.x.shape[1], 2)
    made.fill(weights_after(state)[None], np.zeros(1))
    return made


def of_order(train: Examples, test: Examples, made: Any, order: Any, counts: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Rows of each method, for the first so many of an order."""
    learner, (model, kept) = ut.parse(LEARNER), made
    for count in counts:
        problem = ut.problem(train, train.ids[order[:count]].tolist(), learner, kept=kept)
        found = {"Retrain()": timed(ut.Retrain(), model, problem)}
        found |= {method: timed(ut.parse(method), model, problem) for method in METHODS}
        for data in ("original", "corrected"):
            found[f"kept factor, {data}"] = timed(lambda m, p, data=data: from_kept(m, p, data), model, problem)
        for method, (after, spent) in found.items():
            with torch.no_grad():
                accuracy = float((after(test.x).argmax(1) == test.y).double().mean())
            far = distance(after, found["Retrain()"][0])
            yield {"method": method, "count": count, "distance": far, "cpu_seconds": spent, "accuracy": accuracy}


def main() -> None:
    """Run and write the numbers."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", type=Path, required=True, help="folder of MNIST")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "digits.json")
    options.add_argument("--draws", type=int, default=3)
    given = options.parse_args()
    torch.set_num_threads(1)
    train, test = (digits(given.data / f"{part}.parquet") for part in ("train", "test"))
    began, rows = time.process_time(), []
    made, spent = timed(lambda learner, data: learner.run(data), ut.parse(LEARNER), train)
    for draw in range(given.draws):
        order = np.random.default_rng(draw).permutation(len(train))
        rows += [{"draw": draw, **row} for row in of_order(train, test, made, order, COUNTS)]
        say(f"draw {draw}")
        sizes = {"rows": len(train), "test": len(test), "columns": int(train.x.shape[1])}
        facts = {"learner": LEARNER, "draws": draw + 1, "training": spent} | sizes | ran(began)
        write(given.out, facts | {"results": rows})


if __name__ == "__main__":
    main()
