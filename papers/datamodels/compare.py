"""Attribute-to-Delete (arXiv 2410.23232) on two cores: ``python -m papers.datamodels.compare --data FOLDER --store MODELS``.

FOLDER holds Fashion-MNIST as train.parquet and test.parquet. Each forget set is a run of ``untrain run`` with ``--models``
originals and twice as many retrained models, on ``--size`` images. What is in the store is not made again, and forget sets that a
document has are not run again: a second start goes on where the first stopped. Documents are shortened to what the tables need and
written beside this file as NAME.json after each forget set; ``papers.datamodels.tables`` reads them.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

import untrain as ut
from untrain.core.atomic_write import atomic_write
from untrain.runtime.progress import Progress

LEAST = 50  # models of each kind of which KLoM is made
ENDS = ("top", "bottom", "both")  # of a principal component: as many forget sets as it has
# Forget set number k of each kind.
REQUESTS: dict[str, Callable[[int], str]] = {
    "random-20": lambda k: f"Random(fraction=0.01, seed={k})",
    "random-100": lambda k: f"Random(fraction=0.05, seed={k})",
    "principal-1": lambda k: f"PrincipalExamples(component=1, end={ENDS[k]!r}, fraction=0.01)",
    "principal-2": lambda k: f"PrincipalExamples(component=2, end={ENDS[k]!r}, fraction=0.01)",
}
SHARES = (0.2, 0.4, 0.6, 0.8)  # of retraining's operations, after which it stops
KEPT = ("value", "low", "high", "floor", "ceiling", "band", "reason")


def methods(population: int) -> tuple[str, ...]:
    """All settings: of each baseline several step sizes and lengths, since a claim on all of a method holds of its best too.

    ``population`` is the number of half-subset models. Lasso has the higher linear datamodeling score (papers/attribution/lds.md);
    the difference of means is the authors' estimate. ``OracleMatch`` imitates one model, as a mean of several differs less from
    original to original than retrained models do.
    """
    lasso, means = (f"Estimation(attributor={name}(), models={population})" for name in ("Datamodels", "MeanDifference"))
    matched = "optimizer=AdamW(), schedule=Exponential()"
    return (
        "Nothing()",
        *(f"OracleMatch(steps=Steps(lr={lr}, epochs={e}, batch=512, {matched}))"
          for lr, e in ((0.001, 10), (0.003, 10), (0.003, 30), (0.01, 30))),
        *(f"DatamodelMatch(estimation={estimation}, sample=Sample(retain=5.0), "
          f"steps=Steps(lr=0.003, epochs={e}, batch=512, {matched}))"
          for estimation in (lasso, means) for e in (10, 30)),
        *(f"DatamodelDirect(estimation={estimation})" for estimation in (lasso, means)),
        *(f"GradAscent(steps=Steps(lr={lr}, epochs={e}, schedule=Constant()))"
          for lr, e in ((0.01, 5), (0.03, 5), (0.1, 5), (0.3, 5), (0.1, 2), (0.03, 15))),
        *(f"NegGrad(alpha={alpha}, steps=Steps(lr={lr}, epochs={e!r}, batch=64, schedule=Constant()))"
          for alpha, lr, e in (
              (0.99, 0.03, "30%"), (0.99, 0.1, "30%"), (0.99, 0.3, "30%"), (0.95, 0.1, "30%"), (0.99, 0.1, "100%"),
          )),
        *(f"Finetune(steps=Steps(lr={lr}, epochs={e!r}, batch=64))"
          for lr, e in ((0.05, "30%"), (0.2, "30%"), (0.5, "30%"), (0.05, "100%"), (0.2, "100%"), (0.5, "100%"))),
        *(f"SCRUB(steps=Steps(lr={lr}, epochs={e}, optimizer=SGD(decay=5e-4), schedule=Constant()))"
          for lr, e in ((0.02, 3), (0.05, 3), (0.1, 3), (0.2, 3), (0.1, 10))),
        *(f"DEL(steps=Steps(lr={lr}, epochs={e!r}, batch=64))"
          for lr, e in ((0.05, "100%"), (0.1, "100%"), (0.2, "100%"), (0.5, "100%"), (0.2, "30%"))),
    )  # fmt: skip


def main() -> None:
    """Run each forget set that is not there and write what the tables need."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("names", nargs="*", help=f"of {', '.join(REQUESTS)}; none means all")
    options.add_argument("--data", required=True, help="folder with train.parquet and test.parquet")
    options.add_argument("--store", default="untrain-datamodels", help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent)
    options.add_argument("--sets", type=int, default=1, help=f"forget sets of each kind; {len(ENDS)} at most of a component")
    options.add_argument("--models", type=int, default=100, help="originals; there are twice as many retrained models")
    options.add_argument("--population", type=int, default=8192, help="half-subset models that effects are estimated from")
    options.add_argument("--size", type=int, default=2_000, help="training images")
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    unknown = sorted(set(given.names) - REQUESTS.keys())
    if unknown:
        options.error(f"there is no {unknown[0]!r}; there are {', '.join(REQUESTS)}")
    for name in given.names or REQUESTS:
        path, document = given.out / f"{name}.json", described(given, name)
        done = kept_of(path, document)
        for k in range(given.sets if name.startswith("random") else min(given.sets, len(ENDS))):
            request = REQUESTS[name](k)
            if not any(one["request"] == request for one in done):
                done.append(run_set(given, request))
            with atomic_write(path) as fresh:
                fresh.write_text(json.dumps(document | {"sets": done}, indent=1, allow_nan=False) + "\n")
            say(f"{name}: {len(done)} of {given.sets} forget sets are in {path}")


def described(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """What sets of one document have in common; sets of another description are not kept."""
    command = (
        f"python -m papers.datamodels.compare --data FashionMNIST {name} --models {given.models} --population {given.population}"
    )
    sizes = {"models": given.models, "size": given.size, "population": given.population}
    return {**sizes, "command": command, "settings": list(methods(given.population))}


def kept_of(path: Path, document: dict[str, Any]) -> list[dict[str, Any]]:
    """The forget sets that a document has."""
    before = json.loads(path.read_text()) if path.exists() else {}
    return list(before["sets"]) if all(before.get(key) == value for key, value in document.items()) else []


def run_set(given: argparse.Namespace, request: str) -> dict[str, Any]:
    """One forget set: what the tables need of all methods, and of retraining that stops early."""
    scenario, began = f"FashionPCA(path={given.data!r}, size={given.size}, request={request})", spent()
    documents = [compare(given, scenario, methods(given.population), None)]
    documents += [compare(given, scenario, ("Retrain()",), share) for share in SHARES]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "request": request, "sizes": documents[0]["sizes"],
        "setting": documents[0]["setting"], "cpu_seconds": spent() - began,
        "rows": [row for shown in documents for row in rows_of(shown)],
    }  # fmt: skip


def spent() -> float:
    """CPU seconds of this process and of workers that have ended."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def compare(given: argparse.Namespace, scenario: str, chosen: tuple[str, ...], share: float | None) -> dict[str, Any]:
    """The document of one run."""
    klom = "KLoM()" if given.models >= LEAST else f"KLoM(least={given.models})"
    return ut.run(
        scenario, chosen, store=given.store, seeds=given.models, oracles=2 * given.models, workers=given.workers, budget=share,
        evaluators=(klom, "Accuracy()", "ULiRA()"), images=False, on_progress=progress,
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
