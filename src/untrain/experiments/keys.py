"""Keys: all that each kind of entry depends on. What is left out here changes no number; what is here makes stored work stale."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from untrain.attribution.estimation import Estimation
from untrain.core.code_digest import code_digest
from untrain.core.seeds import seed_of
from untrain.core.spec import Spec, canonical
from untrain.core.spec_sources import sources
from untrain.data.examples import Examples
from untrain.data.fingerprint import array_digest, fields_print
from untrain.evaluation.observers.base import Observer
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.experiments.untrained import network_of
from untrain.localizers.base import Localizer
from untrain.runtime.record import key_of
from untrain.training.base import Learner
from untrain.unlearners.base import Recipe, Unlearner

Method = Unlearner | Recipe
Ingredients = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One model to make: 'original', 'oracle', 'teacher' or 'unlearned', the index-th of its kind.

    A teacher is retrained without the forget set as an oracle is, for methods that imitate these: no score is read against it.
    """

    kind: str
    index: int
    method: Method | None = None

    @property
    def label(self) -> str:
        """Its name, for people."""
        return f"{self.kind if self.method is None else repr(self.method)} {self.index}"


@dataclass(frozen=True)
class MaskId:
    """A mask: of the original ``index``, for all of the forget set or for one ``part`` of its random halves."""

    index: int
    part: int | None = None


@lru_cache(maxsize=1)
def engine() -> str:
    """Digest of the code that every model depends on, whatever its method."""
    from untrain.models import inference
    from untrain.training import descend, problem
    from untrain.training.learners import train

    return hashlib.sha256("".join(map(code_digest, (descend, train, problem, inference))).encode()).hexdigest()[:12]


def model_ingredients(scene: Scene, job: Job, seed: int, setting: Setting) -> Ingredients:
    """Facts that the model of a job depends on; models of a search have seeds of their own, so no run judges by them."""
    of, stream = _names(scene)
    common = _machine(setting) | {
        "engine": engine(), "precision": setting.precision, "compiled": setting.compiled, "seen": scene.prints["seen"],
    }  # fmt: skip
    if job.method is None:
        rows = "train" if job.kind == "original" else "retain"
        return common | {
            "kind": "model", "label": f"{stream}{job.kind} {job.index} of {of}", "data": scene.prints[rows],
            "learner": canonical(scene.learner), "sources": sources(scene.learner), "network": scene.prints["network"],
            # Where the seed changes nothing, one model stands for all.
            "seed": 0 if scene.learner.deterministic else seed_of(seed, f"{stream}{job.kind}", job.index),
        }  # fmt: skip
    common |= _valid(scene, job.method)
    if setting.budget is not None:
        common["budget"] = setting.budget
    if setting.curves:
        common["curves"] = True
    return common | {
        "kind": "unlearned", "label": f"{job.method!r} on {stream}original {job.index} of {of}",
        "model": model_key(scene, original_of(job), seed, setting), "forget": scene.forget_set.digest,
        "retain": scene.prints["retain"], "method": canonical(job.method), "sources": sources(job.method),
        "seed": seed_of(seed, f"{stream}method", job.index), **_aids(scene, job, seed, setting),
    }  # fmt: skip


def _names(scene: Scene) -> tuple[str, str]:
    """Of a scenario, and what stands before the kinds of models of a search."""
    return type(scene.scenario).__name__, "search " if scene.purpose == "search" else ""


def original_of(job: Job) -> Job:
    """The model that a method starts from."""
    return Job("original", job.index)


def teachers_of(job: Job) -> list[Job]:
    """The retrained models that a method imitates from one original; from another original it imitates others.

    With the same ones for all, the models that it makes would differ less than retrained models do, and scores that compare
    distributions could not reach their floor.
    """
    count = 0 if job.method is None else job.method.oracles
    return [Job("teacher", job.index * count + at) for at in range(count)]


def starts_of(job: Job) -> list[Job]:
    """All models that have to be there before a job can begin: of a method its original, then its teachers."""
    return [] if job.method is None else [original_of(job), *teachers_of(job)]


def start_keys(scene: Scene, job: Job, seed: int, setting: Setting) -> list[str]:
    """Keys of all entries that have to be there before a job can begin: of models, and of estimated effects."""
    models = [model_key(scene, one, seed, setting) for one in starts_of(job)]
    estimation = None if job.method is None else job.method.estimation
    return models if estimation is None else [*models, key_of(attribution_ingredients(scene, estimation, seed, setting))]


