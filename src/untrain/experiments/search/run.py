"""A search from its first trial to its document: optuna proposes, a pool makes, optuna learns the results."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.core.errors import RunFailed
from untrain.core.paths import user_path
from untrain.experiments.comparison import Comparison
from untrain.experiments.dispatch import Dispatcher
from untrain.experiments.keys import Job
from untrain.experiments.pipeline import check_options, open_pool
from untrain.experiments.run_options import ReportOptions, RunOptions
from untrain.experiments.scene import Scene
from untrain.experiments.scheduler import make_models
from untrain.experiments.search.results import Document, csv_of, document
from untrain.experiments.search.study import (
    ENDED,
    Search,
    SearchSpec,
    base_jobs,
    begin_trial,
    jobs_of_trial,
    open_search,
    scene_of_search,
)
from untrain.reports.formatting import counted
from untrain.reports.write import TRIALS, problems_of, what_is_replaced, write_files
from untrain.runtime.executors.base import Pool
from untrain.runtime.progress import OnProgress, Progress, show_stage
from untrain.runtime.store import Store
from untrain.runtime.store_transfer import mark

if TYPE_CHECKING:
    from untrain.experiments.search.optuna import PendingTrial

Trial = tuple["PendingTrial", Iterator[Job]]


def run_search_command(spec: SearchSpec, store: str | Path | None, page: ReportOptions, way: RunOptions) -> Document:
    """Search, and write search.json and search.csv into the folder of ``page``."""
    comparisons = [Comparison(spec.scenario, (spec.method,))]
    check_options(comparisons, way, page)
    page.check(repr(spec.scenario))
    opened = Store(store)
    with open_pool(comparisons, opened, way) as pool:
        report = document(run_search(spec, opened, pool, way), page.command)
    if page.out is not None:
        way.say(what_is_replaced(page.out, TRIALS, problems_of(report), page.replace))
        write_files(
            user_path(page.out), {"search.json": json.dumps(report, indent=1, allow_nan=False), "search.csv": csv_of(report)}
        )
    return report


def run_search(spec: SearchSpec, store: Store, pool: Pool, way: RunOptions, scene: Scene | None = None) -> Search:
    """Search until there are as many trials as asked for.

    Args:
        spec: what is searched.
        store: of models and trials.
        pool: that makes models.
        way: how the work is done.
        scene: of the search, where it is open already.

    Raises:
        MissingExtra: optuna is not installed.
        BadInput: the scenario or its request cannot be met.
        RunFailed: no trial was finished, or workers died again and again.
    """
    scene = scene or scene_of_search(spec, way.setting, store, pool, way.on_progress)
    search = open_search(spec, scene, way.setting, store)
    bases = {task.key: task for task in map(search.task, base_jobs(search))}
    if missing := sum(not store.has(key) for key in bases):
        show_stage(way.on_progress, f"making {counted(missing, 'model')} to start from")
    make_models(bases, store, way.setting, pool)
    pool.on_retry = way.say
    try:
        run_trials(search, pool, track_trials(search, way.on_progress))
    except BaseException:
        pool.close()
        raise
    records = search.study.records()
    if not any(t.state == "done" for t in records):
        errors = [t.facts["error"] for t in records if t.state == "failed"]
        raise RunFailed(f"all {len(errors)} trials failed; the first: {errors[0]}")
    return search


def run_trials(search: Search, pool: Pool, on_trial: Callable[[], None]) -> None:
    """Make trials until there are as many as asked for; other processes that share the journal do the same.

    Args:
        search: whose base models are made.
        pool: that makes models; as many trials go on at once as it has workers.
        on_trial: called after each trial.
    """
    me = uuid.uuid4().hex  # locked while this process works on trials, so that others know that it is not gone
    waiting: dict[str, list[Trial]] = {}
    with search.store.alone(me), mark(search.store) as address:
        jobs = Dispatcher(pool, search.store, address, search.setting)

        def go_on(trial: Trial) -> None:
            """Go on with a trial until it needs a model that is not there, or ends."""
            for job in trial[1]:
                task = search.task(job)
                if search.store.has(task.key):
                    continue
                if task.key not in waiting:
                    jobs.submit(task)
                waiting.setdefault(task.key, []).append(trial)
                return
            on_trial()

        while True:
            while sum(map(len, waiting.values())) < pool.size:
                pending = begin_trial(search, me)
                if pending is None:
                    break
                go_on((pending, jobs_of_trial(search, pending)))
            if not waiting:
                return
            for trial in waiting.pop(jobs.wait().key):
                go_on(trial)


def track_trials(search: Search, on_progress: OnProgress | None) -> Callable[[], None]:
    """Counts trials, and reports in every line what the best is so far and whether it used oracles."""
    started, first = time.perf_counter(), sum(t.state in ENDED for t in search.study.records())

    def report() -> None:
        if on_progress is None:
            return
        records = search.study.records()
        ended = [t for t in records if t.state in ENDED]
        elapsed, count = time.perf_counter() - started, len(ended)
        todo = max(0, search.spec.trials - count)
        left = 0.0 if todo == 0 else elapsed / (count - first) * todo if count > first else None
        values = [t.value for t in records if t.state == "done" and t.value is not None]
        best = f"best {max(values):.3f}" if values else "none finished yet"
        newest = ended[-1].facts.get("method", "") if ended else ""
        on_progress(Progress(count, search.spec.trials, f"{search.aim.label}: {best}; {newest}", elapsed, left))

    return report
