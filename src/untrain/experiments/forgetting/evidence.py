"""Evidence on a new checkpoint: models that never saw the forgotten rows, and what a comparison with them shows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from untrain.core.errors import BadInput, ModelError, RunFailed
from untrain.core.metering import metered
from untrain.core.seeds import seed_of
from untrain.evaluation.observers.base import Observer
from untrain.experiments.audits.audit_record import FOR_ONE, models_by_role, publish_audit, stand_in
from untrain.experiments.audits.checkpoints import read_state
from untrain.experiments.audits.store_models import store_checkpoints
from untrain.experiments.comparison import Comparison, Todo
from untrain.experiments.dispatch import KeyedJob
from untrain.experiments.forgetting.measurements import Sides, judge
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.experiments.forgetting.own_data import own_data
from untrain.experiments.forgetting.proxy import proxy_document
from untrain.experiments.forgetting.requests import DrawnRequest
from untrain.experiments.forgetting.training_command import TrainingScript
from untrain.experiments.forgetting.training_script import Scripted, ScriptJob, ScriptOptions, past_seconds, train_by_script
from untrain.experiments.jobs import load_model
from untrain.experiments.keys import Job, model_key
from untrain.experiments.observations import observe_models
from untrain.experiments.planning import plan
from untrain.experiments.price import Price, price, spread_over
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.experiments.run_record import ModelCounts, save_run
from untrain.experiments.scene import Scene, open_scene
from untrain.experiments.scheduler import make_models
from untrain.experiments.setting import Setting
from untrain.models.checkpoint_files import KEY, State
from untrain.runtime.executors.base import Resources
from untrain.runtime.executors.serial import Serial
from untrain.runtime.progress import OnProgress
from untrain.runtime.store import Store, is_store, key_of

ORIGINALS = 3  # models with the rows, the checkpoint among them: LiRA needs as many
Document = dict[str, Any]


@dataclass(frozen=True)
class AuditChoices:
    """Options of an audit.

    Args:
        oracles: number of models to train without the rows; None for as many as a test of one checkpoint needs.
        script: the user's own training; None where the learner of the checkpoint trains.
        store: where models are kept; None for the usual place.
        workers: processes of the script at once.
        threads: of torch.
        on_progress: called with progress.
        observers: what looks at the models themselves, such as after more training or in few bits.
    """

    oracles: int | None = None
    script: TrainingScript | None = None
    store: str | Path | None = None
    workers: int = 1
    threads: int = 1
    on_progress: OnProgress | None = None
    observers: tuple[Observer, ...] = ()


@dataclass(frozen=True, eq=False)
class PlannedAudit:
    """An audit before its models are made.

    Args:
        opened: the checkpoint with its data.
        scene: all of its data, and the rows to forget.
        ids: of these rows as the user has them.
        choices: of the user.
        setting: where models are made.
        oracles: number of models without the rows.
        originals: number of models with them, besides the checkpoint.
        seed: from which all others are derived.
    """

    opened: OpenedModel
    scene: Scene
    ids: tuple[str, ...]
    choices: AuditChoices
    setting: Setting
    oracles: int
    originals: int
    seed: int

    @property
    def store(self) -> Store | None:
        """The store, where there is one already."""
        return Store(self.choices.store) if is_store(self.choices.store) else None

    @property
    def jobs(self) -> list[Job]:
        """The models to train."""
        return [*(Job("oracle", at) for at in range(self.oracles)), *(Job("original", at) for at in range(self.originals))]

    @property
    def todo(self) -> Todo:
        """The models that the learner trains, by key."""
        jobs = {model_key(self.scene, job, self.seed, self.setting): job for job in self.jobs}
        return {key: KeyedJob(key, self.scene, job, self.seed) for key, job in jobs.items()}

    def script_jobs(self) -> list[ScriptJob]:
        """The models that the script trains."""
        prints = self.scene.prints
        parts = {"oracle": (self.ids, prints["retain"]), "original": ((), prints["train"])}
        return [ScriptJob(job.label, *parts[job.kind], seed_of(self.seed, job.kind, job.index)) for job in self.jobs]

    @cached_property
    def cost(self) -> Price:
        """The price of all models that are not in the store."""
        script, store = self.choices.script, self.store
        if script is None:
            return price(self.todo, store, self.setting, 1)
        jobs = self.script_jobs()
        missing = [job for job in jobs if store is None or not store.has(key_of(job.ingredients(script)))]
        each = past_seconds(script, store)
        kinds = {kind: sum(job.name.startswith(kind) for job in missing) for kind in ("original", "oracle")}
        seconds = spread_over([each] * len(missing), self.choices.workers) if each is not None else None if missing else 0.0
        basis = "records" if each is not None and missing else "nothing"
        return Price(len(missing), len(jobs) - len(missing), seconds, self.choices.workers, basis, kinds)

    def lines(self) -> list[str]:
        """The price, and what so many models can show."""
        options = RunOptions(self.setting)
        comparison = Comparison(self.scene.scenario, (), 0, self.oracles, self.seed)
        power = plan(comparison, self.scene, self.store, self.setting, 1, options.protocol, 1)
        by, words = repr(self.opened.learner), self.cost.to_text()
        if self.choices.script is not None:
            by = "your training script"
            if self.cost.seconds is None:
                words = f"{words.partition(';')[0]}; how long that takes is known once one is trained"
        if self.opened.exact:
            words = f"{words.partition(';')[0]}; that is one exact fit"
        return [f"audit by {by}: {words}", *([] if power is None else [power.to_text()])]


def plan_audit(opened: OpenedModel, drawn: DrawnRequest, choices: AuditChoices, seed: int) -> PlannedAudit:
    """Plan the audit of a request; nothing is trained.

    Raises:
        BadInput: there are no unseen data, too few oracles, or the script does not go with the model.
    """
    if opened.valid is None:
        raise BadInput("--audit compares models on data that none of them has seen: give some, --valid DATA")
    if choices.oracles is not None and choices.oracles < 2:
        raise BadInput(f"oracles={choices.oracles}: at least 2 (for a floor) are needed")
    if choices.script is not None and opened.exact:
        raise BadInput("training again has one exact result here, which needs no script: leave --train-with out")
    if choices.script is None and opened.obstacle:
        raise BadInput(opened.obstacle)
    learner = opened.learner
    if choices.script is not None:
        learner = Scripted(by=learner, command=" ".join(choices.script.words), task=learner.task)
    by = drawn.by
    setting = Setting(str(opened.train.y.device), choices.threads)
    scene = open_scene(own_data(opened, opened.valid, drawn.forget_set, by, learner), setting)
    originals = 0 if learner.deterministic else ORIGINALS - 1
    ids = tuple(dict.fromkeys(map(str, drawn.forget_set.ids)))
    if choices.script is not None:
        refuse_unlistable(opened.train.ids, np.asarray(drawn.forget_set.rows))
    return PlannedAudit(opened, scene, ids, choices, setting, choices.oracles or FOR_ONE, originals, seed)


def refuse_unlistable(ids: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> None:
    """Refuse rows that a script cannot leave out by a list of their ids, one per line.

    Raises:
        BadInput: an id is empty or has a line break, or is that of a row that stays too.
    """
    gone = ids[rows]
    if any(len(str(each).splitlines()) != 1 for each in gone.tolist()):
        raise BadInput("an id to forget is empty or has a line break, and {ids} lists one per line: name other ids, --id COLUMN")
    if stays := int(np.isin(ids, gone).sum()) - len(rows):
        raise BadInput(
            f"{stays} rows that stay share ids with rows to forget, and {{ids}} names rows by id: name other ids, --id COLUMN"
        )


def evidence(planned: PlannedAudit, model: nn.Module, made: Document, sides: Sides, folder: Path) -> Document:
    """Train what the store lacks, compare a new checkpoint with it, and write the report.

    Args:
        planned: the audit.
        model: the new checkpoint's.
        made: document of the new checkpoint, with its method and the aim that this had.
        sides: examples by which models were judged without oracles.
        folder: where the report goes.

    Raises:
        RunFailed: a model could not be trained.
    """
    began, scene, setting, choices = time.perf_counter(), planned.scene, planned.setting, planned.choices
    store, cost = Store(choices.store), planned.cost.document()
    with metered() as meter:
        script = choices.script
        keys = _by_learner(planned, store) if script is None else _by_script(planned, script, store, folder)
        alike = scene.learner.deterministic
        ours = store_checkpoints([model.state_dict()], scene, setting, "unlearned", store, alike)
        first = store_checkpoints([planned.opened.model.state_dict()], scene, setting, "originals", store, alike)
    judged = (load_model(scene, store.tensors(key, "weights"), planned.seed) for key in dict.fromkeys(keys["oracle"]))
    likenesses = [judge(each, sides, planned.opened.task).alike for each in chain([model], judged)]  # one in memory at a time
    keys["oracle"] = stand_in(keys["oracle"], 1) if alike else keys["oracle"]
    models = models_by_role(ours, keys["oracle"], [*first, *keys["original"]], made["method"])
    options = RunOptions(setting, on_progress=choices.on_progress)
    counts = ModelCounts(1, len(keys["oracle"]), planned.seed)
    observed = observe_models(scene, choices.observers, models, planned.seed, store, setting, choices.on_progress)
    more: Document = {**options.stated, **observed, **({"warnings": list(dict.fromkeys(meter.notes))} if meter.notes else {})}
    entry = save_run(scene, models, counts, store, setting, more, inputs=False)
    run = publish_audit(entry, store, options, ReportOptions(folder, images=False), cost)
    aim = made.get("aim") or {}
    known = {} if aim.get("failed", "none") else {"aim": aim["area"], "error": aim["error"]}
    proxy = proxy_document(likenesses[0], likenesses[1:], **known)
    return _document(planned, run, folder) | {"proxy": proxy, "seconds": time.perf_counter() - began}


def _by_learner(planned: PlannedAudit, store: Store) -> dict[str, list[str]]:
    """Keys of models of the checkpoint's learner, with weights as it has them; those of the store where nothing is rounded."""
    scene, setting = planned.scene, planned.setting
    with Serial().open(Resources(setting.threads)) as pool:
        make_models(planned.todo, store, setting, pool, planned.choices.on_progress)
    keys: dict[str, list[str]] = {"oracle": [], "original": []}
    for job in planned.jobs:
        key = model_key(scene, job, planned.seed, setting)
        model = load_model(scene, store.tensors(key, "weights"), planned.seed)
        rounded = planned.opened.rounded(deepcopy(model)).state_dict()
        if not all(torch.equal(value, rounded[name]) for name, value in model.state_dict().items()):
            (key,) = store_checkpoints([rounded], scene, setting, job.label, store)
        keys[job.kind].append(key)
    return keys


