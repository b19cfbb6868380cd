"""Observations of stored models: each is an entry of its own, made once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from untrain.core import discovery
from untrain.core.errors import BadInput, DataError, SpecError, suggest
from untrain.core.metering import metered
from untrain.core.seeds import seed_of
from untrain.core.spec import parse
from untrain.data.examples import take
from untrain.evaluation.base import Array, Evaluator
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.experiments.jobs import machine_failures_of
from untrain.experiments.keys import observation_ingredients
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.experiments.stored_specs import parse_stored, unknown_names
from untrain.models.state import load_state
from untrain.runtime.progress import OnProgress, Progress
from untrain.runtime.store import Contents, Entry, Store
from untrain.runtime.threads import threads

Observed = dict[str, dict[str, str]]


def observers_of(given: str | Observer | Sequence[str | Observer]) -> tuple[Observer, ...]:
    """Observers, spelled or made, each once.

    Raises:
        SpecError: one is not an observer, or is named twice.
    """
    several = [given] if isinstance(given, str | Observer) else given
    observers = [parse(one) if isinstance(one, str) else one for one in several]
    for one in observers:
        if not isinstance(one, Observer):
            known = [place.name for place in discovery.of_role("observer")]
            raise SpecError(f"{one!r} is not an observer{suggest(repr(one), known)}; there is {', '.join(known)}")
    if len({type(one) for one in observers}) < len(observers):
        raise SpecError(f"an observer is named twice, and its scores have one name: {[repr(one) for one in observers]}")
    return tuple(observers)


def observe_models(
    scene: Scene, observers: Sequence[Observer], models: Mapping[str, Any], seed: int, store: Store, setting: Setting,
    on_progress: OnProgress | None = None,
) -> dict[str, Observed]:  # fmt: skip
    """Have each observer look at each model of a run, where it has not; models whose making failed are left out.

    Args:
        scene: what the models were trained on; they are observed where its examples are.
        observers: what looks.
        models: keys by kind, as a run has them: 'original', 'oracle' and 'methods'.
        seed: from which all seeds are derived.
        store: where the models are, and where the observations go.
        setting: threads of the work.
        on_progress: called with progress after each observation.

    Returns:
        For the run's record: under 'observed' observer's spelling -> model's key -> key of the observation's entry. Nothing
        where there are no observers.

    Raises:
        BadInput: a model is known by its outputs alone, or there are no originals and an observer needs them.
    """
    if not observers:
        return {}
    keys = [*models["original"], *models["oracle"], *(k for m in models["methods"] for k in m["keys"])]
    entries = [e for e in (_entry(store, key) for key in dict.fromkeys(keys)) if not e.record.get("error")]
    originals = [_entry(store, key) for key in models["original"]]
    _check(observers, entries, originals)
    context = _context(scene, originals, seed)
    observed: Observed = {repr(one): {} for one in observers}
    todo = [(one, entry) for one in observers for entry in entries]
    begun = time.perf_counter()
    with threads(setting.threads):
        for at, (one, entry) in enumerate(todo, 1):
            observed[repr(one)][entry.key] = _look(one, entry, scene, context, models["original"], setting, store)
            if on_progress is not None:
                on_progress(Progress(at, len(todo), _label(one, entry), time.perf_counter() - begun, None))
    return {"observed": observed}


def _check(observers: Sequence[Observer], entries: Sequence[Entry], originals: Sequence[Entry]) -> None:
    bare = [e for e in entries if "weights.safetensors" not in e.record["files"]]
    if bare:
        label = bare[0].record["ingredients"].get("label", bare[0].key[:12])
        raise BadInput(f"{label}: only answers are known, and observers look at models; give checkpoints, or leave --observer out")
    needy = [one for one in observers if one.by_original and not originals]
    if needy:
        raise BadInput(f"{needy[0]!r} holds models against the originals, and none were given: give them, or leave it out")


def _label(one: Observer, entry: Entry) -> str:
    return f"{one!r} of {entry.record['ingredients'].get('label', entry.key[:12])}"


def _look(
    one: Observer, entry: Entry, scene: Scene, context: ObserverContext, originals: Sequence[str], setting: Setting, store: Store
) -> str:
    """The key of an observation of a model, made where it is not there."""
    if not one.by_original:  # what does not depend on them stands whoever they are
        context, originals = replace(context, original={}), ()
    label = _label(one, entry)
    ingredients = observation_ingredients(scene, one, label, entry.key, originals, setting.threads, context.seed)
    return store.get_or_make(ingredients, lambda: _observe(one, entry, context, store), keep_failures=True).key


def _observe(one: Observer, entry: Entry, context: ObserverContext, store: Store) -> Contents:
    model = load_state(context.init(0), {n: torch.from_numpy(a) for n, a in store.tensors(entry.key, "weights").items()})
    with metered() as meter, machine_failures_of(one):
        values = one(model.eval(), context)
        cost = meter.read()
    return Contents({"cost": asdict(cost)}, {"found": values})


def _context(scene: Scene, originals: Sequence[Entry], seed: int) -> ObserverContext:
    rows = np.sort(np.asarray(scene.forget_set.rows))
    return ObserverContext(
        task=scene.task,
        forget=take(scene.data.train, rows),
        test=scene.data.test,
        init=lambda drawn: scene.learner.init(scene.data.train, drawn),
        original={n: np.stack([e.array(n)[rows] for e in originals]) for n in scene.task.outputs if originals},
        seed=seed_of(seed, "observer", 0),
        probes=scene.data.probes,
        retain=scene.remaining,
    )


def _entry(store: Store, key: str) -> Entry:
    entry = store.get(key)
    if entry is None:
        raise DataError(f"model {key[:12]} is no longer in {store.path}: run the same command again")
    return entry


def observers_in(run: Entry) -> list[Evaluator]:
    """The observers that looked at the models of a run; their values are scored as evaluators score outputs.

    Those of a plug-in whose module was not imported are left out, see ``absent_observers``.
    """
    return [parse_stored(spelling, Observer) for spelling in run.record.get("observed", {}) if not unknown_names(spelling)]


def absent_observers(run: Entry) -> list[str]:
    """Lines about the observers that a run leaves out."""
    absent = {spelling: unknown_names(spelling) for spelling in run.record.get("observed", {})}
    return [
        f"what the observer {spelling} measured is in the store and not shown here: nothing is imported because a store says so, "
        f"and `untrain report --plugin {names[0].rpartition('.')[0]}` does"
        for spelling, names in absent.items()
        if names
    ]


def values_in(run: Entry, entries: Sequence[Entry], store: Store) -> dict[str, Array]:
    """The values of each observer on some models of a run, (m, ...); NaN for a model at which it failed.

    Of those that are left out there is nothing, see ``absent_observers``.
    """
    values = {}
    for spelling, keys in run.record.get("observed", {}).items():
        if unknown_names(spelling):
            continue
        good = [e for e in (_entry(store, k) for k in keys.values()) if not e.record.get("error")]
        nothing = np.full(good[0].array("found").shape if good else (1,), np.nan, dtype=np.float32)
        observations = [_entry(store, keys[entry.key]) for entry in entries]
        values[spelling] = np.stack([nothing if e.record.get("error") else e.array("found") for e in observations])
    return values


def are_final(run: Entry, store: Store) -> bool:
    """Return whether all observations of a run stand; those that failed where the machine may be at fault are made again."""
    return all(_entry(store, key).final for keys in run.record.get("observed", {}).values() for key in keys.values())


def failures(run: Entry, entries: Sequence[Entry], store: Store) -> list[str]:
    """Reasons why observers failed on some models of a run, each once."""
    reasons = []
    for spelling, keys in run.record.get("observed", {}).items():
        errors = [_entry(store, keys[entry.key]).record.get("error") for entry in entries]
        reasons += [f"{spelling} failed: {error}" for error in dict.fromkeys(errors) if error]
    return reasons
