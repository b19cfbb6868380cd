"""Jobs of a run: each trains or unlearns one model, and leaves an entry in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.attribution.estimation import Estimation
from untrain.core.errors import Crashed, MissingExtra, RunFailed, StoreError
from untrain.core.foreign import foreign
from untrain.core.metering import metered
from untrain.core.precision import computing
from untrain.data.examples import take
from untrain.evaluation.observers.base import Observer
from untrain.experiments.attributions import AttributionWork, attribution_of, effects_of
from untrain.experiments.keys import Job, Method, model_ingredients, starts_of
from untrain.experiments.mask_overlap import mask_contents
from untrain.experiments.scene import Scene, probe_file
from untrain.experiments.setting import Setting
from untrain.experiments.untrained import check_trained
from untrain.localizers.base import Localizer
from untrain.models.inference import predict
from untrain.models.state import arrays as weights_of
from untrain.models.state import as_array, load_state
from untrain.runtime.store import Contents, Entry, Store, key_of
from untrain.training.effects import Effects
from untrain.training.keepers.base import Kept
from untrain.training.learning_curve import LearningCurve
from untrain.training.problem import Problem, problem
from untrain.training.step_watchers import watching_steps

Weights = Mapping[str, np.ndarray[Any, Any]]
KEPT = "kept-"


@dataclass(frozen=True, eq=False)
class Start:
    """Start of unlearning.

    Args:
        entry: of the original.
        weights: of the original.
        kept: tensors that were saved in training, by keeper.
        teachers: weights of retrained models that the method imitates.
        effects: estimated, of the forget set.
    """

    entry: Entry
    weights: Weights
    kept: Kept = field(default_factory=dict)
    teachers: tuple[Weights, ...] = ()
    effects: Effects | None = None


def run_job(scene: Scene, job: Job, seed: int, setting: Setting, store: Store) -> Entry:
    """Run a job unless its entry is in the store; a method that fails is an entry too."""
    ingredients = model_ingredients(scene, job, seed, setting)
    entry = store.get(key_of(ingredients))
    if entry is not None and entry.final:
        return entry
    starts = [run_job(scene, one, seed, setting, store) for one in starts_of(job)]
    start = start_of(starts[0], store, starts[1:]) if starts else None
    if start is not None and job.method is not None and job.method.estimation is not None:
        start = replace(start, effects=_effects(scene, job.method.estimation, seed, setting, store))

    def work() -> Contents:
        with computing(setting.precision, setting.compiled):
            if job.method is None or start is None:
                return _train(scene, job, ingredients)
            with machine_failures_of(job.method):
                return _unlearn(scene, job.method, start, ingredients, setting)

    return store.get_or_make(ingredients, work, keep_failures=job.method is not None)


@contextmanager
def machine_failures_of(code: Method | Observer | Localizer) -> Iterator[None]:
    """Raise an error of the system within as the failure of whose work it is: the others go on, and the next start tries again.

    Raises:
        Crashed: memory, a file, a library or a store failed while it worked.
    """
    try:
        yield
    except (MemoryError, OSError, MissingExtra, StoreError) as error:
        text = " ".join(str(error).split())
        raise Crashed(f"{code!r} failed: {type(error).__name__}{': ' * bool(text)}{text}") from error


def start_of(original: Entry, store: Store, teachers: Sequence[Entry] = ()) -> Start:
    """Entries of the store that methods and localizers start from: an original's weights, what keepers saved, and teachers."""
    parts = {name: store.tensors(original.key, f"{KEPT}{name}") for name in original.record.get("kept", {})}
    kept = {name: {n: torch.from_numpy(a) for n, a in part.items()} for name, part in parts.items()}
    weights = [store.tensors(entry.key, "weights") for entry in (original, *teachers)]
    return Start(original, weights[0], kept, tuple(weights[1:]))


def _train(scene: Scene, job: Job, ingredients: dict[str, Any]) -> Contents:
    original = job.kind == "original"
    # What no key covers no learner sees.
    examples = replace(scene.data.train if original else scene.remaining, true=None, columns={}, features=())
    tensors_by_keeper = dict[str, Mapping[str, torch.Tensor]]()
    with metered() as meter:
        if original:  # unlearners start from these models alone, so keepers save tensors of these alone
            model, tensors_by_keeper = scene.learner.run(examples, ingredients["seed"])  # type: ignore[assignment]
        else:
            model = scene.learner(examples, ingredients["seed"])
        cost = meter.read()
    check_trained(scene.learner, model, scene.data.train)
    with foreign(scene.learner):
        outputs = outputs_of(scene, model)
    arrays_by_keeper = {name: {n: as_array(t) for n, t in tensors.items()} for name, tensors in tensors_by_keeper.items()}
    sizes = {name: sum(a.nbytes for a in part.values()) for name, part in arrays_by_keeper.items()}
    record = {"cost": asdict(cost), "notes": list(meter.notes), "kept": sizes}
    return contents_of(model, outputs, record, {f"{KEPT}{name}": part for name, part in arrays_by_keeper.items()})