def _by_script(planned: PlannedAudit, script: TrainingScript, store: Store, folder: Path) -> dict[str, list[str]]:
    """Keys of models of the user's script."""
    scene, choices = planned.scene, planned.choices
    place = planned.opened.place

    def read(path: Path, who: str) -> State:
        try:
            return read_state(str(path), scene, who)
        except (BadInput, OSError) as error:
            if not place:
                raise RunFailed(str(error)) from None
        return read_state(f"{path}{KEY}{place}", scene, who)

    options = ScriptOptions(store, choices.workers, folder, planned.opened.path.suffix, read, choices.on_progress)
    jobs = planned.script_jobs()
    states = train_by_script(script, jobs, options)
    keys: dict[str, list[str]] = {}
    for kind in ("oracle", "original"):
        some = [state for job, state in zip(planned.jobs, states, strict=True) if job.kind == kind]
        _refuse_equal(kind, some)
        keys[kind] = store_checkpoints(some, scene, planned.setting, kind, store)
    return keys


def _refuse_equal(kind: str, states: Sequence[State]) -> None:
    for at, state in enumerate(states):
        for other in states[:at]:
            if all(torch.equal(value, other[name]) for name, value in state.items()):
                raise ModelError(
                    f"the training script made the same {kind} from two seeds: {{seed}} has to reach whatever it draws at random"
                )


def _document(planned: PlannedAudit, run: Document, folder: Path) -> Document:
    """The part of an audit that is kept beside the checkpoint: conclusion, scores with intervals and floors, basis.

    Scores that could not be computed are in the report alone, with the reasons.
    """
    (row,) = run["results"]
    if row["error"]:
        raise RunFailed(row["error"])
    verdict, script = row["verdict"], planned.choices.script
    oracles = 1 if planned.scene.learner.deterministic else run["oracles"]
    return {
        "conclusion": verdict["sentence"], "tests": verdict["detail"], "outcome": verdict["outcome"],
        "protocol": verdict["protocol"], "oracles": oracles, "originals": 1 + planned.originals,
        "trained_by": repr(planned.opened.learner) if script is None else " ".join(script.words),
        "assumed": "" if script is not None else planned.opened.assumed,
        "scores": {name: score for name, score in row["scores"].items() if score["value"] is not None},
        "warnings": run["warnings"], "run": run["run"], "price": run["price"], "report": str(folder / "report.html"),
    }  # fmt: skip
