"""A search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import comparison_of, setting_of
from untrain.commands.run import Document, OnProgress
from untrain.core.errors import require_whole_numbers

if TYPE_CHECKING:
    from untrain.experiments.jobs import Method
    from untrain.experiments.scenarios.base import Scenario


def search(
    scenario: str | Scenario, method: str | Method, store: str | Path | None = None, out: str | Path | None = None,
    trials: int = 30, seeds: int = 2, objective: str = "balanced", over: str | Sequence[str] = (), seed: int = 0,
    device: str = "cpu", threads: int = 1, workers: int = 1, command: str = "", on_progress: OnProgress | None = None,
    precision: str = "auto",
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

    Raises:
        MissingExtra: optuna is not installed.
        RunFailed: no trial was finished.
    """
    from untrain.experiments.search.run import run_search_command
    from untrain.experiments.search.study import hunt_of

    require_whole_numbers(workers=workers)
    hunt = hunt_of(comparison_of(scenario, [method], seeds, 2, seed), objective, over, trials)
    return run_search_command(hunt, setting_of(device, threads, precision, False), store, out, workers, command, on_progress)