def limit_of(scene: Scene, start: Entry, budget: float) -> float:
    """Number of operations that is ``budget`` of retraining's, known before any model is retrained.

    The estimate of retraining is the operations of training the original, times the share of examples that stay.

    Raises:
        RunFailed: operations of the learner are not counted.
    """
    if start.record["cost"]["flops"] is None:
        raise RunFailed(f"{scene.learner!r} left operations uncounted, of which a budget is a share: its `counted` should be False")
    return float(budget * start.record["cost"]["flops"] * scene.count_remaining / len(scene.data.train))


def pose(scene: Scene, start: Start, seed: int) -> tuple[nn.Module, Problem]:
    """The original in eval mode, and the problem of forgetting on it: the same for methods and for masks alone.

    Args:
        scene: data, learner and request.
        start: of the original.
        seed: of every draw.
    """
    origin, data = start.entry.record["ingredients"]["seed"], scene.data
    model, *teachers = (load_model(scene, weights, origin) for weights in (start.weights, *start.teachers))
    posed = problem(
        data.train, scene.forget_set, scene.learner, data.valid, seed, origin, start.kept, teachers, start.effects
    )  # fmt: skip
    return model, replace(posed, recorded=True)  # the store has the seed


def load_model(scene: Scene, weights: Weights, seed: int) -> nn.Module:
    """The model of some weights, in eval mode; ``seed`` is of what the weights do not hold."""
    with foreign(scene.learner, draws=True):
        model = scene.learner.init(scene.data.train, seed)
    return load_state(model, {n: torch.from_numpy(a) for n, a in weights.items()}).eval()


def _effects(scene: Scene, estimation: Estimation, seed: int, setting: Setting, store: Store) -> Effects:
    """The effects that a method subtracts; a run has estimated them before its methods begin, a search has not."""
    work = AttributionWork(store, setting, partial(load_originals, scene, seed, setting, store))
    return effects_of(attribution_of(scene, estimation, seed, work), scene)


def load_originals(scene: Scene, seed: int, setting: Setting, store: Store, count: int) -> list[nn.Module]:
    """The first originals of a run, trained where they are not in the store."""
    entries = [run_job(scene, Job("original", at), seed, setting, store) for at in range(count)]
    return [load_model(scene, store.tensors(e.key, "weights"), e.record["ingredients"]["seed"]) for e in entries]


def _unlearn(scene: Scene, method: Method, start: Start, ingredients: dict[str, Any], setting: Setting) -> Contents:
    model, posed = pose(scene, start, ingredients["seed"])
    with foreign(method, model, scene.task):  # the model that it returns is its own code too
        return _unlearned(scene, method, model, posed, start, setting)


def _unlearned(scene: Scene, method: Method, model: nn.Module, posed: Problem, start: Start, setting: Setting) -> Contents:
    limit = None if setting.budget is None else limit_of(scene, start.entry, setting.budget)
    curve = LearningCurve(model, posed.task, posed.forget, posed.retain) if setting.curves else None
    with metered(limit, f"the budget of {100 * (setting.budget or 0):g} % of retraining") as meter, watching_steps(curve):
        outcome = method.run(model, posed)
    proven = {} if outcome.certificate is None else {"certificate": outcome.certificate.published()}
    search = scene.purpose == "search"
    outputs = outputs_of(scene, outcome.model, forget_alone=search)
    where, bits = ({}, {}) if outcome.mask is None else mask_contents(outcome.mask, outcome.model, posed)
    record: dict[str, Any] = {
        "cost": asdict(outcome.cost), "guard": asdict(outcome.guard), "layers": {}, "notes": list(meter.notes), **proven
    }  # fmt: skip
    if curve is not None:
        record["curves"] = curve.finish(outcome.model)
    if search:  # nothing continues from the models of its many trials
        return Contents(record | where, {**outputs, **bits})
    return contents_of(outcome.model, {**outputs, **bits}, record | where)


def outputs_of(scene: Scene, model: nn.Module, forget_alone: bool = False) -> dict[str, np.ndarray[Any, Any]]:
    """Outputs of a model on the training set, or on its forget set alone, and on the test set, (n, ...) by name.

    Those on each probe are beside them, by the names that the store has for them.
    """
    train, *others = map(scene.task.asked, scene.observed)
    if forget_alone:
        train = take(train, np.asarray(scene.forget_set.rows))
    parts = [predict(model, examples, scene.task) for examples in (train, *others)]
    outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for probe, examples in scene.data.probes.items():
        arrays = predict(model, scene.task.asked(examples), scene.task)
        outputs |= {probe_file(probe, name): array for name, array in arrays.items()}
    return outputs


def contents_of(model: nn.Module, outputs: Weights, record: dict[str, Any], kept: Mapping[str, Weights] | None = None) -> Contents:
    """Contents of a model's store entry: its weights, its outputs, its record, and the tensors that keepers saved."""
    return Contents(record, outputs, {"weights": weights_of(model), **(kept or {})})
