"""An audit on a scenario, which knows the examples, and by which checkpoints can be run and oracles trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from untrain.core.errors import BadInput, DataError
from untrain.core.metering import metered
from untrain.evaluation.validation import check_same_examples
from untrain.experiments.audits.audit_record import (
    FOR_ONE,
    FOR_SEVERAL,
    models_by_role,
    price_without_training,
    publish_audit,
    stand_in,
)
from untrain.experiments.audits.foreign_models import Checkpoints, Outputs, count_in, holds_outputs, refuse_columns, several
from untrain.experiments.audits.populations import COMPARED_WITH_ITSELF, Populations, populations_of
from untrain.experiments.audits.store_models import frame_of, store_checkpoints, store_outputs
from untrain.experiments.comparison import Comparison, oracles_of
from untrain.experiments.interim_looks import plan_looks
from untrain.experiments.observations import observe_models
from untrain.experiments.pipeline import check_options, open_pool, open_scenes, report_price, run_looks, say_plans
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.experiments.run_record import ModelCounts, save_run
from untrain.experiments.scene import Scene
from untrain.experiments.scheduler import make
from untrain.runtime.store import Entry, Store

Document = dict[str, Any]


@dataclass(frozen=True)
class ForeignKeys:
    """Stored outputs of the models of others: keys by role, whether they are logits or margins, and notes for the reader."""

    keys: Mapping[str, list[str]]
    kind: str
    notes: list[str]


def on_scenario(models: Outputs | Checkpoints) -> Checkpoints:
    """The same models as checkpoints or outputs on a scenario's examples.

    Raises:
        BadInput: labels, sides or ids came along, which the scenario knows; or something is missing or comes twice.
    """
    if isinstance(models, Outputs):
        refuse_columns(models)
        models = Checkpoints(
            unlearned=models.unlearned, oracles=models.oracles, original=models.original, deterministic=models.deterministic,
            probabilities=models.probabilities,
        )  # fmt: skip
    models = replace(models, model=several(models.model), oracle=several(models.oracle))
    count = count_in(models.oracles)
    if bool(models.model) == (models.unlearned is not None):
        raise BadInput("what is to be audited is needed once: --model CHECKPOINT, or --unlearned FILE with outputs")
    if models.oracle and models.oracles is not None:
        raise BadInput("oracles were given twice: by --oracle and by --oracles; give one of the two")
    if count is not None and count < 2:
        raise BadInput(f"oracles={count}: at least 2 (for a floor) are needed")
    return models


def trains_oracles(models: Outputs | Checkpoints) -> bool:
    """Return whether oracles are to be trained here."""
    checkpoints = isinstance(models, Checkpoints) and bool(several(models.oracle))
    return count_in(models.oracles) is not None or not (checkpoints or models.oracles is not None)


def audit_on_scenario(
    models: Checkpoints, oracles: Comparison, name: str, store: str | Path | None, options: RunOptions, page: ReportOptions
) -> Document:
    """Score models that forgot against oracles, which are trained here unless they were given.

    Args:
        models: as ``on_scenario`` returns them.
        oracles: the scenario and the seed of the oracles; their number follows from the models.
        name: of the method.
        store: where models, outputs and the run are kept.
        options: how work is done.
        page: where to write scores.
    """
    check_options([oracles], options, page)
    place = Store(store)
    with open_pool([oracles], place, options) as pool:
        (scene,) = open_scenes([oracles], options, place, pool, False)
        page.check(scene.forget_set.digest)
        if models.deterministic and trains_oracles(models) and not scene.learner.deterministic:
            raise BadInput(
                f"oracles that are trained here follow their seed, by {scene.learner!r}, and the learner was said to be "
                "deterministic: leave that out, or give retrained models"
            )
        models = replace(models, deterministic=models.deterministic or scene.learner.deterministic)
        foreign = _store(models, scene, options, place)
        count = len(foreign.keys["unlearned"])
        plan, price = [], price_without_training(sum(map(len, foreign.keys.values())))
        if trains_oracles(models):
            oracles = replace(oracles, oracles=count_in(models.oracles) or (FOR_ONE if count == 1 else FOR_SEVERAL))
            plan = plan_looks(count, oracles.oracles, options.looks, existing=True)
            say_plans([oracles], [scene], place, options, pool.size, count)
            price = report_price([oracles], [scene], place, options, pool.size).document()

        def take(number: int, more: Mapping[str, Any]) -> Entry:
            keys = dict(foreign.keys)
            if trains_oracles(models):
                some = replace(oracles, oracles=number)
                expected = price["seconds"] if options.looks == 1 else None
                make([some], [scene], place, options.setting, pool, options.on_progress, expected)
                keys["oracles"] = oracles_of(some, scene, options.setting)
            elif models.deterministic:
                keys["oracles"] = stand_in(keys["oracles"], count)
            return _record(
                replace(foreign, keys=keys), scene, _Run(name, oracles.seed, trains_oracles(models)), options, place, more
            )

        if options.looks == 1:
            entry = take(oracles.oracles, {})
        else:
            entry = run_looks(plan, place, options, lambda look, more: take(look.oracles, more))
    return publish_audit(entry, place, options, page, price)


@dataclass(frozen=True)
class _Run:
    """Facts in the record of an audit about its models: the method's name, and the seed of oracles that were trained here."""

    name: str
    seed: int
    trained: bool


