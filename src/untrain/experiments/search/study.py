"""A search: what it tries, on which models, and what each trial is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from untrain.core.errors import BadInput, MissingExtra, RunFailed
from untrain.core.spec import digest
from untrain.experiments.comparison import Comparison, choose_for
from untrain.experiments.dispatch import KeyedJob
from untrain.experiments.draw_request import chooser
from untrain.experiments.keys import Job, Method, model_key, search_ingredients
from untrain.experiments.price import Price, announce_ensemble
from untrain.experiments.scenarios.base import Scenario
from untrain.experiments.scenarios.verbs import learner_of
from untrain.experiments.scene import Scene, open_scene
from untrain.experiments.search.objectives import Objective, Parts, aim_of
from untrain.experiments.search.space import Space, space, start_of, with_values
from untrain.experiments.search.trials import are_mostly_wrong, classes_gone, mean_successes, share_of_retraining
from untrain.experiments.setting import Setting
from untrain.runtime.entry import failure_of
from untrain.runtime.executors.base import Pool
from untrain.runtime.progress import OnProgress, Progress
from untrain.runtime.store import Entry, Store

if TYPE_CHECKING:
    from untrain.experiments.search.optuna import PendingTrial, Study

ENDED = ("done", "pruned", "failed")


@dataclass(frozen=True)
class SearchSpec:
    """The design of a search: method, models and objective.

    Args:
        scenario: data, learner and request.
        method: its fields in ``space`` are searched, the others stay.
        space: field name -> where to look.
        objective: its name.
        trials: in all, those of earlier starts included.
        seeds: number of original models that each trial is averaged over.
        seed: from which all seeds are derived.
    """

    scenario: Scenario
    method: Method
    space: Space
    objective: str
    trials: int
    seeds: int
    seed: int


@dataclass(frozen=True, eq=False)
class Search:
    """A search under way: what is visible to it, the objective, the journal and where work is kept."""

    spec: SearchSpec
    scene: Scene
    setting: Setting
    aim: Objective
    key: str
    study: Study
    store: Store

    @property
    def means(self) -> str:
        """Its aim, in words."""
        return means_of(self.aim, self.scene)

    def task(self, job: Job) -> KeyedJob:
        """A job of this search."""
        return KeyedJob(model_key(self.scene, job, self.spec.seed, self.setting), self.scene, job, self.spec.seed)

    def entry(self, job: Job) -> Entry:
        """The entry of a job that was done.

        Raises:
            RunFailed: it is no longer there.
        """
        key = self.task(job).key
        entry = self.store.get(key)
        if entry is None:
            raise RunFailed(f"entry {key[:12]} went away while it was needed: run the same again")
        return entry


def spec_of(comparison: Comparison, objective: str, over: str | Sequence[str], trials: int) -> SearchSpec:
    """The search for the one method of a comparison.

    Raises:
        BadInput: a field, a value or the objective does not exist, the task does not give what it needs, or there are no trials.
        MissingExtra: optuna is not installed.
    """
    check_optuna()
    aim_of(objective, False, learner_of(comparison.scenario).task)
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise BadInput(f"trials={trials!r}: a whole number is needed, at least 1")
    (method,) = comparison.methods
    where = space(method, [over] if isinstance(over, str) else over)
    return SearchSpec(comparison.scenario, method, where, objective, trials, comparison.seeds, comparison.seed)


def check_optuna() -> None:
    """Refuse to search without optuna.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import untrain.experiments.search.optuna  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(f"a search needs {error.name}, which is not installed: pip install 'untrain[search]'") from None


def means_of(aim: Objective, scene: Scene) -> str:
    """The formula of an objective on a scene, in words."""
    gone = "; classes of which no example stays count as not known, and are left out of validation data"
    return aim.means(scene.task) + (gone if len(classes_gone(scene)) else "")


def scene_of_search(
    spec: SearchSpec, setting: Setting, store: Store, pool: Pool | None = None, on_progress: OnProgress | None = None
) -> Scene:
    """Load the data; an ensemble that the request needs is trained by the pool, unless the store has it."""

    def say(cost: Price, scene: Scene) -> None:
        if on_progress is not None:
            on_progress(Progress(0, 0, "", 0.0, None, cost.to_text()))

    price = announce_ensemble(store, setting, 1 if pool is None else pool.size, say)
    placed = replace(setting, device="cpu") if pool is not None and pool.remote else setting
    choose = choose_for([spec.method], chooser(store, setting, pool, on_progress, price))
    return open_scene(spec.scenario, placed, choose, "search")


def search_key(spec: SearchSpec, scene: Scene, setting: Setting) -> str:
    """Key of the trials of a search."""
    aim = aim_of(spec.objective, are_mostly_wrong(scene), scene.task)
    looks_for = [aim.name, means_of(aim, scene)]
    return digest(search_ingredients(scene, spec.method, spec.space, looks_for, spec.seeds, spec.seed, setting))


