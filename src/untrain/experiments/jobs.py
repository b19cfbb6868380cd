"""Pieces of work that a run is made of: each trains or unlearns one model, and leaves an entry in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.code_digest import code_digest
from untrain.core.errors import BadInput, RunFailed, UntrainError
from untrain.core.metering import metered
from untrain.core.precision import computing
from untrain.core.seeds import seed_of
from untrain.core.spec import canonical, sources
from untrain.experiments.mask_overlap import kept
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.models.inference import predict
from untrain.models.state import arrays, as_array
from untrain.runtime.store import Entry, Store, key_of
from untrain.training.problem import problem
from untrain.unlearners.base import Recipe, Unlearner

Method = Unlearner | Recipe
Weights = Mapping[str, np.ndarray[Any, Any]]
KEPT = "kept-"


@dataclass(frozen=True)
class Job:
    """One model to make: 'original', 'oracle' or 'unlearned', the index-th of its kind."""

    kind: str
    index: int
    method: Method | None = None


@lru_cache(maxsize=1)
def engine() -> str:
    """Digest of the code that every model depends on, whatever its method."""
    from untrain.models import inference as observed
    from untrain.training import descend
    from untrain.training import problem as posed
    from untrain.training.learners import train

    return hashlib.sha256("".join(map(code_digest, (descend, train, posed, observed))).encode()).hexdigest()[:12]


def ingredients(scene: Scene, job: Job, seed: int, setting: Setting) -> dict[str, Any]:
    """All that the entry of a job depends on."""
    common = {
        "engine": engine(), "torch": torch.__version__, "device": torch.device(setting.device).type, "threads": setting.threads,
        "precision": setting.precision, "compiled": setting.compiled,
        "seen": scene.prints["seen"],
    }  # fmt: skip
    if job.method is None:
        rows = "train" if job.kind == "original" else "retain"
        return common | {
            "kind": "model", "label": f"{job.kind} {job.index} of {type(scene.scenario).__name__}", "data": scene.prints[rows],
            "learner": canonical(scene.learner), "sources": sources(scene.learner), "network": scene.prints["network"],
            # Where the seed changes nothing, one model stands for all.
            "seed": 0 if scene.learner.deterministic else seed_of(seed, job.kind, job.index),
        }  # fmt: skip
    start = ingredients(scene, Job("original", job.index), seed, setting)
    if setting.budget is not None:
        common["budget"] = setting.budget
    return common | {
        "kind": "unlearned", "label": f"{job.method!r} on original {job.index} of {type(scene.scenario).__name__}",
        "model": key_of(start), "forget": scene.asked.digest, "retain": scene.prints["retain"], "valid": scene.prints["valid"],
        "method": canonical(job.method), "sources": sources(job.method), "seed": seed_of(seed, "method", job.index),
    }  # fmt: skip


def do(scene: Scene, job: Job, seed: int, setting: Setting, store: Store) -> Entry:
    """Do a job, or find it done."""
    made = ingredients(scene, job, seed, setting)
    key = key_of(made)
    done = store.get(key)
    if done is not None and done.final:
        return done
    with store.alone(key), computing(setting.precision, setting.compiled):
        done = store.get(key)
        if done is not None and done.final:
            return done
        if done is not None:
            store.discard(key)
        if job.method is None:
            return _train(scene, job, made, store)
        start = do(scene, Job("original", job.index), seed, setting, store)
        with store.alone(start.key):  # so that it is not pruned between being found and being read
            weights = start.tensors("weights")
            kept = {name: start.tensors(f"{KEPT}{name}") for name in start.record.get("kept", {})}
        return _unlearn(scene, job.method, start, (weights, kept), made, store, setting)


def _train(scene: Scene, job: Job, made: dict[str, Any], store: Store) -> Entry:
    original = job.kind == "original"
    examples, kept = scene.data.train if original else scene.remaining, dict[str, Mapping[str, torch.Tensor]]()
    with metered() as meter:
        if original:  # what an unlearner needs later is saved of the models that it starts from
            model, kept = scene.learner.run(examples, made["seed"])  # type: ignore[assignment]
        else:
            model = scene.learner(examples, made["seed"])
        cost = meter.read()
    parts = {f"{KEPT}{name}": {n: as_array(t) for n, t in tensors.items()} for name, tensors in kept.items()}
    size = {name: sum(a.nbytes for a in arrays.values()) for name, arrays in parts.items()}
    record = {"cost": asdict(cost), "notes": list(meter.notes), "kept": {n.removeprefix(KEPT): b for n, b in size.items()}}
    return keep(model, ask(scene, model), made, record, store, parts)


def limit_of(scene: Scene, start: Entry, budget: float) -> float:
    """Operations that are ``budget`` of retraining's, known before any model is retrained.

    Retraining is reckoned to take the operations of training the original, times the share of examples that stay.
    """
    return float(budget * start.record["cost"]["flops"] * len(scene.retain) / len(scene.data.train))


def _unlearn(
    scene: Scene, method: Method, start: Entry, read: tuple[Weights, Mapping[str, Weights]], made: dict[str, Any], store: Store,
    setting: Setting,
) -> Entry:  # fmt: skip
    origin, (weights, parts) = start.record["ingredients"]["seed"], read
    model = scene.learner.init(scene.data.train, origin)
    model.load_state_dict({n: torch.from_numpy(a) for n, a in weights.items()})
    try:
        saved = {keeper: {n: torch.from_numpy(a) for n, a in part.items()} for keeper, part in parts.items()}
        posed = problem(scene.data.train, scene.asked, scene.learner, scene.data.valid, made["seed"], origin, saved)
        limit = None if setting.budget is None else limit_of(scene, start, setting.budget)
        with metered(limit, f"the budget of {100 * (setting.budget or 0):g} % of retraining") as meter:
            outcome = method.run(model.eval(), posed)
        answers = ask(scene, outcome.model)
        where, bits = ({}, {}) if outcome.mask is None else kept(outcome.mask, outcome.model, posed)
    except (RunFailed, BadInput) as error:
        # The same ingredients would fail again: the failure is the result.
        return store.put(made, {"error": str(error), "cost": {}})
    except (MemoryError, OSError, UntrainError):
        raise  # the machine's failure, not the method's
    except Exception as error:
        # It may be the machine's failure or lie in code that the key does not see: the next start tries again.
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return store.put(made, {"error": text, "again": True, "cost": {}})
    record: dict[str, Any] = {
        "cost": asdict(outcome.cost), "guard": asdict(outcome.guard), "layers": {}, "notes": list(meter.notes)
    }  # fmt: skip
    return keep(outcome.model, {**answers, **bits}, made, record | where, store)


def ask(scene: Scene, model: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """What a model puts out on the training set and the test set, (n, ...) by name."""
    parts = [predict(model, e, scene.task) for e in scene.observed]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def keep(
    model: nn.Module, held: Weights, made: dict[str, Any], record: dict[str, Any], store: Store,
    parts: Mapping[str, Weights] | None = None,
) -> Entry:  # fmt: skip
    """The entry of a model: its weights, in ``held`` its outputs, and in ``parts`` what keepers saved."""
    return store.put(made, record, held, {"weights": arrays(model), **(parts or {})})
