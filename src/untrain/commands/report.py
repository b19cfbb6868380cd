"""The report again, from stored arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.run import Document
from untrain.core.errors import StoreError

if TYPE_CHECKING:
    from untrain.evaluation.base import Evaluator


def report(
    runs: Sequence[str] = (),
    store: str | Path | None = None,
    out: str | Path = "untrain-report",
    images: bool = True,
    command: str = "untrain report",
    evaluators: str | Evaluator | Sequence[str | Evaluator] = (),
) -> Document:
    """The scores and the page again, from stored arrays: no model, no GPU.

    Args:
        runs: keys of runs (a beginning will do), or folders that an earlier command wrote; empty takes the latest run.
        store: where the runs are.
        out: folder of report.html, results.json and scores.csv.
        images: whether the report shows images of the forget set.
        command: shown in the report.
        evaluators: what scores, such as 'KLoM(least=10)'; empty for one of each.
    """
    from untrain.experiments.pipeline import evaluators_of
    from untrain.experiments.publish import publish
    from untrain.experiments.run_record import find_runs
    from untrain.runtime.store import Store, folder_of, is_store

    chosen = list(evaluators_of(evaluators)) or None

    if not is_store(store):
        raise StoreError(f"there is no store at {folder_of(store)}: name another --store")
    held = Store(store)
    return publish([entry for word in (runs or ["latest"]) for entry in find_runs(word, held)], held, out, images, command, chosen)