def journal_of(key: str, store: Store) -> Path:
    """The file with the trials of a search."""
    return store.path / "search" / f"{key[:32]}.journal"


def open_search(spec: SearchSpec, scene: Scene, setting: Setting, store: Store) -> Search:
    """Open the journal of a search on its scene; the method as it was given is tried first where the space holds it."""
    from untrain.experiments.search.optuna import Study

    aim, key = aim_of(spec.objective, are_mostly_wrong(scene), scene.task), search_key(spec, scene, setting)
    means = means_of(aim, scene)
    facts = {
        "scenario": repr(spec.scenario), "method": repr(spec.method), "objective": aim.label, "oracle_guided": aim.oracle,
        "means": means, "space": {name: repr(d) for name, d in spec.space.items()},
    }  # fmt: skip
    with store.alone(key):
        study = Study(journal_of(key, store), key, spec.seed, facts)
        start = start_of(spec.method, spec.space)
        if start is not None:
            study.begin(start, {"given": True})
    return Search(spec, scene, setting, aim, key, study, store)


def base_jobs(search: Search) -> list[Job]:
    """Models that every trial needs: originals and, for an objective that looks at them, oracles."""
    oracles = max(2, search.spec.seeds) if search.aim.oracle else 0
    return [Job(kind, i) for kind, count in (("original", search.spec.seeds), ("oracle", oracles)) for i in range(count)]


def count_left(search: Search, me: str = "") -> int:
    """Number of trials still to start, after re-queueing those of dead processes. The caller holds the search's lock."""

    def is_gone(owner: str) -> bool:
        if not owner:
            return True
        if owner == me:
            return False
        with search.store.alone(owner, wait=False) as free:
            return free

    search.study.reclaim(is_gone)
    return search.spec.trials - sum(t.state in (*ENDED, "running") for t in search.study.records())


def begin_trial(search: Search, me: str) -> PendingTrial | None:
    """The next trial, drawn by the sampler; None where there are as many as asked for."""
    with search.store.alone(search.key):
        return search.study.ask(search.spec.space, me) if count_left(search, me) > 0 else None


def jobs_of_trial(search: Search, trial: PendingTrial) -> Iterator[Job]:
    """The jobs of a trial, original after original; each has to be done before the next is taken.

    It ends early where the mean so far is below the median of others. The study learns what came of it.
    """
    study, seeds, parts, costs = search.study, search.spec.seeds, [], []
    try:
        method = with_values(search.spec.method, trial.drawn, search.spec.space)
    except Exception as error:  # a plug-in's fields may forbid combinations that no type excludes
        study.fail(trial, " ".join(str(error).split()))
        return
    study.note(trial, method=repr(method))
    for index in range(seeds):
        job = Job("unlearned", index, method)
        yield job
        entry = search.entry(job)
        if entry.record.get("error"):
            study.fail(trial, entry.record["error"])
            return
        try:
            parts.append(parts_of(search, entry, index))
            costs.append(cost_of(search, entry, index))
            value = float(np.mean([search.aim.score(p) for p in parts]))
        except Exception as error:  # what cannot be scored is one trial's failure; errors of the machine are raised
            study.fail(trial, failure_of(error).record["error"])
            return
        study.note(trial, parts=mean_of(parts), cost=mean_of(costs), models=index + 1)
        if study.hopeless(trial, index, value) and index + 1 < seeds:
            study.prune(trial)
            return
    study.done(trial, value)


def parts_of(search: Search, entry: Entry, index: int) -> dict[str, float]:
    """The mean successes of one model; those of retrained models only for an objective that looks at them."""
    original, signal = search.entry(Job("original", index)), search.aim.success(search.scene.task).signal
    parts = mean_successes(search.scene, entry, original, signal)
    if search.aim.oracle:
        oracles = [search.entry(job) for job in base_jobs(search) if job.kind == "oracle"]
        parts["oracle_forget"] = float(np.mean([mean_successes(search.scene, o, original, signal)["forget"] for o in oracles]))
    return parts


def cost_of(search: Search, entry: Entry, index: int) -> dict[str, float]:
    """Seconds of one model, and its share of what retraining would take where operations are counted."""
    share = share_of_retraining(search.scene, entry, search.entry(Job("original", index)))
    return {"seconds": entry.record["cost"]["seconds"]} | ({} if share is None else {"share_of_retraining": share})


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    """Name -> mean over rows."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def score_untouched(search: Search) -> tuple[float, Parts]:
    """The objective, and its parts, of models that are left as they are: what a search must beat."""
    parts = [parts_of(search, search.entry(Job("original", i)), i) for i in range(search.spec.seeds)]
    return float(np.mean([search.aim.score(p) for p in parts])), mean_of(parts)
