"""Linear datamodeling scores and multipliers of all attributors: ``python -m papers.attribution.lds_table --data FOLDER``.

FOLDER holds Fashion-MNIST as train.parquet and test.parquet. Half-subset models are trained, of which the last are held out; then
models of all training images, and models that lack a random tenth of them, on which multipliers are fitted. The table goes to
lds.md and its numbers to lds.json, beside this file unless ``--out`` says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import untrain as ut
from untrain.attribution.attributors.datamodels import Datamodels
from untrain.attribution.attributors.lastlayerinfluence import LastLayerInfluence
from untrain.attribution.attributors.layerinfluence import LayerInfluence
from untrain.attribution.attributors.meandifference import MeanDifference
from untrain.attribution.attributors.trak import TRAK
from untrain.attribution.base import Attributor, TrainingEvidence
from untrain.attribution.calibration import fit_multiplier
from untrain.attribution.lds import linear_datamodeling_score, predicted_outputs
from untrain.core.seeds import seed_of
from untrain.data.examples import joined
from untrain.experiments.scenarios.fashionpca import FashionPCA
from untrain.maths.logits import margins

FULL, LACKING, SHARE = 50, 100, 0.1
EVERY = 10  # of so many images one is taken for multipliers, which pool images
METHODS = (
    ("population", MeanDifference()),
    ("population", Datamodels(penalty="ridge")),
    ("population", Datamodels()),
    ("models", LastLayerInfluence()),
    ("models", LastLayerInfluence(leverage=False)),
    ("models", TRAK(dimension=512)),
    ("models", LayerInfluence(curvature="kfac")),
    ("models", LayerInfluence()),
)


def main() -> None:
    """Train what lacks, score all, and write the table."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--data", required=True, help="folder with train.parquet and test.parquet")
    options.add_argument("--size", type=int, default=1_000, help="training images")
    options.add_argument("--models", type=int, nargs="+", default=[256, 512, 1024, 2048], help="half-subset models to attribute by")
    options.add_argument("--held-out", type=int, default=128, help="half-subset models to score on")
    options.add_argument(
        "--kinds", nargs="+", default=["population", "models"], help="attributors by these; the others are left out"
    )
    options.add_argument("--checkpoints", type=int, default=5, help="models of all images, for attributors that need models")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--store", type=Path, help="where outputs of models are kept, so that a second start trains nothing")
    options.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = options.parse_args()
    began, commit = time.process_time(), git("rev-parse", "HEAD")
    bench = Bench(given)
    trained = time.process_time() - began
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit,
        "command": " ".join(["python -m papers.attribution.lds_table --data FashionMNIST", *words(sys.argv[1:])]),
        "machine": f"{os.cpu_count()} cores of {processor()}, {platform.machine()} {platform.system()}, 1 thread",
        "torch": torch.__version__, "seed": given.seed, "size": given.size, "held_out": given.held_out, "full": FULL,
        "lacking": LACKING, "share": SHARE, "accuracy": bench.accuracy(), "training_seconds": trained,
    }  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for row in bench.rows():  # a run that is stopped leaves the rows that it has
        rows.append(row)
        document = about | {"seconds": time.process_time() - began, "rows": rows}
        (given.out / "lds.json").write_text(json.dumps(document, indent=1) + "\n")
        (given.out / "lds.md").write_text(page(document))
        print(cells(row), flush=True)


