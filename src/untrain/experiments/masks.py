"""Masks of stored models: each is an entry of its own, made once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.errors import BadInput, RunFailed, StoreError
from untrain.core.metering import metered
from untrain.core.precision import channels_last
from untrain.core.seeds import derive_seed, seed_of
from untrain.core.spec import canonical, sources
from untrain.data.examples import take
from untrain.experiments.jobs import Job, ingredients
from untrain.experiments.mask_overlap import kept
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.localizers.base import Localizer
from untrain.runtime.store import Entry, Store, key_of
from untrain.training.problem import Problem, problem

PARTS = 2


@dataclass(frozen=True)
class MaskId:
    """Which mask: of the original ``index``, for all of the forget set or for one ``part`` of its random halves."""

    index: int
    part: int | None = None


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
    start = ingredients(scene, Job("original", which.index), seed, setting)
    told = "" if which.part is None else f", part {which.part + 1} of {PARTS} of the forget set"
    made = {
        "kind": "mask", "label": f"{localizer!r} on original {which.index} of {type(scene.scenario).__name__}{told}",
        "torch": torch.__version__, "device": torch.device(setting.device).type, "threads": setting.threads,
        "model": key_of(start), "forget": scene.asked.digest, "retain": scene.prints["retain"], "part": which.part,
        "localizer": canonical(localizer), "sources": sources(localizer), "seed": seed_of(seed, "method", which.index),
    }  # fmt: skip
    key = key_of(made)
    done = store.get(key)
    if done is not None and done.final:
        return done
    with store.alone(key):
        done = store.get(key)
        if done is not None and done.final:
            return done
        if done is not None:
            store.discard(key)
        return _found(scene, localizer, which, made, start, store)


def _found(scene: Scene, localizer: Localizer, which: MaskId, made: dict[str, Any], start: dict[str, Any], store: Store) -> Entry:
    posed = problem(scene.data.train, scene.asked, scene.learner, scene.data.valid, made["seed"], start["seed"])
    model = _revived(scene, start, store)
    try:
        with metered() as meter, channels_last(model):
            mask = localizer(model, posed if which.part is None else _part(posed, which.part))
            cost = meter.read()
    except (RunFailed, BadInput) as error:
        # The same ingredients would fail again: the failure is the result.
        return store.put(made, {"error": str(error), "cost": {}})
    except (MemoryError, OSError):
        raise  # the machine's failure, not the localizer's
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return store.put(made, {"error": text, "again": True, "cost": {}})
    record, arrays = kept(mask, model, posed)
    return store.put(made, {**record, "cost": asdict(cost), "notes": list(meter.notes)}, arrays)


def _revived(scene: Scene, start: dict[str, Any], store: Store) -> nn.Module:
    model = scene.learner.init(scene.data.train, start["seed"])
    with store.alone(key_of(start)):  # so that it is not pruned between being found and being read
        entry = store.get(key_of(start))
        if entry is None:
            raise StoreError(f"model {key_of(start)[:12]} is no longer in {store.path}: run the same command again")
        model.load_state_dict({n: torch.from_numpy(a) for n, a in entry.tensors("weights").items()})
    return model.eval()


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
