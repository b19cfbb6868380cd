"""Requests to ``untrain forget --method auto``, judged by retrained models: ``python -m papers.forget.compare --data FOLDER``.

FOLDER holds adult.csv.gz. Ten requests on a table (Adult) and ten on images (scikit-learn's digits), of five kinds. A network of
each is trained until it remembers its data, and is the checkpoint of all ten. Training these again takes seconds, so that ``auto``
would do nothing else; here it behaves as if that took long. What it returns is compared with 4 models that never saw the rows, on
held-out data by which it did not choose. Numbers go to auto.json beside this file after each request; what is there is not done
again. ``papers.forget.page`` writes the page.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from papers.vision.removal import say, write
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch import nn

import untrain as ut
from untrain.experiments.forgetting.measurements import measure
from untrain.maths.unseen_likeness import likeness
from untrain.models.tasks.classification import Classification

Array = np.ndarray[Any, Any]
GAP, ORACLES, WRONG = 0.05, 4, 0.04  # the stated gap, models without the rows, and the share of training labels that are wrong


@dataclass(frozen=True)
class Setup:
    """A checkpoint and its data.

    Args:
        parts: inputs and labels of 'train', 'valid' and 'test'.
        owner: of each training row.
        network: makes the network.
        steps: how it is trained.
    """

    parts: dict[str, tuple[Array, Array]]
    owner: Array
    network: Callable[[], nn.Module]
    steps: str


def table_network() -> nn.Module:
    """A network with room to remember some hundred rows of a table."""
    return nn.Sequential(nn.Linear(WIDTH["adult"], 128), nn.ReLU(), nn.Linear(128, 2))


def image_network() -> nn.Module:
    """A small convolutional network for images of 8 x 8 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(24, 48, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(48 * 16, 10),
    )  # fmt: skip


WIDTH = {"adult": 0}


def adult(folder: Path) -> Setup:
    """Adult: 600 rows to train on, owners of 30 rows that resemble each other."""
    with gzip.open(folder / "adult.csv.gz", "rt") as file:
        table = pd.read_csv(file, skipinitialspace=True).drop(columns=["split", "fnlwgt", "education"])
    table = table.sample(6000, random_state=0)
    y = table.pop("income").str.startswith(">50K").to_numpy().astype(np.int64)
    numbers = table.select_dtypes("number")
    words = pd.get_dummies(table.drop(columns=numbers.columns)).to_numpy(dtype=float)
    x = np.hstack([StandardScaler().fit_transform(numbers), words]).astype(np.float32)
    WIDTH["adult"] = x.shape[1]
    parts = {"train": (x[:600], y[:600]), "valid": (x[600:2700], y[600:2700]), "test": (x[2700:], y[2700:])}
    owner = np.empty(600, dtype=np.int64)
    owner[np.argsort(x[:600] @ np.random.default_rng(0).normal(size=x.shape[1]))] = np.arange(600) // 30
    return Setup(parts, owner, table_network, "Steps(lr=0.05, epochs=40, batch=32)")


