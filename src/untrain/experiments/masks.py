"""Masks of stored models: each is an entry of its own, made once."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from untrain.core.errors import BadInput, StoreError
from untrain.core.metering import metered
from untrain.core.precision import channels_last
from untrain.core.seeds import derive_seed
from untrain.data.examples import take
from untrain.experiments.jobs import machine_failures_of, pose, start_of
from untrain.experiments.keys import MaskId, mask_ingredients
from untrain.experiments.mask_overlap import mask_contents
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.localizers.base import Localizer
from untrain.runtime.store import Contents, Entry, Store
from untrain.training.problem import Problem

PARTS = 2


def mask_of(scene: Scene, localizer: Localizer, which: MaskId, seed: int, setting: Setting, store: Store) -> Entry:
    """The entry of the mask that a localizer finds, made where it is not there; what is refused or fails is a record too.

    For all of the forget set it is the mask that a run of the same seed confines its methods to.

    Args:
        scene: data, learner and request.
        localizer: what finds it.
        which: of which model and for which examples.
        seed: from which all seeds are derived.
        setting: device, threads and precision with which the original was trained.
        store: where the original is, and where the mask goes.
    """
    ingredients = mask_ingredients(scene, localizer, which, seed, setting)
    return store.get_or_make(ingredients, lambda: _find(scene, localizer, which, ingredients, store), keep_failures=True)


def _find(scene: Scene, localizer: Localizer, which: MaskId, ingredients: dict[str, Any], store: Store) -> Contents:
    original = store.get(ingredients["model"])
    if original is None:
        raise StoreError(f"model {ingredients['model'][:12]} is no longer in {store.path}: run the same command again")
    model, posed = pose(scene, start_of(original, store), ingredients["seed"])
    with metered() as meter, machine_failures_of(localizer), channels_last(model):
        mask = localizer(model, posed if which.part is None else _part(posed, which.part))
        cost = meter.read()
    record, arrays = mask_contents(mask, model, posed)
    return Contents({**record, "cost": asdict(cost), "notes": list(meter.notes)}, arrays)


def _part(whole: Problem, part: int) -> Problem:
    """The problem of forgetting a random half of its forget set, with draws of its own; what is retained stays the same.

    Raises:
        BadInput: there are too few examples to forget.
    """
    if len(whole.forget) < PARTS:
        raise BadInput(f"{len(whole.forget)} example to forget has no halves")
    order = np.random.default_rng(derive_seed(whole.seed)).permutation(len(whole.forget))
    rows = np.sort(np.array_split(order, PARTS)[part])
    return replace(whole, forget=take(whole.forget, rows), digest="", seed=derive_seed(whole.seed + part + 1))
