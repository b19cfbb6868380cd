"""A search from its first trial to its document."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from untrain.core.errors import BadInput, RunFailed
from untrain.core.spec import sendable
from untrain.experiments.comparison import Comparison, workers_for
from untrain.experiments.search.results import Document, csv_of, document
from untrain.experiments.search.study import Search, SearchSpec, opened, tracker, turns
from untrain.experiments.setting import Setting
from untrain.reports.write import check_writable, write_files
from untrain.runtime.executors.local import Serial
from untrain.runtime.executors.processes import Processes
from untrain.runtime.progress import OnProgress
from untrain.runtime.store import Store


def run_search_command(
    hunt: SearchSpec,
    setting: Setting,
    store: str | Path | None,
    out: str | Path | None,
    workers: int,
    command: str,
    on_progress: OnProgress | None,
) -> Document:
    """Search, and write search.json and search.csv into ``out``."""
    if workers < 1:
        raise BadInput(f"workers={workers}: at least 1 is needed")
    check_writable(out)
    count = min(workers, workers_for([Comparison(hunt.scenario, (hunt.method,))], setting.device, setting.threads))
    found = document(run_search(hunt, setting, Store(store), count, on_progress), command)
    if out is not None:
        write_files(Path(out), {"search.json": json.dumps(found, indent=1, allow_nan=False), "search.csv": csv_of(found)})
    return found


def run_search(hunt: SearchSpec, setting: Setting, store: Store, workers: int = 1, on_progress: OnProgress | None = None) -> Search:
    """Search until there are as many trials as asked for.

    Raises:
        MissingExtra: optuna is not installed.
        BadInput: the scenario or its request cannot be met.
        RunFailed: no trial was finished, or workers died.
    """
    alone = workers == 1 or not sendable(hunt.scenario)
    with closing(Serial(setting.threads) if alone else Processes(workers, setting.threads)) as hands:
        at = opened(hunt, setting, store, hands, on_progress)
    told = tracker(at, on_progress)
    if workers == 1:
        turns(at, told)
    else:
        from untrain.experiments.search.workers import crew

        crew(at, workers, told)
    rows = at.study.told()
    if not any(t.state == "done" for t in rows):
        errors = [t.facts["error"] for t in rows if t.state == "failed"]
        raise RunFailed(f"all {len(errors)} trials failed; the first: {errors[0]}")
    return at