def digits(folder: Path) -> Setup:
    """Scikit-learn's digits: 500 images to train on; who wrote them wrote some in a row."""
    x, y = load_digits(return_X_y=True)
    x = (x.reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    where = np.random.default_rng(0).permutation(len(x))
    rows = [np.sort(where[:500]), where[500:1100], where[1100:]]
    parts = {name: (x[at], y[at].astype(np.int64)) for name, at in zip(("train", "valid", "test"), rows, strict=True)}
    return Setup(parts, rows[0] // 60, image_network, "Steps(lr=0.05, epochs=15, batch=32)")


SETS: dict[str, Callable[[Path], Setup]] = {"adult": adult, "digits": digits}


def planted(setup: Setup) -> tuple[Array, Array]:
    """The training labels as they are given, and the rows whose label is wrong."""
    _, y = setup.parts["train"]
    draw = np.random.default_rng(7)
    wrong = np.sort(draw.choice(len(y), round(WRONG * len(y)), replace=False))
    given, classes = y.copy(), int(y.max()) + 1
    given[wrong] = (y[wrong] + draw.integers(1, classes, size=len(wrong))) % classes
    return given, wrong


def requests(setup: Setup) -> dict[str, Array]:
    """Rows of ten requests of five kinds, two sizes of each."""
    x, _ = setup.parts["train"]
    y, wrong = planted(setup)
    draw, flat = np.random.default_rng(11), x.reshape(len(x), -1)
    classes = [np.flatnonzero(y == each) for each in (1, 0)]
    means = np.stack([flat[y == each].mean(0) for each in range(int(y.max()) + 1)])
    far = np.argsort(np.linalg.norm(flat - means[y], axis=1))[::-1]
    owners = np.unique(setup.owner)
    return {
        "random, 4 %": draw.choice(len(y), round(0.04 * len(y)), replace=False),
        "random, 10 %": draw.choice(len(y), round(0.1 * len(y)), replace=False),
        "a third of a class": draw.choice(classes[0], len(classes[0]) // 3, replace=False),
        "a tenth of another class": draw.choice(classes[1], max(12, len(classes[1]) // 10), replace=False),
        "one owner": np.flatnonzero(setup.owner == owners[2]),
        "another owner": np.flatnonzero(setup.owner == owners[-3]),
        "20 outliers": far[:20],
        "60 outliers": far[:60],
        "all wrong labels": wrong,
        "half of the wrong labels": wrong[::2],
    }


def areas(models: list[nn.Module], setup: Setup, rows: Array, y: Array) -> list[float]:
    """Chance that a forgotten row has a larger loss than an unseen one of its class, on held-out data that nothing chose by."""
    x, _ = setup.parts["train"]
    forget, test = ut.examples(x[rows], y[rows]), ut.examples(*setup.parts["test"])
    task = Classification(classes=int(y.max()) + 1)
    found = []
    for model in models:
        losses = [measure(model, each, task).loss for each in (forget, test)]
        found.append(float(likeness(*losses, y[rows], setup.parts["test"][1]).area))
    return found


def loaded(setup: Setup, file: Path) -> nn.Module:
    """The network with the weights of a file."""
    model = setup.network()
    model.load_state_dict(torch.load(file, weights_only=True))
    return model.eval()


def of_request(setup: Setup, rows: Array, folder: Path) -> dict[str, Any]:
    """What ``auto`` made of a request, and what models without the rows say of it."""
    x, _ = setup.parts["train"]
    y, _ = planted(setup)
    began = time.process_time()
    out = folder / "new.pt"
    document = ut.forget(
        str(folder / "net.pt"), (x, y), sorted(rows.tolist()), network=setup.network, valid=setup.parts["valid"], steps=setup.steps,
        gap=GAP, retrain_within=0, out=str(out),
    )  # fmt: skip
    stays = np.setdiff1d(np.arange(len(y)), rows)
    learner = ut.Train(model=setup.network, steps=ut.parse(setup.steps))
    oracles = [learner(ut.examples(x[stays], y[stays], classes=int(y.max()) + 1), seed=100 + at) for at in range(ORACLES)]
    theirs = areas(oracles, setup, rows, y)
    ours, before = areas([loaded(setup, out), loaded(setup, folder / "net.pt")], setup, rows, y)
    alike, aim = document["after"]["alike"], document["aim"] or {"share": 0.0}
    return {
        "rows": len(rows), "of": len(y), "method": document["method"], "why": document["why"],
        "tries": len(document["tries"]), "retrained": document["method"].startswith("Retrain"),
        "share": aim["share"] + sum(each.get("share") or 0.0 for each in document["tries"]),
        "aim": {key: aim.get(key) for key in ("area", "error", "agreement", "by", "share")},
        "proxy": {key: alike[key] for key in ("area", "aim", "aim_error", "within", "met")},
        "area": {"before": before, "after": ours, "oracles": float(np.mean(theirs)), "spread": float(np.std(theirs, ddof=1))},
        "accuracy": {when: document[when]["validation"]["accuracy"] for when in ("before", "after")},
        "cpu_seconds": round(time.process_time() - began, 1),
    }  # fmt: skip


def main() -> None:
    """Run all requests that are not in the file yet."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("names", nargs="*", help=f"of {', '.join(SETS)}; none means both")
    options.add_argument("--data", type=Path, required=True, help="folder of adult.csv.gz")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "auto.json")
    options.add_argument("--most", type=int, help="requests of each set at most")
    given = options.parse_args()
    torch.set_num_threads(1)
    document = json.loads(given.out.read_text()) if given.out.exists() else {"gap": GAP, "oracles": ORACLES, "sets": {}}
    for name in given.names or SETS:
        setup = SETS[name](given.data)
        done = document["sets"].setdefault(name, {"steps": setup.steps, "requests": {}})
        y, _ = planted(setup)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            train = ut.examples(setup.parts["train"][0], y)
            model = ut.Train(model=setup.network, steps=ut.parse(setup.steps))(train, seed=1)
            for label, rows in [*requests(setup).items()][: given.most]:
                if label in done["requests"]:
                    continue
                work = folder / str(len(list(folder.iterdir())))
                work.mkdir()
                torch.save(model.state_dict(), work / "net.pt")
                done["requests"][label] = of_request(setup, rows, work)
                done |= {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": f"{platform.machine()} {platform.system()}"}
                write(given.out, document)
                say(f"{name}: {label}: {done['requests'][label]['method']}")


if __name__ == "__main__":
    main()
