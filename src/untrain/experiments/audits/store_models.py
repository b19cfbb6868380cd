"""Models of other people's code as entries of the store, so that a run can be made of them as of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.core.foreign import foreign
from untrain.core.precision import computing
from untrain.data.fingerprint import array_digest, fingerprint
from untrain.evaluation.observation import CORRECTED, SIDES
from untrain.evaluation.probabilities import refuse_probabilities
from untrain.evaluation.validation import check_logits, refuse_constant
from untrain.experiments.audits.checkpoints import loaded, read_state
from untrain.experiments.audits.populations import Frame, Populations
from untrain.experiments.jobs import contents_of, outputs_of
from untrain.experiments.keys import checkpoint_ingredients, outputs_ingredients, run_ingredients
from untrain.experiments.run_record import ModelCounts, count_facts, frame_arrays, setting_facts
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Contents, Entry, Store, key_of
from untrain.runtime.threads import threads


def frame_of(scene: Scene) -> Frame:
    """Examples on which the models of a scene are compared."""
    columns = frame_arrays(scene)
    return Frame(columns["labels"], columns["true"], columns["side"], columns["ids"])


def store_outputs(populations: Populations, who: str, store: Store) -> list[str]:
    """Store the outputs of each model of a population and return their keys."""
    keys = []
    for at, row in enumerate(populations.rows(who)):
        outputs = np.asarray(row)
        work = partial(Contents, {}, {populations.output: outputs})
        keys.append(store.get_or_make(outputs_ingredients(f"{who} {at}, as given", populations.output, outputs), work).key)
    return keys


def store_checkpoints(
    checkpoints: Sequence[Any], scene: Scene, setting: Setting, who: str, store: Store, alike: bool = False, ask: bool = True
) -> list[str]:
    """Run checkpoints on the examples of a scene, store their outputs and return their keys.

    Args:
        checkpoints: as ``read_state`` takes them.
        scene: the examples, and the model.
        setting: of the machine.
        who: role of the models.
        store: where outputs are kept.
        alike: whether several may be one model, as those of a deterministic learner.
        ask: whether to refuse outputs that look like probabilities.

    Raises:
        DataError: a checkpoint cannot be read, comes twice, or has outputs that cannot be scored.
        ModelError: one does not fit the scene's model.
    """
    keys: list[str] = []
    for at, checkpoint in enumerate(checkpoints):
        name = str(checkpoint) if isinstance(checkpoint, str) else f"{who} {at}"
        state = read_state(checkpoint, scene, name)
        ingredients = checkpoint_ingredients(scene, f"{who} {at}", state, setting)
        key = key_of(ingredients)
        if key in keys and not alike:
            raise DataError(
                f"{name} holds the same weights as {who} {keys.index(key)}: each has to be a model of its own, unless the learner "
                "is deterministic (--deterministic)"
            )
        keys.append(key)
        entry = store.get_or_make(ingredients, partial(_outputs_of, state, scene, setting, name))
        if ask and "logits" in scene.task.outputs:
            refuse_probabilities(entry.array("logits")[None], frame_of(scene).side, name)
    return keys


def _outputs_of(state: Mapping[str, torch.Tensor], scene: Scene, setting: Setting, name: str) -> Contents:
    with computing(setting.precision), threads(setting.threads):
        with foreign(scene.learner):
            model = loaded(state, scene)
            outputs = outputs_of(scene, model)
        table = np.concatenate([each.reshape(len(each), -1) for each in (outputs[n] for n in scene.task.outputs)], axis=1)
        refuse_constant(check_logits(table[None], name), frame_of(scene).side, name)
        return contents_of(model, outputs, {})


def record_outputs(
    populations: Populations, models: Mapping[str, Any], label: str, store: Store, stated: Mapping[str, Any]
) -> Entry:
    """Record the run of an audit of outputs, as ``entries_of`` and the report read it, with nothing in it that was not given.

    Args:
        populations: the outputs.
        models: keys of 'original' and 'oracle' models, and by method of unlearned ones.
        label: what stands where a run has its scenario.
        store: where the models are.
        stated: what was stated before the models were scored.
    """
    frame = populations.frame
    sizes = {side: int((frame.side == side).sum()) for side in SIDES}
    if corrected := int((frame.side == CORRECTED).sum()):
        sizes[CORRECTED] = corrected
    ids, some = frame.ids.astype(str), next(iter(populations.rows("unlearned")))
    # Labels that are not known are not numbers, so that nothing is computed from them.
    labels = np.full(len(ids), np.nan) if frame.labels is None else frame.labels
    arrays = {"labels": labels, "true": labels if frame.true is None else frame.true, "side": frame.side, "ids": ids}
    facts: dict[str, Any] = {"answers": populations.kind, "frame": array_digest(*arrays.values()), **stated}
    if populations.notes:
        facts["notes"] = list(populations.notes)
    ingredients = run_ingredients(f"audit of {label}", label, models, facts)
    count = ModelCounts(len(populations.models["unlearned"]), len(models["oracle"]), None)
    record = {
        "scenario": label, "classes": int(some.shape[-1]) if some.ndim > 1 else 0,
        "digest": fingerprint(ids[frame.side == "forget"]), "duplicates": None,
        **count_facts(count, {"train": sizes["forget"] + sizes["retain"], **sizes}), "setting": setting_facts(),
        "answers": populations.kind, "outputs": [populations.output], "warnings": list(populations.notes), **stated,
    }  # fmt: skip
    return store.get_or_make(ingredients, lambda: Contents(record, arrays))
