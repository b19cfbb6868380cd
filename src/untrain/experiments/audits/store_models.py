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
from untrain.experiments.audits.checkpoints import loaded, state_in
from untrain.experiments.audits.populations import Frame, Given
from untrain.experiments.jobs import ask, engine, keep
from untrain.experiments.run_record import ModelCounts, asked, facts, words
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import threads
from untrain.runtime.store import Entry, Store, key_of


def frame_of(scene: Scene) -> Frame:
    """The examples that the models of a scene are asked about."""
    held = asked(scene)
    return Frame(held["labels"], held["true"], held["side"], held["ids"])


def answered(given: Given, who: str, store: Store) -> list[str]:
    """Keys of the models of a population, each laid down with what it answered."""
    keys = []
    for at, row in enumerate(given.rows(who)):
        made = {"kind": "given", "label": f"{who} {at}, as given", "answers": array_digest(np.asarray(row))}
        held = store.get(key_of(made)) or store.put(made, {}, {"logits": np.asarray(row)})
        keys.append(held.key)
    return keys


def asked_of(checkpoints: Sequence[Any], scene: Scene, setting: Setting, who: str, store: Store) -> list[str]:
    """Keys of models of which checkpoints were given, each asked about the examples of a scene and laid down.

    Raises:
        DataError: a checkpoint cannot be read, is given twice, or answers what cannot be scored.
        ModelError: one does not fit the scene's model.
    """
    keys: list[str] = []
    for at, given in enumerate(checkpoints):
        name = str(given) if isinstance(given, str) else f"{who} {at}"
        state = state_in(given, name)
        made = {
            "kind": "given", "label": f"{who} {at}, a checkpoint, on {type(scene.scenario).__name__}", "engine": engine(),
            "weights": {n: array_digest(t if t.ndim else t[None]) for n, t in state.items()}, "network": scene.prints["network"],
            "torch": torch.__version__, "device": torch.device(setting.device).type, "threads": setting.threads,
            "seen": scene.prints["seen"],
        }  # fmt: skip
        key = key_of(made)
        if key in keys:
            raise DataError(f"{name} holds the same weights as {who} {keys.index(key)}: each has to be a model of its own")
        keys.append(key)
        if store.get(key) is not None:
            continue
        with store.alone(key), computing(setting.precision), threads(setting.threads):
            model = loaded(state, scene, name)
            found = ask(scene, model)
            varied(answers(found["logits"][None], name), frame_of(scene).side, name)
            keep(model, found, made, {}, store)
    return keys


def lay_arrays(given: Given, models: Mapping[str, Any], label: str, store: Store) -> Entry:
    """The run of an audit of arrays: what ``entries_of`` and the report read, with nothing in it that was not given.

    Args:
        given: the populations.
        models: keys of 'original' and 'oracle' models, and by method of those that forgot.
        label: what stands where a run has its scenario.
        store: where the models are.
    """
    frame = given.frame
    sizes = {side: int((frame.side == side).sum()) for side in ("forget", "retain", "test")}
    ids, some = frame.ids.astype(str), next(iter(given.rows("unlearned")))
    labels = np.zeros(len(ids), dtype=np.int64) if frame.labels is None else frame.labels
    arrays = {"labels": labels, "true": labels if frame.true is None else frame.true, "side": frame.side, "ids": ids}
    made = {"kind": "run", "label": f"audit of {label}", "scenario": label, "models": models, "answers": given.kind,
            "frame": array_digest(*arrays.values())}  # fmt: skip
    count = ModelCounts(len(given.models["unlearned"]), len(models["oracle"]), None)
    record = {
        "scenario": label, "classes": int(some.shape[-1]), "digest": fingerprint(ids[frame.side == "forget"]), "duplicates": None,
        **facts(count, {"train": sizes["forget"] + sizes["retain"], **sizes}), "setting": words(),
        "answers": given.kind, "warnings": list(given.notes),
    }  # fmt: skip
    return store.get(key_of(made)) or store.put(made, record, arrays)