def _aids(scene: Scene, job: Job, seed: int, setting: Setting) -> Ingredients:
    """Inputs of a method besides an original: retrained models, and estimated effects."""
    teachers = [model_key(scene, job, seed, setting) for job in teachers_of(job)]
    aids: Ingredients = {"teachers": teachers} if teachers else {}
    estimation = None if job.method is None else job.method.estimation
    if estimation is not None:
        aids["attribution"] = key_of(attribution_ingredients(scene, estimation, seed, setting))
    return aids


def attribution_ingredients(scene: Scene, estimation: Estimation, seed: int, setting: Setting) -> Ingredients:
    """Facts that estimated effects of a forget set depend on; the run's seed only where they are made from originals."""
    from untrain.attribution import estimate
    from untrain.experiments import estimation_plan

    models = estimation.sizes[0] if estimation.attributor.needs == "models" else 0
    return _machine(setting) | {
        "kind": "attribution", "label": f"effects by {estimation.attributor!r} in {type(scene.scenario).__name__}",
        "engine": engine(), "code": [code_digest(part) for part in (estimate, estimation_plan)],
        "estimation": canonical(estimation), "sources": sources(estimation),
        "learner": canonical(scene.learner), "learner_sources": sources(scene.learner), "network": scene.prints["network"],
        "data": scene.prints["train"], "seen": scene.prints["seen"], "forget": scene.forget_set.digest,
        "originals": [model_key(scene, Job("original", at), seed, setting) for at in range(models)],
    }  # fmt: skip


def values_ingredients(scene: Scene, estimation: Estimation, seed: int, setting: Setting) -> Ingredients:
    """Facts that an attributor's values of all training examples depend on: those of the effects, but for the forget set."""
    whole = attribution_ingredients(scene, estimation, seed, setting)
    kind = {"kind": "values", "label": f"values by {estimation.attributor!r} in {type(scene.scenario).__name__}"}
    return {name: part for name, part in whole.items() if name != "forget"} | kind


def model_key(scene: Scene, job: Job, seed: int, setting: Setting) -> str:
    """Key of the entry of a job."""
    return key_of(model_ingredients(scene, job, seed, setting))


def oracle_keys(scene: Scene, count: int, seed: int, setting: Setting) -> list[str]:
    """Keys of the first oracles, which differ in number and seed alone: all else is looked up once."""
    kind, deterministic = "oracle", scene.learner.deterministic
    first = model_ingredients(scene, Job(kind, 0), seed, setting)
    of, stream = _names(scene)
    each = (
        {"label": f"{stream}{kind} {at} of {of}", "seed": 0 if deterministic else seed_of(seed, f"{stream}{kind}", at)}
        for at in range(count)
    )
    return [key_of(first | own) for own in each]


def mask_ingredients(scene: Scene, localizer: Localizer, which: MaskId, seed: int, setting: Setting) -> Ingredients:
    """Facts that a mask depends on; for all of the forget set a run of the same seed confines its methods to this one."""
    part = "" if which.part is None else f", part {which.part + 1} of the forget set"
    return _machine(setting) | _valid(scene, localizer) | {
        "kind": "mask", "label": f"{localizer!r} on original {which.index} of {type(scene.scenario).__name__}{part}",
        "model": model_key(scene, Job("original", which.index), seed, setting), "forget": scene.forget_set.digest,
        "retain": scene.prints["retain"], "part": which.part,
        "localizer": canonical(localizer), "sources": sources(localizer), "seed": seed_of(seed, "method", which.index),
    }  # fmt: skip


def observation_ingredients(
    scene: Scene, observer: Observer, label: str, model: str, originals: Sequence[str], threads: int, seed: int
) -> Ingredients:
    """Facts that an observation of a model depends on; ``originals`` are the keys of those that it is compared with."""
    return {
        "kind": "observation", "label": label, "engine": engine(), "torch": torch.__version__,
        "device": scene.data.train.y.device.type, "threads": threads, "observer": canonical(observer),
        "sources": sources(observer), "model": model, "originals": list(originals), "forget": scene.forget_set.digest,
        "seen": scene.prints["seen"], "labels": scene.prints["labels"] if observer.by_labels else None, "seed": seed,
        **({"scored": scene.prints["scored"], "pieces": _pieces(scene)} if observer.by_probes else {}),
        **({"retain": scene.prints["retain"]} if observer.by_retain else {}),
    }  # fmt: skip


