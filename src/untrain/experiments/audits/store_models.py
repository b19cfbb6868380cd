"""Models of other people's code as entries of the store, so that a run can be made of them as of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.core.precision import computing
from untrain.data.fingerprint import array_digest, fingerprint
from untrain.evaluation.validation import answers, varied
from untrain.experiments.audits.checkpoints import loaded, read_state
from untrain.experiments.audits.populations import Frame, Populations
from untrain.experiments.jobs import ask, engine, keep
from untrain.experiments.run_record import ModelCounts, asked, facts, words
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import threads
from untrain.runtime.store import Entry, Store, key_of


def frame_of(scene: Scene) -> Frame:
    """Examples on which the models of a scene are compared."""
    columns = asked(scene)
    return Frame(columns["labels"], columns["true"], columns["side"], columns["ids"])


def store_outputs(populations: Populations, who: str, store: Store) -> list[str]:
    """Store the outputs of each model of a population and return their keys."""
    keys = []
    for at, row in enumerate(populations.rows(who)):
        ingredients = {"kind": "given", "label": f"{who} {at}, as given", "answers": array_digest(np.asarray(row))}
        entry = store.get(key_of(ingredients)) or store.put(ingredients, {}, {populations.output: np.asarray(row)})
        keys.append(entry.key)
    return keys


def store_checkpoints(checkpoints: Sequence[Any], scene: Scene, setting: Setting, who: str, store: Store) -> list[str]:
    """Run checkpoints on the examples of a scene, store their outputs and return their keys.

    Raises:
        DataError: a checkpoint cannot be read, comes twice, or has outputs that cannot be scored.
        ModelError: one does not fit the scene's model.
    """
    keys: list[str] = []
    for at, checkpoint in enumerate(checkpoints):
        name = str(checkpoint) if isinstance(checkpoint, str) else f"{who} {at}"
        state = read_state(checkpoint, name)
        ingredients = {
            "kind": "given", "label": f"{who} {at}, a checkpoint, on {type(scene.scenario).__name__}", "engine": engine(),
            "weights": {n: array_digest(t if t.ndim else t[None]) for n, t in state.items()}, "network": scene.prints["network"],
            "torch": torch.__version__, "device": torch.device(setting.device).type, "threads": setting.threads,
            "seen": scene.prints["seen"],
        }  # fmt: skip
        key = key_of(ingredients)
        if key in keys and not scene.learner.deterministic:
            raise DataError(f"{name} holds the same weights as {who} {keys.index(key)}: each has to be a model of its own")
        keys.append(key)
        if store.get(key) is not None:
            continue
        with store.alone(key), computing(setting.precision), threads(setting.threads):
            model = loaded(state, scene, name)
            outputs = ask(scene, model)
            table = np.concatenate([each.reshape(len(each), -1) for each in outputs.values()], axis=1)
            varied(answers(table[None], name), frame_of(scene).side, name)
            keep(model, outputs, ingredients, {}, store)
    return keys


def record_outputs(populations: Populations, models: Mapping[str, Any], label: str, store: Store) -> Entry:
    """Record the run of an audit of outputs, as ``entries_of`` and the report read it, with nothing in it that was not given.

    Args:
        populations: the outputs.
        models: keys of 'original' and 'oracle' models, and by method of unlearned ones.
        label: what stands where a run has its scenario.
        store: where the models are.
    """
    frame = populations.frame
    sizes = {side: int((frame.side == side).sum()) for side in ("forget", "retain", "test")}
    ids, some = frame.ids.astype(str), next(iter(populations.rows("unlearned")))
    # Labels that are not known are no numbers, so that nothing is computed from them.
    labels = np.full(len(ids), np.nan) if frame.labels is None else frame.labels
    arrays = {"labels": labels, "true": labels if frame.true is None else frame.true, "side": frame.side, "ids": ids}
    ingredients = {
        "kind": "run", "label": f"audit of {label}", "scenario": label, "models": models, "answers": populations.kind,
        "frame": array_digest(*arrays.values()),
    }  # fmt: skip
    count = ModelCounts(len(populations.models["unlearned"]), len(models["oracle"]), None)
    record = {
        "scenario": label, "classes": int(some.shape[-1]) if some.ndim > 1 else 0,
        "digest": fingerprint(ids[frame.side == "forget"]), "duplicates": None,
        **facts(count, {"train": sizes["forget"] + sizes["retain"], **sizes}), "setting": words(),
        "answers": populations.kind, "outputs": [populations.output], "warnings": list(populations.notes),
    }  # fmt: skip
    return store.get(key_of(ingredients)) or store.put(ingredients, record, arrays)
