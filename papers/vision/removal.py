"""What the scripts of class removal share: their arguments, numbers of single models, and how these are written down."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.atomic_write import atomic_write
from untrain.evaluation.observation import Observation
from untrain.experiments.results import entries_of, observe
from untrain.maths import prediction_entropy
from untrain.maths.logits import log_probabilities
from untrain.runtime.executors.base import Pool, Resources
from untrain.runtime.executors.processes import Processes
from untrain.runtime.executors.serial import Serial
from untrain.runtime.store import Store

Array = np.ndarray[Any, Any]


def words(text: str) -> argparse.ArgumentParser:
    """Arguments that every script of this folder takes: data, store, results, processes."""
    options = argparse.ArgumentParser(description=text.partition("\n")[0])
    options.add_argument("--data", required=True, help="folder with train.parquet and test.parquet")
    options.add_argument("--store", default="untrain-vision", help="where models are kept")
    options.add_argument("--out", type=Path, default=Path(__file__).parent, help="where results are written")
    options.add_argument("--workers", type=int, default=2)
    return options


def say(text: str) -> None:
    """Tell what goes on, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write numbers; the file is whole or not there."""
    with atomic_write(path) as fresh:
        fresh.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")


def publish(text: str | None, pages: Mapping[str, Callable[[dict[str, Any]], str]], folder: Path = Path(__file__).parent) -> None:
    """Write each page of which there are numbers beside them, in a folder that the command line may name."""
    options = argparse.ArgumentParser(description=str(text).partition("\n")[0])
    options.add_argument("--folder", type=Path, default=folder)
    folder = options.parse_args().folder
    for name, page in pages.items():
        if (folder / f"{name}.json").exists():
            (folder / f"{name}.md").write_text(page(json.loads((folder / f"{name}.json").read_text())))


def rounded(values: Any) -> list[float]:
    """Numbers of models as files hold them."""
    return [round(float(v), 5) for v in values]


def rows_of(run: dict[str, Any], store: Store, forgotten: int) -> list[dict[str, Any]]:
    """Of each method, and of oracles and originals, numbers of each single model."""
    entry = store.get(run["run"])
    assert entry is not None
    models = entries_of(entry, store)
    original = single(observe(entry, models["original"]), forgotten, None)
    start = np.array(original["staying"])
    oracle = single(observe(entry, models["oracle"]), forgotten, start.mean())
    rows = [{"method": "oracle", "error": None, **oracle}, {"method": "original", "error": None, **original}]
    for row in run["results"]:
        shown = {"method": row["method"], "sees": row["sees"], "error": row["error"]}
        if row["error"] is None:
            shown |= {"cost": row["cost"]["share_of_retraining"], "backward": row["cost"]["share_of_backward"]}
            shown |= single(observe(entry, models["unlearned"][row["method"]]), forgotten, start)
        rows.append(shown)
    return rows


def single(seen: Observation, forgotten: int, start: Array | float | None) -> dict[str, list[float]]:
    """Of each model: test accuracy on the other classes and on the forgotten one, accuracies by side, entropy on forget, AUS.

    Args:
        seen: models on forget, retain and test.
        forgotten: the class.
        start: test accuracy on the other classes of each model's original, or of all of them together; None leaves AUS out.
    """
    right, labels, side = seen.signal("correct"), np.asarray(seen.labels), np.asarray(seen.side)
    test = side == "test"
    staying, gone = (right[:, test & at].mean(1) for at in (labels != forgotten, labels == forgotten))
    numbers = {"staying": staying, "forgotten": gone, "entropy": entropies(seen).mean(1)}
    numbers |= {name: right[:, side == name].mean(1) for name in ("forget", "retain")}
    if start is not None:
        numbers["aus"] = aus(staying, gone, start)
    return {name: rounded(values) for name, values in numbers.items()}


def entropies(seen: Observation) -> Array:
    """Entropy of the predictions of each model on each forget example, (m, n), nats."""
    return prediction_entropy.entropies(log_probabilities(seen.outputs["logits"][:, np.asarray(seen.side) == "forget"]))


def aus(staying: Array | float, gone: Array | float, start: Array | float) -> Any:
    """Adaptive unlearning score of class removal: 1 for a model that loses the class and nothing else.

    Args:
        staying: accuracy on the other classes.
        gone: accuracy on the forgotten class.
        start: the original's accuracy on the other classes.

    Source: Cotogni et al. 2023, arXiv 2312.02052, with the original of the run for the published constant.
    """
    return (1 + staying - start) / (1 + gone)


def pool_of(workers: int) -> Pool:
    """Processes that do the work, or this one."""
    return (Processes(workers) if workers > 1 else Serial()).open(Resources())
