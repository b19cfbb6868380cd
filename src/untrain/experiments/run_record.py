"""The entry of a run: which models it is made of, and all that a report needs beside their outputs."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from untrain.core.atomic_write import finish_set
from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.core.spec import canonical
from untrain.data.examples import Examples, take
from untrain.data.fingerprint import array_digest
from untrain.data.near_duplicates import near_duplicates
from untrain.data.ragged import PAD
from untrain.data.requests.verbs import covered
from untrain.evaluation.observation import CORRECTED, OTHER
from untrain.experiments.keys import run_ingredients
from untrain.experiments.scene import Scene, probe_file, targets
from untrain.experiments.setting import Setting
from untrain.runtime.store import Contents, Entry, Store

Models = Mapping[str, Any]


@dataclass(frozen=True)
class ModelCounts:
    """The number of models that a run compares, and the seed of theirs; None where they were made elsewhere."""

    seeds: int
    oracles: int
    seed: int | None


def save_run(
    scene: Scene,
    models: Models,
    sizes: ModelCounts,
    store: Store,
    setting: Setting,
    more: Mapping[str, Any] | None = None,
    inputs: bool = True,
) -> Entry:
    """Save the run of some models on a scene, or find it in the store.

    Args:
        scene: what they were observed on.
        models: keys of 'original' and 'oracle' models, and by method of those that forgot, as ``entries_of`` reads them.
        sizes: how many there are.
        store: where the models are.
        setting: where and how they were made.
        more: further facts that a report shows, such as which looks were taken; the run's key depends on them.
        inputs: whether inputs of the forget set are kept, for reports to show.
    """
    more = dict(more or {})
    if scene.notes:
        more["warnings"] = [*scene.notes, *more.get("warnings", ())]
    train, rows = scene.data.train, np.asarray(scene.forget_set.rows)
    asked = probes_of(scene, models, store)
    shown = {"forget_inputs": scene.task.show(take(train, rows))} if inputs else {}
    arrays = {**frame_arrays(scene), **shown, **probe_arrays(scene, asked)}
    digests = {name: array_digest(array) for name, array in arrays.items()}
    facts = {"arrays": digests, "names": named(train), "chosen": dict(scene.chosen), **more}
    ingredients = run_ingredients(repr(scene.scenario), canonical(scene.scenario), models, facts)

    def describe() -> Contents:
        near = near_duplicates(take(train, rows), take(train, scene.retain))
        choice = {"chosen": dict(scene.chosen)} if scene.chosen else {}
        record = {
            "scenario": repr(scene.scenario), "classes": train.classes, "task": repr(scene.task),
            "digest": scene.forget_set.digest, "duplicates": near.counts,
            **count_facts(sizes, count_examples(scene)), "setting": setting_facts(setting), **choice, **named(train), **more,
        }  # fmt: skip
        record |= {"pieces": list(train.pieces)} if train.pieces else {}
        return Contents(record | ({"probes": asked} if asked else {}), arrays)

    return store.get_or_make(ingredients, describe)


def named(train: Examples) -> dict[str, list[str]]:
    """Names of the classes, where they have others than their numbers, and of the numbers of a row of inputs, if they have any."""
    classes, features = list(train.categories), list(train.features)
    names = {} if classes == list(map(str, range(len(classes)))) else {"class_names": classes}
    return names | ({"feature_names": features} if features else {})


def count_facts(sizes: ModelCounts, counts: Mapping[str, int]) -> dict[str, Any]:
    """Numbers of models and of examples, as the record of a run has them."""
    return {"seeds": sizes.seeds, "oracles": sizes.oracles, "seed": sizes.seed, "sizes": dict(counts)}


def frame_arrays(scene: Scene) -> dict[str, np.ndarray[Any, Any]]:
    """Labels, true labels, side and id of all examples that models of a scene are observed on: training set, then test set.

    With 'covered' where the request can say which test examples are of the kind to forget: these, and the forget set.
    """
    sets = scene.observed
    side = np.repeat(np.array(["retain", "test", CORRECTED][: len(sets)]), [len(each) for each in sets])
    side[np.asarray(scene.forget_set.rows)] = "forget"
    owners = [each.owner for each in sets if each.owner is not None]
    known = {"owner": np.concatenate([np.asarray(owner).astype(str) for owner in owners])} if len(owners) == len(sets) else {}
    test = covered(scene.scenario.request, scene.data.test)
    if test is not None:
        known["covered"] = side == "forget"
        known["covered"][len(scene.data.train) :][: len(test)] = test
    return {
        "labels": stacked([targets(e) for e in sets]),
        "true": stacked([targets(e, true=True) for e in sets]),
        "side": side,
        "ids": np.concatenate([np.asarray(each.ids).astype(str) for each in sets]),
    } | known


def probes_of(scene: Scene, models: Models, store: Store) -> list[str]:
    """Names of the probes that all models of a run ran on; models given by their outputs alone ran on none."""
    keys = [*models["original"], *models["oracle"], *(key for method in models["methods"] for key in method["keys"])]
    entries = [entry for entry in map(store.get, keys) if entry is not None and not entry.record.get("error")]
    output = scene.task.outputs[0]
    return [name for name in scene.data.probes if all(f"{probe_file(name, output)}.npy" in e.record["files"] for e in entries)]


def probe_arrays(scene: Scene, probes: list[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Labels, true labels, side and id of the examples of some probes, by their names in the store.

    An example is on the side of the training example with its id, or else of the test example; 'other' where there is neither.
    """
    frame = frame_arrays(scene)
    sides = dict(zip(frame["ids"][::-1].tolist(), frame["side"][::-1].tolist(), strict=True))
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for probe in probes:
        examples = scene.data.probes[probe]
        ids = np.asarray(examples.ids).astype(str)
        columns = {
            "labels": targets(examples), "true": targets(examples, true=True), "ids": ids,
            "side": np.array([sides.get(one, OTHER) for one in ids.tolist()]),
        }  # fmt: skip
        arrays |= {probe_file(probe, name): column for name, column in columns.items()}
    return arrays


