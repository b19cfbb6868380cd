"""Which localizers find weights that hold facts by construction: ``python -m papers.planted.localize``.

A network is trained on digits. Then some channels of one layer, and nothing else, are trained on held-out digits with wrong labels
until it knows them all. Each localizer is asked for a mask of as many weights, and DEL's unlearning is confined to it. Numbers
go to planted.json beside this file, unless ``--out`` says otherwise; a run that is stopped leaves the seeds that it has.
``python -m papers.planted.page`` writes the page.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from papers.planted.plant import (
    PLANTING,
    ROUNDS,
    Planted,
    accuracy,
    channels_of,
    facts_of,
    learner_of,
    overlap,
    plant,
    with_norms_of,
)

import untrain as ut
from untrain.core import discovery
from untrain.core.errors import BadInput, NotFinite
from untrain.core.mask import Mask
from untrain.localizers.base import Localizer
from untrain.training.steps import Steps

LAYERS = {"early": ("3.weight", "4"), "middle": ("7.weight", "8"), "late": ("10.weight", "11")}  # and the batch norm after each
FACTS, CHANNELS, WIDTH, EPOCHS = 20, 8, 24, 12
UNLEARNING = ut.ResetFinetune(steps=Steps(lr=0.01, epochs=1, batch=64, buffers="freeze"))
TRUTH, DECIDES = "the planted weights", "as before"  # the form on which all is decided


def localizers(keep: float) -> list[Localizer]:
    """All localizers that can be given a budget, by channel and by single weight where they know both; heads move as masked."""
    found = []
    for place in discovery.of_role("localizer"):
        made = discovery.load(place.name)()
        named = {field.name for field in fields(made)}
        if "like" in named:
            found += [replace(made, like=replace(made.like, keep=keep, head="masked", per=per)) for per in ("channel", "weight")]
        elif "keep" in named:
            made = replace(made, keep=keep, head="masked")
            found += [replace(made, per=per) for per in ("channel", "weight")] if "per" in named else [made]
    return found


def name_of(localizer: Localizer) -> str:
    """Its class and, where it knows several, the unit that competes.

    >>> name_of(ut.Gradient(keep=0.1, per="channel"))
    'Gradient, channel'
    """
    per = getattr(localizer, "per", None) or getattr(getattr(localizer, "like", None), "per", None)
    return type(localizer).__name__ + (f", {per}" if per else "")


def measured(planted: Planted, mask: Mask, forgets: bool) -> dict[str, Any]:
    """Hit rate of a mask, share of the truth in it, and what unlearning within it leaves of the facts and of the rest."""
    precision, recall = overlap(mask, planted.truth)
    row: dict[str, Any] = {"precision": precision, "recall": recall}
    if not forgets:
        return row
    problem = replace(planted.problem, mask=replace(mask, digest=""), head="masked")
    try:
        forgot = UNLEARNING(planted.model, problem)
    except NotFinite as error:
        return row | {"reason": f"unlearning: {error}"}
    left = accuracy(planted.base, problem.forget) - accuracy(forgot, problem.forget)
    return row | {"gap": left, "retain": accuracy(forgot, problem.rest)}


def plantings(
    seed: int, epochs: int = EPOCHS, planting: Steps = PLANTING, rounds: int = ROUNDS
) -> Iterator[tuple[str, str, Planted]]:
    """Layer, form and network of one seed: network, facts, channels and all draws differ from seed to seed."""
    data, learner = ut.Digits().load(), learner_of(WIDTH, epochs)
    base, facts = learner(data.train, seed), facts_of(data.valid, FACTS, seed)
    for layer, (tensor, norms) in LAYERS.items():
        truth = channels_of(base, tensor, CHANNELS, seed)
        trained = plant(base, learner, data.train, facts, truth, seed, planting, rounds)
        yield layer, DECIDES, with_norms_of(trained, tensor, norms)
        yield layer, "as trained", trained


def rows_of(seed: int) -> list[dict[str, Any]]:
    """Rows of one seed."""
    test, rows = ut.Digits().load().test, []
    for layer, lengths, planted in plantings(seed):
        about = {
            "seed": seed, "layer": layer, "lengths": lengths, "before": accuracy(planted.base, planted.problem.forget),
            "planted": accuracy(planted.model, planted.facts), "rounds": planted.rounds, "base_test": accuracy(planted.base, test),
            "test": accuracy(planted.model, test), "longer": longer(planted, LAYERS[layer][0]),
        }  # fmt: skip
        rows += [about | row for row in contended(planted, lengths == DECIDES)]
    return rows


def contended(planted: Planted, forgets: bool) -> list[dict[str, Any]]:
    """A row for the truth and one for each localizer, unlearning within the mask where asked."""
    bits = planted.truth.bits.values()
    chance = sum(int(b.sum()) for b in bits) / sum(b.numel() for b in bits)
    rows: list[dict[str, Any]] = [{"localizer": TRUTH, "chance": chance} | measured(planted, planted.truth, forgets)]
    for localizer in localizers(chance):
        try:
            mask = localizer(planted.model, planted.problem)
        except BadInput as error:
            rows.append({"localizer": name_of(localizer), "reason": str(error)})
            continue
        rows.append({"localizer": name_of(localizer)} | measured(planted, mask, forgets))
    return rows


def longer(planted: Planted, tensor: str) -> float:
    """How many times as long as in the base, in the same form, the planted channels are, mean."""
    rows = planted.truth.bits[tensor].flatten(1).any(1)
    after, before = (model.get_parameter(tensor).detach()[rows] for model in (planted.model, planted.base))
    return float((after.flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)).mean())


def main() -> None:
    """Measure seed after seed, and write all numbers after each."""
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seeds", type=int, default=10, help="number of seeds, from the first on")
    options.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = options.parse_args()
    began, rows = time.process_time(), list[dict[str, Any]]()
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain")),
        "command": " ".join(["python -m papers.planted.localize", "--seeds", str(given.seeds)]),
        "machine": f"{os.cpu_count()} cores, {platform.machine()} {platform.system()}, 1 thread", "torch": torch.__version__,
        "facts": FACTS, "channels": CHANNELS, "width": WIDTH, "epochs": EPOCHS, "planting": repr(PLANTING), "rounds": ROUNDS,
        "unlearning": repr(UNLEARNING), "layers": LAYERS,
    }  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    for count in range(1, given.seeds + 1):
        rows += rows_of(seed := count - 1)
        document = about | {"seeds": count, "seconds": time.process_time() - began, "rows": rows}
        (given.out / "planted.json").write_text(json.dumps(document, indent=1) + "\n")
        print(f"seed {seed}: {document['seconds']:.0f} CPU-seconds so far", flush=True)


def git(*words: str) -> str:
    """What git says of this folder; empty where it says nothing."""
    asked = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


if __name__ == "__main__":
    main()
