"""Repair of a network whose labels were poisoned: ``python -m papers.removal.poison --images FOLDER --store FOLDER``.

A tenth of the labels of small pictures is flipped, and the request corrects them. Numbers go to poison.json beside this file;
``papers.removal.poison_page`` writes the page. FOLDER of the images holds train.parquet and test.parquet of Fashion-MNIST.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from papers.removal.compare import ran
from papers.vision.removal import write

import untrain as ut

REQUEST = 'Relabel(rows=Mislabelled(), labels="true")'
METHODS = (
    "Nothing()", "FirstOrder(rate=0.0001)", "FirstOrder()", "SecondOrder(damping=1.0)", "Finetune()", "DEL()", "SSD()", "SCRUB()",
    "Retrain()",
)  # fmt: skip
SCORES = ("test_accuracy", "corrected_accuracy", "forget_accuracy", "retain_accuracy")


def main() -> None:
    """Run and write the numbers."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--images", type=Path, required=True, help="folder of the images")
    options.add_argument("--store", type=Path, required=True, help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "poison.json")
    options.add_argument("--size", type=int, default=2000, help="number of training images")
    options.add_argument("--seeds", type=int, default=5)
    given = options.parse_args()
    torch.set_num_threads(1)
    steps = "Steps(lr=0.1, epochs=15, batch=50)"
    scenario = (
        f"SmallFashion(request={REQUEST}, noise=Flip(rate=0.1), path={str(given.images)!r}, size={given.size}, model=ConvNet(), "
        f"steps={steps})"
    )
    began = time.process_time()
    document = ut.run(scenario, METHODS, given.store, seeds=given.seeds, oracles=given.seeds, images=False)
    held = {
        "scenario": scenario.replace(f"path={str(given.images)!r}, ", ""), "sizes": document["sizes"], "seeds": given.seeds,
        **ran(began), "results": [row_of(row) for row in document["results"]],
    }  # fmt: skip
    write(given.out, held)


def row_of(row: dict[str, Any]) -> dict[str, Any]:
    """Of a method's row in a run's document, what the page shows."""
    kept = ("value", "low", "high", "floor", "reason")
    scores = {name: {key: row["scores"][name].get(key) for key in kept} for name in SCORES if name in row["scores"]}
    return {"method": row["method"], "error": row["error"], "scores": scores, "seconds": row.get("cost", {}).get("seconds")}


if __name__ == "__main__":
    main()
