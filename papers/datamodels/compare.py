"""Attribute-to-Delete (arXiv 2410.23232) on two cores: ``python -m papers.datamodels.compare --data FOLDER --store MODELS``.

FOLDER holds Fashion-MNIST as train.parquet and test.parquet. Each request is a run of ``untrain run`` with a hundred originals and
two hundred retrained models: what is in the store is not made again, so a second start goes on where the first stopped. Documents
are shortened to what the tables need and written beside this file as REQUEST.json; ``papers.datamodels.tables`` reads them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import untrain as ut
from untrain.core.atomic_write import atomic_write
from untrain.runtime.progress import Progress

REQUESTS = {"random-20": "Random(fraction=0.01)", "random-100": "Random(fraction=0.05)"}
# Lasso has the higher linear datamodeling score (papers/attribution/lds.md); the difference of means is the authors' estimate.
LASSO = "Estimation(attributor=Datamodels(), models=8192)"
MEANS = "Estimation(attributor=MeanDifference(), models=8192)"
SGD = "optimizer=SGD(momentum=0.0), schedule=Constant()"
# Of each baseline several step sizes and lengths: a claim that all of a method are outside holds of its best too.
METHODS = (
    "Nothing()",
    *(f"OracleMatch(oracles=10, steps=Steps(lr=0.003, epochs={e}, batch=512, optimizer=AdamW(), schedule=Exponential()))"
      for e in (10, 30)),
    *(f"DatamodelMatch(estimation={estimation}, sample=Sample(retain=5.0), steps=Steps(lr=0.003, epochs={e}, batch=512, "
      "optimizer=AdamW(), schedule=Exponential()))" for estimation, e in ((LASSO, 10), (LASSO, 30), (MEANS, 10))),
    *(f"DatamodelDirect(estimation={estimation})" for estimation in (LASSO, MEANS)),
    "GradAscent(steps=Steps(lr=0.01, epochs=5, schedule=Constant()))",
    "NegGrad(alpha=0.99, steps=Steps(lr=0.1, epochs='30%', batch=64, schedule=Constant()))",
    "Finetune(steps=Steps(lr=0.2, epochs='30%', batch=64))",
    "Finetune(steps=Steps(lr=0.2, epochs='100%', batch=64))",
    "SCRUB(steps=Steps(lr=0.05, epochs=3, optimizer=SGD(decay=5e-4), schedule=Constant()))",
    "DEL(steps=Steps(lr=0.2, epochs='100%', batch=64))",
)  # fmt: skip
SHARES = (0.2, 0.4, 0.6, 0.8)  # of retraining's operations, after which it stops
KEPT = ("value", "low", "high", "floor", "ceiling", "band", "reason")


def main() -> None:
    """Run each request and write what the tables need."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("names", nargs="*", help=f"of {', '.join(REQUESTS)}; none means all")
    options.add_argument("--data", required=True, help="folder with train.parquet and test.parquet")
    options.add_argument("--store", default="untrain-datamodels", help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent)
    options.add_argument("--models", type=int, default=100, help="originals; there are twice as many retrained models")
    options.add_argument("--size", type=int, default=2_000, help="training images")
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    for name in given.names or REQUESTS:
        scenario = f"FashionPCA(path={given.data!r}, size={given.size}, request={REQUESTS[name]})"
        began = time.process_time()
        documents = [compare(given, scenario, METHODS, None)]
        documents += [compare(given, scenario, ("Retrain()",), share) for share in SHARES]
        document = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}", "request": REQUESTS[name], "models": given.models, "size": given.size,
            "command": f"python -m papers.datamodels.compare --data FashionMNIST {name} --models {given.models}",
            "sizes": documents[0]["sizes"], "setting": documents[0]["setting"], "cpu_seconds": time.process_time() - began,
            "rows": [row for shown in documents for row in rows_of(shown)],
        }  # fmt: skip
        with atomic_write(given.out / f"{name}.json") as fresh:
            fresh.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
        say(f"{name}: written to {given.out / name}.json")


def compare(given: argparse.Namespace, scenario: str, methods: tuple[str, ...], share: float | None) -> dict[str, Any]:
    """The document of one run."""
    return ut.run(
        scenario, methods, store=given.store, seeds=given.models, oracles=2 * given.models, workers=given.workers, budget=share,
        evaluators=("KLoM()", "Accuracy()", "ULiRA()"), images=False, on_progress=progress,
    )  # fmt: skip


def rows_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each method its scores, cost and notes."""
    return [
        {
            "method": row["method"], "budget": document["setting"]["budget"], "error": row["error"], "sees": row["sees"],
            "scores": {name: {key: score[key] for key in KEPT} for name, score in row["scores"].items()},
            "cost": {key: row["cost"].get(key) for key in ("share_of_retraining", "share_of_backward", "seconds")},
            "notes": row["notes"],
        }
        for row in document["results"]
    ]  # fmt: skip


def progress(at: Progress) -> None:
    """Say each note, and every hundredth model."""
    if at.note:
        say(at.note)
    elif at.done % 100 == 0:
        say(f"{at.done} of {at.total}")


def say(text: str) -> None:
    """Say what goes on, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