def _pieces(scene: Scene) -> dict[str, str]:
    """A digest of the texts of tokens, by probe."""
    texts = {name: "\n".join(examples.pieces).encode() for name, examples in scene.data.probes.items()}
    return {name: array_digest(np.frombuffer(text, dtype=np.uint8)) for name, text in texts.items()}


def run_ingredients(label: str, scenario: str, models: Mapping[str, Any], facts: Mapping[str, Any]) -> Ingredients:
    """Facts that a run's record depends on: its models by their keys, and the facts that a report shows."""
    label = f"{label}: {', '.join(str(method['method']) for method in models['methods'])}"
    return {"kind": "run", "label": label, "scenario": scenario, "models": models, **facts}


def scores_ingredients(run: str, evaluators: Sequence[Spec], draws: int, code: str, protocol: Spec) -> Ingredients:
    """Facts that the scores of a run depend on; ``code`` is the digest of the code that computes them."""
    return {
        "kind": "scores", "label": f"scores of {run[:12]}", "run": run, "draws": draws, "code": code,
        "libraries": {name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
        "evaluators": [canonical(e) for e in evaluators],
        "protocol": canonical(protocol), "sources": [sources(e) for e in evaluators],
    }  # fmt: skip


def outputs_ingredients(label: str, name: str, outputs: np.ndarray[Any, Any]) -> Ingredients:
    """Facts that a model given by its outputs alone depends on; ``name`` says which, such as 'logits' or 'margin'."""
    return {"kind": "given", "label": label, "output": name, "answers": array_digest(np.asarray(outputs))}


def checkpoint_ingredients(scene: Scene, label: str, state: Mapping[str, torch.Tensor], setting: Setting) -> Ingredients:
    """Facts that the outputs of a model given as a checkpoint depend on."""
    return _machine(setting) | {
        "kind": "given", "label": f"{label}, a checkpoint, on {type(scene.scenario).__name__}", "engine": engine(),
        "weights": {n: array_digest(t if t.ndim else t[None]) for n, t in state.items()}, "network": scene.prints["network"],
        "seen": scene.prints["seen"],
    }  # fmt: skip


def member_ingredients(
    learner: Learner, train: Examples, observed: Examples, training: str, threads: int, members: Sequence[tuple[str, int, int]]
) -> list[Ingredients]:
    """Facts that the outputs of each member of a population depend on; its companions in a stack only affect rounding.

    Args:
        learner: what trains.
        train: the data that subsets are of.
        observed: the examples that members are run on.
        training: the way in which they are trained.
        threads: of torch.
        members: of each the digest of its subset, the number of its examples, and its seed.
    """
    common = {
        "kind": "member", "engine": engine(), "torch": torch.__version__, "device": train.y.device.type, "threads": threads,
        "precision": "float32", "learner": canonical(learner), "sources": sources(learner), "network": network_of(learner, train),
        "seen": fields_print(learner.task.asked(observed)), "training": training,
    }  # fmt: skip
    return [common | {"label": f"seed {seed} on {n} examples", "data": rows, "seed": seed} for rows, n, seed in members]


def population_ingredients(members: Sequence[str]) -> Ingredients:
    """Facts that the joined outputs of a population depend on: its members' keys."""
    return {"kind": "population", "label": f"{len(members)} models", "members": list(members)}


def search_ingredients(scene: Scene, method: Method, space: Mapping[str, Any], aim: Sequence[str], seeds: int, seed: int,
                       setting: Setting) -> Ingredients:  # fmt: skip
    """Facts that the trials of a search depend on, without their number: a longer search goes on where a shorter one ended."""
    return {
        "scenario": canonical(scene.scenario), "method": [repr(method), canonical(method)], "sources": sources(method),
        "space": {name: repr(dimension) for name, dimension in space.items()}, "objective": list(aim), "seeds": seeds,
        "seed": seed, "engine": engine(), "torch": torch.__version__,
        "setting": asdict(setting) | {"device": torch.device(setting.device).type},
        "prints": dict(scene.prints), "forget": scene.forget_set.digest,
    }  # fmt: skip


def _valid(scene: Scene, code: Method | Localizer) -> Ingredients:
    """The part to tune on, of which a method sees nothing unless it names it."""
    return {"valid": scene.prints["valid"]} if "valid" in code.needed() else {}


def _machine(setting: Setting) -> Ingredients:
    """Facts of the machine that results depend on."""
    return {"torch": torch.__version__, "device": torch.device(setting.device).type, "threads": setting.threads}