def _record(foreign: ForeignKeys, scene: Scene, run: _Run, options: RunOptions, store: Store, more: Mapping[str, Any]) -> Entry:
    """Record the run of models whose outputs are all in the store."""
    keys = foreign.keys
    check_same_examples([(who, (len(k), *_shape(k[0], scene.task.outputs[0], store))) for who, k in keys.items()])
    models = models_by_role(keys["unlearned"], keys["oracles"], keys.get("originals", []), run.name)
    observed = observe_models(scene, options.observers, models, run.seed, store, options.setting)
    sizes = ModelCounts(len(keys["unlearned"]), len(keys["oracles"]), run.seed if run.trained else None)
    facts: Document = {} if foreign.kind == "logits" else {"answers": foreign.kind}
    if foreign.notes:
        facts["warnings"] = foreign.notes
    return save_run(scene, models, sizes, store, options.setting, {**options.stated, **facts, **observed, **more})


def _store(models: Checkpoints, scene: Scene, options: RunOptions, store: Store) -> ForeignKeys:
    """Run the checkpoints, read the outputs, and store both."""
    keys: dict[str, list[str]] = {}
    checkpoints = {"unlearned": models.model, "oracles": models.oracle}
    original_runs = models.original is not None and bool(models.model) and not holds_outputs(models.original)
    if original_runs:
        checkpoints["originals"] = several(models.original)
    with metered() as meter:
        for who, states in checkpoints.items():
            if states:
                ask = models.probabilities is None
                keys[who] = store_checkpoints(states, scene, options.setting, who, store, models.deterministic, ask)
    populations = _outputs(models, scene, None if original_runs else models.original)
    if populations is not None:
        if populations.kind != "logits" and (trains_oracles(models) or keys):
            raise DataError("margins were given, and models that run here have logits: give logits (m, n, c)")
        keys |= {who: store_outputs(populations, who, store) for who in populations.models}
    both = set(keys["unlearned"]) & set(keys.get("oracles", ()))
    if both and not models.deterministic:
        raise DataError(COMPARED_WITH_ITSELF.format(next(i for i, k in enumerate(keys["unlearned"]) if k in both)))
    return ForeignKeys(
        keys, populations.kind if populations else "logits", [*meter.notes, *(populations.notes if populations else ())]
    )


def _outputs(models: Checkpoints, scene: Scene, original: Any) -> Populations | None:
    """Populations of which outputs were given; None where there are none."""
    oracles = None if count_in(models.oracles) is not None else models.oracles
    if models.unlearned is None and oracles is None and original is None:
        return None
    said: dict[str, Any] = {"deterministic": models.deterministic, "probabilities": models.probabilities}
    outputs = Outputs(models.unlearned, oracles, original, **said)
    if "logits" not in scene.task.outputs:
        raise DataError(f"outputs were given, and {type(scene.task).__name__} is scored by its models: give checkpoints")
    return populations_of(outputs, frame_of(scene))


def _shape(key: str, output: str, store: Store) -> tuple[int, ...]:
    """Examples and, of logits, classes of a model's stored outputs."""
    entry = store.get(key)
    return () if entry is None else entry.array(output).shape
