"""A search for values of a method's fields."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Count, Document, Seed, comparison_of, executor_of, setting_of
from untrain.core.errors import require_whole_numbers
from untrain.runtime.progress import OnProgress

if TYPE_CHECKING:
    from untrain.experiments.keys import Method
    from untrain.experiments.scenarios.base import Scenario
    from untrain.runtime.executors.base import Executor, Pool


def search(
    scenario: str | Scenario, method: str | Method, store: str | Path | None = None, out: str | Path | None = None,
    trials: Count = 30, seeds: Count = 2, objective: str = "balanced", over: str | Sequence[str] = (), seed: Seed = 0,
    device: str = "cpu", threads: Count = 1, workers: Count = 1, command: str = "", on_progress: OnProgress | None = None,
    precision: str = "auto", executor: str | Executor | Pool | None = None, replace: bool = False,
) -> Document:  # fmt: skip
    """Find values for a method's fields on validation data.

    It uses no test data, and oracles only with the objective 'oracle'.

    Examples:
        untrain search Digits DEL --trials 30
        untrain search Digits DEL --over steps.lr --over keep=0.1..0.5

    Args:
        method: an unlearner or a recipe; fields that are not searched stay as written.
        store: folder of models and trials, where the same search continues; None is ~/.untrain.
        out: folder of search.json and search.csv; None writes none.
        trials: number of trials in all; the same search continues to more.
        seeds: number of original models over which a trial is averaged; a bad trial ends early.
        objective: 'balanced', 'repair', 'valid', or 'oracle', which uses retrained models.
        over: field to search, as NAME, NAME=LOW..HIGH or NAME=FIRST,SECOND; by default those that usually matter.
        workers: number of processes; with several, trials depend on their speed.

    Raises:
        MissingExtra: optuna is not installed.
        RunFailed: no trial was finished.
    """
    from untrain.experiments.run_options import ReportOptions, RunOptions
    from untrain.experiments.search.run import run_search_command
    from untrain.experiments.search.study import spec_of
    from untrain.reports.write import TRIALS

    require_whole_numbers(workers=workers)
    spec = spec_of(comparison_of(scenario, [method], seeds, 2, seed), objective, over, trials)
    chosen = executor_of(executor)
    options = RunOptions(setting_of(device, threads, precision, False, executor=chosen), workers, chosen, on_progress)
    return run_search_command(spec, store, ReportOptions(out, command=command, replace=replace, names=TRIALS), options)
