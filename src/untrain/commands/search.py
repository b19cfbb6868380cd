"""A search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import comparison_of, executor_of, setting_of
from untrain.commands.run import Document, OnProgress
from untrain.core.errors import whole

if TYPE_CHECKING:
    from untrain.experiments.keys import Method
    from untrain.experiments.scenarios.base import Scenario
    from untrain.runtime.executors.base import Executor, Pool


def search(
    scenario: str | Scenario, method: str | Method, store: str | Path | None = None, out: str | Path | None = None,
    trials: int = 30, seeds: int = 2, objective: str = "balanced", over: str | Sequence[str] = (), seed: int = 0,
    device: str = "cpu", threads: int = 1, workers: int = 1, command: str = "", on_progress: OnProgress | None = None,
    precision: str = "auto", executor: str | Executor | Pool | None = None,
) -> Document:  # fmt: skip
    """Choose values for a method's fields on validation data; neither test data nor, unless asked for, oracles are seen.

    Args:
        scenario: data, learner and request.
        method: an unlearner or a recipe; fields that are not searched stay as they are in it.
        store: where what was tried is kept; the same search goes on there.
        out: folder of search.json and search.csv; None writes none.
        trials: in all, those of earlier starts included.
        seeds: number of original models that each trial is averaged over; a bad one ends earlier.
        objective: 'balanced', 'repair', 'valid' or 'oracle', which looks at retrained models.
        over: fields to search, as 'NAME', 'NAME=LOW..HIGH' or 'NAME=FIRST,SECOND'; empty for those that usually matter.
        seed: from which all seeds are derived.
        device: such as 'cpu' or 'cuda:0'.
        threads: of each process; results depend on it.
        workers: processes; with several, what is tried depends on which is faster.
        command: shown in search.json.
        on_progress: called with progress.
        precision: of gradient steps: 'float32', 'bfloat16', or 'auto' for bfloat16 where the machine gains.
        executor: who does the work, such as 'Ray' or ``Processes(4)``, or an open pool; None for this process or, with several
            workers, processes of this machine.

    Raises:
        MissingExtra: optuna is not installed.
        RunFailed: no trial was finished.
    """
    from untrain.experiments.pipeline import RunOptions
    from untrain.experiments.search.run import run_search_command
    from untrain.experiments.search.study import spec_of

    whole(workers=workers)
    spec, who = spec_of(comparison_of(scenario, [method], seeds, 2, seed), objective, over, trials), executor_of(executor)
    way = RunOptions(setting_of(device, threads, precision, False, executor=who), workers, who, on_progress)
    return run_search_command(spec, store, out, way, command)
