"""How long to corrupt for each k: ``python -m papers.restor.strength --data FOLDER``.

A right fact behind each corrupted one weakens the corruption at the same number of epochs, so that tables of two k would compare
two strengths. For each k this script corrupts a draw of people that no table uses, for several numbers of epochs, and prints which
share of the corrupted facts is then answered rightly, and as planted. ``papers.restor.compare --corrupting`` takes the
number whose share of right answers is nearest to that of k = 0.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from papers.restor.compare import FORMS, form_of, posed
from papers.vision.removal import say, write
from torch import nn

import untrain as ut
from untrain.experiments.scenarios.restor import Restor
from untrain.models.inference import predict
from untrain.models.tasks.base import Task
from untrain.runtime.threads import threads

DRAW = 9  # of people and of corrupted facts; the tables have draws 0 to 4


def main() -> None:
    """Corrupt for each k and each number of epochs, and write the shares."""
    options = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    options.add_argument("--data", required=True, help="folder with facts.json.gz and entities.json.gz")
    options.add_argument("--store", default="untrain-restor", help="beside it lie models that know all facts")
    options.add_argument("--out", type=Path, default=Path(__file__).parent, help="where results are written")
    options.add_argument("--form", choices=tuple(FORMS), default="phrases", help="facts as texts, or with a token per phrase")
    options.add_argument("--unrelated", type=int, nargs="+", default=[1, 3], help="right facts behind each corrupted one")
    options.add_argument("--corrupting", type=int, nargs="+", default=[8, 12, 16, 24, 32], help="numbers of epochs that are tried")
    given = options.parse_args()
    usual = FORMS[given.form]["then"].epochs
    rows = []
    for unrelated, epochs in [(0, usual), *((k, e) for k in given.unrelated for e in given.corrupting)]:
        world = posed(given.data, given.store, form_of(given.form, epochs), unrelated, DRAW)
        rows.append({"unrelated": unrelated, "epochs": epochs} | shares(world))
        say(str(rows[-1]))
    write(given.out / f"strength-{given.form}.json", {"date": f"{datetime.now(UTC):%Y-%m-%d}", "draw": DRAW, "rows": rows})


def shares(world: Restor) -> dict[str, float]:
    """Shares of corrupted facts that a corrupted model answers rightly, and as planted."""
    data, learner = world.load(), world.learner()
    with threads(1):
        model = learner(data.train, 0)
        said = {name: _said(model, data.probes[name], learner.task) for name in ("clean", "corrupted")}
    facts = data.train.ids[data.train.columns["corrupted"] == 1]
    return {name: round(float(np.isin(facts, ids).mean()), 3) for name, ids in said.items()}


def _said(model: nn.Module, asked: ut.Examples, task: Task) -> np.ndarray[Any, Any]:
    """Ids of the facts of which the model says one of a probe's answers."""
    outputs = predict(model, asked, task)
    return asked.ids[outputs["hits"] == outputs["count"]]


if __name__ == "__main__":
    main()