def stacked(parts: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Arrays one after the other; token rows are padded to the longest."""
    width = max((part.shape[1] for part in parts if part.ndim == 2), default=0)
    wide = [np.pad(p, ((0, 0), (0, width - p.shape[1])), constant_values=PAD) if p.ndim == 2 else p for p in parts]
    return np.concatenate(wide)


def count_examples(scene: Scene) -> dict[str, int]:
    """The number of examples per set of a scene."""
    train = len(scene.data.train)
    replacement = scene.forget_set.replacement
    corrected = {} if replacement is None else {CORRECTED: len(replacement)}
    counts = {"train": train, "forget": len(scene.forget_set.rows), "retain": len(scene.retain), "test": len(scene.data.test)}
    return counts | corrected


def setting_facts(setting: Setting | None = None) -> dict[str, Any]:
    """The place where models were made; without a setting that is elsewhere, and this machine scores them."""
    machine = f"{platform.machine()} {platform.system()}"
    versions = {"untrain": version("untrain"), "torch": torch.__version__, "python": platform.python_version()}
    if setting is None:
        return {"device": "made elsewhere", "machine": machine, **versions}
    options = {"precision": setting.precision, "compiled": setting.compiled, "budget": setting.budget}
    return {"device": setting.device, "threads": setting.threads, **options, "machine": machine, **versions}


def find_runs(word: str, store: Store) -> list[Entry]:
    """The entries of runs by a key, the beginning of one, 'latest', or a folder with results.json."""
    folder = user_path(word)
    if folder.is_dir():
        with suppress(OSError):
            finish_set(folder)
        try:
            keys = [str(run["run"]) for run in json.loads((folder / "results.json").read_text())["runs"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise DataError(f"{word} holds no results.json that untrain wrote") from None
        return [_find_run(key, store) for key in keys]
    return [_find_run(word, store)]


def _find_run(word: str, store: Store) -> Entry:
    """The entry of the run whose key begins so."""
    rows = [r["key"] for r in store.entries() if r["kind"] == "run"]
    keys = rows[-1:] if word == "latest" else [k for k in rows if k.startswith(word)]
    if len(keys) != 1:
        problem = "there is no run" if not keys else f"{len(keys)} runs begin with"
        raise DataError(f"{problem} {word!r} in {store.path}; it holds {[k[:12] for k in rows]}")
    entry = store.get(keys[0])
    if entry is None:
        raise DataError(f"run {keys[0][:12]} has just left {store.path}")
    return entry
