"""Models of other people's code as entries of the store, so that a run can be made of them as of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.core.precision import computing
from untrain.data.fingerprint import array_digest, fingerprint
from untrain.evaluation.validation import answers, varied
from untrain.experiments.audits.checkpoints import loaded, state_in
from untrain.experiments.audits.populations import Frame, Given
from untrain.experiments.jobs import ask, contents_of
from untrain.experiments.keys import checkpoint_ingredients, outputs_ingredients, run_ingredients
from untrain.experiments.run_record import ModelCounts, count_facts, frame_arrays, setting_facts
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.executors.base import threads
from untrain.runtime.store import Contents, Entry, Store, key_of


def frame_of(scene: Scene) -> Frame:
    """The examples that the models of a scene are asked about."""
    columns = frame_arrays(scene)
    return Frame(columns["labels"], columns["true"], columns["side"], columns["ids"])


def answered(given: Given, who: str, store: Store) -> list[str]:
    """Keys of the models of a population, each laid down with what it answered."""
    keys = []
    for at, row in enumerate(given.rows(who)):
        outputs = np.asarray(row)
        work = partial(Contents, {}, {"logits": outputs})
        keys.append(store.get_or_make(outputs_ingredients(f"{who} {at}, as given", outputs), work).key)
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
        ingredients = checkpoint_ingredients(scene, f"{who} {at}", state, setting)
        key = key_of(ingredients)
        if key in keys:
            raise DataError(f"{name} holds the same weights as {who} {keys.index(key)}: each has to be a model of its own")
        keys.append(key)
        store.get_or_make(ingredients, partial(_observe, state, scene, setting, name))
    return keys


def _observe(state: Mapping[str, torch.Tensor], scene: Scene, setting: Setting, name: str) -> Contents:
    with computing(setting.precision), threads(setting.threads):
        model = loaded(state, scene, name)
        outputs = ask(scene, model)
        varied(answers(outputs[None], name), frame_of(scene).side, name)
        return contents_of(model, {"logits": outputs}, {})


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
    facts = {"answers": given.kind, "frame": array_digest(*arrays.values())}
    ingredients = run_ingredients(f"audit of {label}", label, models, facts)
    count = ModelCounts(len(given.models["unlearned"]), len(models["oracle"]), None)
    record = {
        "scenario": label, "classes": int(some.shape[-1]), "digest": fingerprint(ids[frame.side == "forget"]), "duplicates": None,
        **count_facts(count, {"train": sizes["forget"] + sizes["retain"], **sizes}), "setting": setting_facts(),
        "answers": given.kind, "warnings": list(given.notes),
    }  # fmt: skip
    return store.get_or_make(ingredients, lambda: Contents(record, arrays))