class Bench:
    """The trained models, and what each attributor is given of them."""

    def __init__(self, given: argparse.Namespace):
        scenario = FashionPCA(path=given.data, size=given.size)
        data, learner = scenario.load(), scenario.learner()
        self.given, self.train, self.asked = given, data.train, joined(data.train, data.test)
        self.n, self.labels = len(data.train), self.asked.y.numpy()
        self.task = learner.task.resolve(data.train)
        subsets = ut.Subsets(max(given.models) + given.held_out, seed=given.seed, scheme="bernoulli")
        self.population = ut.train_subsets(learner, data.train, data.test, subsets, store=given.store)
        self.some = np.arange(0, len(self.asked), EVERY)
        self.held_out = slice(max(given.models), None)
        rng, everything = np.random.default_rng(given.seed), np.arange(self.n)
        self.removed = np.zeros((LACKING, self.n), dtype=bool)
        for row in self.removed:
            row[rng.choice(self.n, round(SHARE * self.n), replace=False)] = True
        rows = [everything] * FULL + [np.flatnonzero(~row) for row in self.removed]
        pairs = [(list(map(int, some)), seed_of(given.seed, "attribution", at)) for at, some in enumerate(rows)]
        self.whole = ut.train_population(learner, data.train, pairs, self.asked, store=given.store)["logits"]
        # Seeds that none of the models that multipliers are fitted on has.
        self.models = tuple(learner(data.train, seed_of(given.seed, "checkpoint", at)) for at in range(given.checkpoints))

    def accuracy(self) -> dict[str, float]:
        """Share of right answers of the held-out models, by whether they saw the image."""
        right = self.population.outputs["logits"][self.held_out].argmax(2) == self.labels
        seen = self.population.seen[self.held_out]
        own = right[:, : self.n]
        return {"seen": float(own[seen].mean()), "not seen": float(own[~seen].mean()), "test": float(right[:, self.n :].mean())}

    def rows(self) -> Any:
        """A row of the table for each attributor and number of models."""
        for kind, method in (each for each in METHODS if each[0] in self.given.kinds):
            for count in self.given.models if kind == "population" else [self.given.checkpoints]:
                began = time.process_time()
                row = self.of_margins(method, count) if kind == "population" else self.of_models(method)
                yield {"method": repr(method), "models": count} | row | {"seconds": time.process_time() - began}

    def of_margins(self, method: Attributor, count: int) -> dict[str, Any]:
        """Scores of attributions of margins themselves, and the multiplier of attributions of logits."""
        outputs, seen = self.population.signal("margin")[:count, :, None], self.population.seen[:count]
        values = method(TrainingEvidence(self.train, self.asked, self.task, outputs, seen))
        predicted = predicted_outputs(values, self.population.seen[self.held_out], outputs.mean(0))[:, :, 0]
        logits = TrainingEvidence(self.train, self.asked, self.task, self.population.outputs["logits"][:count], seen)
        return self.scores(predicted) | {"multiplier": self.multiplier(method(logits, asked_rows=self.some))}

    def of_models(self, method: Attributor) -> dict[str, Any]:
        """Scores of margins that are made of predicted logits, and the multiplier."""
        values = method(TrainingEvidence(self.train, self.asked, self.task, models=self.models))
        centre = np.asarray(self.population.outputs["logits"][: max(self.given.models)]).mean(0)
        predicted = margins(predicted_outputs(values, self.population.seen[self.held_out], centre), self.labels)
        return self.scores(predicted) | {"multiplier": self.multiplier(values[:, self.some])}

    def multiplier(self, values: np.ndarray) -> dict[str, Any]:
        """The multiplier of attributions of the logits on some images."""
        outputs = self.whole[:, self.some]
        return asdict(fit_multiplier(values, self.removed, outputs[FULL:], outputs[:FULL]))

    def scores(self, predicted: np.ndarray) -> dict[str, Any]:
        """Scores on training and on test images."""
        actual = self.population.signal("margin")[self.held_out]
        parts = {"train": slice(None, self.n), "test": slice(self.n, None)}
        return {name: asdict(linear_datamodeling_score(predicted[:, at], actual[:, at])) for name, at in parts.items()}


def page(document: dict[str, Any]) -> str:
    """The table, with what it was made by."""
    seen, missed, test = (100 * share for share in document["accuracy"].values())
    lines = [
        "# Linear datamodeling scores", "",
        f"{document['date']}, `{document['command']}`, commit {document['commit'][:7]}; {document['machine']}; torch "
        f"{document['torch']}; seed {document['seed']}; {document['training_seconds']:.0f} s of one core to load, and to train "
        f"what the store lacked, {document['seconds']:.0f} s in all.", "",
        f"`FashionPCA(size={document['size']})`: {document['size']} Fashion-MNIST images as 100 numbers, stacked perceptrons. Each "
        "half-subset model saw each image by the toss of a coin. Of the answers of those held out "
        f"{seen:.1f} % are right on what they saw, {missed:.1f} % on other training images and {test:.1f} % on test images. LDS is "
        f"over the margins of {document['held_out']} half-subset models that no attributor saw, with 95 % intervals over models "
        "and images. Attributors that need models have models of all images. The multiplier is fitted on the logits of every tenth "
        f"image by {document['lacking']} models that lack a random {100 * document['share']:.0f} % of the images, against "
        f"{document['full']} models of all; R² is the share of the squared change of logits, noise of training included, that the "
        "multiplied values account for.", "",
        "| Attributor | Models | LDS, training images | LDS, test images | Multiplier | R² | Seconds |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    return "\n".join([*lines, *(cells(row) for row in document["rows"])]) + "\n"


def cells(row: dict[str, Any]) -> str:
    """A row of the table."""
    scores = [interval(row[name]) for name in ("train", "test", "multiplier")]
    ends = f"{row['multiplier']['explained']:.3f}", f"{row['seconds']:.0f}"
    return f"| {' | '.join(['`' + row['method'] + '`', str(row['models']), *scores, *ends])} |"


def interval(score: dict[str, float]) -> str:
    """A value and its interval."""
    return f"{score['value']:.3g} [{score['low']:.3g}, {score['high']:.3g}]"


def words(given: list[str]) -> list[str]:
    """The words of a command, without folders, which say something of the machine only."""
    hidden = {i + k for i, word in enumerate(given) if word in ("--data", "--store", "--out") for k in (0, 1)}
    return [word for i, word in enumerate(given) if i not in hidden]


def git(*command: str) -> str:
    """What git says of this checkout."""
    return subprocess.run(["git", *command], capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()


def processor() -> str:
    """The processor in words."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


if __name__ == "__main__":
    main()
