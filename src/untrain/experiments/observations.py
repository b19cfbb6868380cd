"""What observers find of stored models: each observation of a model is an entry of its own, made once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from untrain.core import discovery
from untrain.core.errors import BadInput, DataError, RunFailed, SpecError, suggest
from untrain.core.metering import metered
from untrain.core.seeds import seed_of
from untrain.core.spec import canonical, parse, sources
from untrain.data.examples import take
from untrain.evaluation.base import Array, Evaluator
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.experiments.jobs import engine
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.runtime.store import Entry, Store, key_of

Seen = dict[str, dict[str, str]]
Told = Callable[[int, int, str, float], None]


def observers_of(given: str | Observer | Sequence[str | Observer]) -> tuple[Observer, ...]:
    """Observers, spelled or made, each once.

    Raises:
        SpecError: one is none, or is named twice.
    """
    several = [given] if isinstance(given, str | Observer) else given
    made = [parse(one) if isinstance(one, str) else one for one in several]
    for one in made:
        if not isinstance(one, Observer):
            known = [place.name for place in discovery.of_role("observer")]
            raise SpecError(f"{one!r} is no observer{suggest(repr(one), known)}; there is {', '.join(known)}")
    if len({type(one) for one in made}) < len(made):
        raise SpecError(f"an observer is named twice, and its scores have one name: {[repr(one) for one in made]}")
    return tuple(made)


def watch(
    scene: Scene, observers: Sequence[Observer], models: Mapping[str, Any], seed: int, store: Store, setting: Setting,
    on_progress: Told | None = None,
) -> dict[str, Seen]:  # fmt: skip
    """Have each observer look at each model of a run, where it has not; models whose making failed are left out.

    Args:
        scene: what the models were trained on; they are observed where its examples are.
        observers: who looks.
        models: keys by kind, as a run has them: 'original', 'oracle' and 'methods'.
        seed: from which all seeds are derived.
        store: where the models are, and where what was found goes.
        setting: threads of the work.
        on_progress: told of observations done and in all, the last one's label and the seconds gone.

    Returns:
        What the run's record is to tell: under 'observed' observer's spelling -> model's key -> key of the entry of what was
        found. Nothing where nobody looks.

    Raises:
        BadInput: a model is known by its answers alone, or there are no originals and an observer needs them.
    """
    if not observers:
        return {}
    keys = [*models["original"], *models["oracle"], *(k for m in models["methods"] for k in m["keys"])]
    entries = [e for e in (_entry(store, key) for key in dict.fromkeys(keys)) if not e.record.get("error")]
    originals = [_entry(store, key) for key in models["original"]]
    _check(observers, entries, originals)
    sight = _sight(scene, originals, seed)
    found: Seen = {repr(one): {} for one in observers}
    todo = [(one, entry) for one in observers for entry in entries]
    begun, before = time.perf_counter(), torch.get_num_threads()
    torch.set_num_threads(setting.threads)
    try:
        for at, (one, entry) in enumerate(todo, 1):
            found[repr(one)][entry.key] = _look(one, entry, scene, sight, models["original"], store)
            if on_progress is not None:
                on_progress(at, len(todo), _label(one, entry), time.perf_counter() - begun)
    finally:
        torch.set_num_threads(before)
    return {"observed": found}


def _check(observers: Sequence[Observer], entries: Sequence[Entry], originals: Sequence[Entry]) -> None:
    bare = [e for e in entries if "weights.safetensors" not in e.record["files"]]
    if bare:
        told = bare[0].record["ingredients"].get("label", bare[0].key[:12])
        raise BadInput(f"{told}: only answers are known, and observers look at models; give checkpoints, or leave --observer out")
    needy = [one for one in observers if one.by_original and not originals]
    if needy:
        raise BadInput(f"{needy[0]!r} holds models against the originals, and none were given: give them, or leave it out")


def _label(one: Observer, entry: Entry) -> str:
    return f"{one!r} of {entry.record['ingredients'].get('label', entry.key[:12])}"


def _look(one: Observer, entry: Entry, scene: Scene, sight: ObserverContext, originals: Sequence[str], store: Store) -> str:
    """The key of what an observer found of a model; it looks when that is not there."""
    if not one.by_original:  # what does not depend on them stands whoever they are
        sight, originals = replace(sight, original={}), ()
    made = {
        "kind": "observation", "label": _label(one, entry), "engine": engine(),
        "torch": torch.__version__, "device": scene.data.train.y.device.type, "threads": torch.get_num_threads(),
        "observer": canonical(one), "sources": sources(one), "model": entry.key, "originals": list(originals),
        "forget": scene.asked.digest, "seen": scene.prints["seen"], "seed": sight.seed,
    }  # fmt: skip
    key = key_of(made)
    if store.get(key) is None:
        with store.alone(key):
            if store.get(key) is None:
                _taken(one, entry, scene, sight, made, store)
    return key


def _taken(one: Observer, entry: Entry, scene: Scene, sight: ObserverContext, made: dict[str, Any], store: Store) -> None:
    model = sight.init(0)
    with store.alone(entry.key):  # so that it is not pruned between being found and being read
        model.load_state_dict({n: torch.from_numpy(a) for n, a in entry.tensors("weights").items()})
    try:
        with metered() as meter:
            found = one(model.eval(), sight)
            cost = meter.read()
    except (RunFailed, BadInput) as error:
        # The same ingredients would fail again: the failure is the result.
        store.put(made, {"error": str(error)})
        return
    store.put(made, {"cost": asdict(cost)}, {"found": found})


def _sight(scene: Scene, originals: Sequence[Entry], seed: int) -> ObserverContext:
    rows = np.sort(np.asarray(scene.asked.rows))
    return ObserverContext(
        task=scene.task,
        forget=take(scene.data.train, rows),
        test=scene.data.test,
        init=lambda drawn: scene.learner.init(scene.data.train, drawn),
        original={n: np.stack([e.array(n)[rows] for e in originals]) for n in scene.task.outputs if originals},
        seed=seed_of(seed, "observer", 0),
    )


def _entry(store: Store, key: str) -> Entry:
    entry = store.get(key)
    if entry is None:
        raise DataError(f"model {key[:12]} is no longer in {store.path}: run the same command again")
    return entry


def watchers(run: Entry) -> list[Evaluator]:
    """The observers that looked at the models of a run; what they found of them is scored as evaluators score answers."""
    return [parse(spelling) for spelling in run.record.get("observed", {})]


def observed(run: Entry, entries: Sequence[Entry], store: Store) -> dict[str, Array]:
    """What each observer found of some models of a run, (m, ...); NaN for a model at which looking failed."""
    found = {}
    for spelling, keys in run.record.get("observed", {}).items():
        seen = [_entry(store, keys[entry.key]) for entry in entries]
        good = [e for e in (_entry(store, k) for k in keys.values()) if not e.record.get("error")]
        shape = good[0].array("found").shape if good else (1,)
        held = [np.full(shape, np.nan, dtype=np.float32) if e.record.get("error") else e.array("found") for e in seen]
        found[spelling] = np.stack(held)
    return found


def failures(run: Entry, entries: Sequence[Entry], store: Store) -> list[str]:
    """Why looking at some models of a run failed, each reason once."""
    told = []
    for spelling, keys in run.record.get("observed", {}).items():
        errors = [_entry(store, keys[entry.key]).record.get("error") for entry in entries]
        told += [f"{spelling} failed: {error}" for error in dict.fromkeys(errors) if error]
    return told
