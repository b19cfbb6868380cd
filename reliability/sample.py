"""One small run that attacks disturb, and what must come out of it all the same."""

from __future__ import annotations

import hashlib
import importlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attack import LEFT, SILENT, Outcome
from child import apart, command

METHODS = ("Nothing()", "Finetune(steps=Steps(lr=0.05, epochs=1)) @ WeightedGrad(keep=0.5)")
EXTRA = "GradAscent(steps=Steps(lr=0.01, epochs=1))"
EVALUATORS = ("Accuracy", "KLoM(least=2)")
# What differs from run to run of the same work: times, machine and price.
PASSING = {"cost", "oracle_cost", "setting", "price", "break_even", "paid"}
# What commands import only when they write a page or read a line.
WARM = ("untrain.commands.cli.app", "untrain.reports.html.page", "untrain.reports.html.plotly", "untrain.reports.terminal")
RESULTS = {"report.html", "results.json", "scores.csv"}


def write_data(folder: Path) -> None:
    """80 training and 40 test examples of two classes, as arrays on disk."""
    draw = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, n in (("train", 80), ("test", 40)):
        y = np.arange(n) % 2
        np.save(folder / f"{name}_x.npy", (draw.normal(size=(n, 3)) + y[:, None]).astype(np.float32))
        np.save(folder / f"{name}_y.npy", y)


def scenario(root: Path) -> str:
    """The spelling of the scenario on the data of ``write_data``."""
    train, test = (tuple(str(root / "data" / f"{name}_{part}.npy") for part in "xy") for name in ("train", "test"))
    return (
        f"Custom(train={train}, test={test}, model=MLP(width=4), request=Ids(ids=(1, 2, 3, 4, 5, 6, 7, 8)), "
        "steps=Steps(lr=0.1, epochs=2, batch=32))"
    )


def run(root: Path, store: Path, methods: tuple[str, ...] = METHODS, out: Path | None = None) -> Any:
    """The run, in this process; what must be the same each time."""
    import untrain as ut

    document = ut.run(
        scenario(root), methods, store=store, out=out, seeds=2, oracles=2, precision="float32", images=False, evaluators=EVALUATORS
    )
    return steady(document)


def arguments(root: Path, store: Path, out: Path, methods: tuple[str, ...] = METHODS) -> list[str]:
    """The same run as a command line."""
    options = ["--seeds", "2", "--oracles", "2", "--precision", "float32", "--no-images", "--workers", "1", "--json"]
    chosen = [word for name in EVALUATORS for word in ("--evaluator", name)]
    return ["run", scenario(root), *methods, *options, *chosen, "--store", str(store), "--out", str(out)]


def steady(document: dict[str, Any]) -> Any:
    """What two runs of the same work have in common."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: without(part) for name, part in value.items() if name not in PASSING}
        return [without(part) for part in value] if isinstance(value, list | tuple) else value

    return json.loads(json.dumps(without(document)))


def weights(store: Path) -> dict[str, str]:
    """Digest of each model's weights by key."""
    files = store.glob("objects/*/*/weights.safetensors")
    return {f.parent.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def prepare(root: Path) -> None:
    """Make the undisturbed run in this process, so that those which are forked later begin warm: no import, no digest anew.

    Raises:
        RuntimeError: it does not succeed undisturbed.
    """
    write_data(root / "data")
    calm = root / "calm"
    calm.mkdir()
    torch.set_num_threads(1)
    value = {"document": run(root, calm / "store"), "more": run(root, calm / "more", (*METHODS, EXTRA))}
    value["weights"] = weights(calm / "store")
    (calm / "value.json").write_text(json.dumps(value))
    warm = ["report", "--store", str(calm / "store"), "--out", str(calm / "out"), "--no-images", "--evaluator", "Accuracy"]
    for name in WARM:
        importlib.import_module(name)
    for line in (warm, arguments(root, calm / "fresh", calm / "out")):
        start, ended = time.monotonic(), apart(command(line), calm, 300)
        value["seconds"] = time.monotonic() - start  # of the last one, a whole command
        if ended.code != 0:
            raise RuntimeError(f"the small run fails undisturbed: {ended.err[-2000:]}")
    (calm / "value.json").write_text(json.dumps(value))


def expected(root: Path) -> dict[str, Any]:
    """What the undisturbed run gave."""
    return dict(json.loads((root / "calm" / "value.json").read_text()))


def root_of(folder: Path) -> Path:
    """The folder that has the sample, from a worker's own folder."""
    return next(place for place in folder.parents if (place / "calm" / "value.json").exists())


def recovers(folder: Path, store: Path, prune: bool = True) -> Outcome | None:
    """Run again undisturbed: the same numbers and weights, and after ``--prune --older-than 0`` nothing is left."""
    root = root_of(folder)
    calm = expected(root)
    ended = apart(lambda: run(root, store), folder / "again")
    if ended.failure or ended.code:
        words = ended.failure.detail if ended.failure else ended.err.strip()[-200:]
        return Outcome("traceback", f"the same run again fails: {words}", "again: " + words[:60])
    if ended.value != calm["document"]:
        return Outcome(SILENT, f"other numbers than undisturbed: {difference(calm['document'], ended.value)}", "numbers")
    found = weights(store)
    if any(found.get(key) != digest for key, digest in calm["weights"].items()):
        return Outcome(SILENT, "other weights than undisturbed", "weights")
    return pruned(folder, store) if prune else None


def pruned(folder: Path, store: Path) -> Outcome | None:
    """What ``untrain store --prune --older-than 0`` leaves."""
    ended = apart(command(["store", "--prune", "--older-than", "0", "--store", str(store)]), folder / "prune")
    if ended.failure or ended.code:
        return ended.failure or Outcome("traceback", f"prune: {ended.err.strip()[-200:]}", "prune fails")
    left = [f for part in ("objects", "tmp") for f in (store / part).rglob("*") if not f.is_dir()]
    strange = [f for f in store.iterdir() if f.name not in ("STORE.json", "ledger.sqlite", "objects", "locks", "tmp")]
    if left or strange:
        names = ", ".join(str(f.relative_to(store)) for f in [*left, *strange][:3])
        return Outcome(LEFT, f"prune --older-than 0 leaves {len(left) + len(strange)} files: {names}", "store after prune")
    return None


def outside(folder: Path, out: Path | None) -> Outcome | None:
    """Files beside the results, and in the temporary folder."""
    beside = [f for f in out.iterdir() if f.name not in RESULTS] if out is not None and out.is_dir() else []
    left = [*beside, *(f for f in folder.rglob("temporary/*"))]
    if left:
        return Outcome(LEFT, f"{len(left)} files left: {', '.join(f.name for f in left[:3])}", "outside the store")
    return None


def difference(one: Any, other: Any, path: str = "") -> str:
    """The first place where two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in [*one, *(n for n in other if n not in one)]:
            if one.get(name) != other.get(name):
                return difference(one.get(name), other.get(name), f"{path}/{name}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (a, b) in enumerate(zip(one, other, strict=True)):
            if a != b:
                return difference(a, b, f"{path}/{at}")
    return f"{path}: {str(one)[:60]} became {str(other)[:60]}"
