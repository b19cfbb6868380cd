"""Scores and the report of stored runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from untrain.commands.arguments import Document
from untrain.core.errors import StoreError
from untrain.runtime.progress import OnProgress, show_stage

if TYPE_CHECKING:
    from untrain.evaluation.base import Evaluator
    from untrain.evaluation.protocols.protocol import Protocol


def report(
    runs: Sequence[str] = (),
    store: str | Path | None = None,
    out: str | Path = "untrain-report",
    images: bool = True,
    command: str = "untrain report",
    evaluators: str | Evaluator | Sequence[str | Evaluator] = (),
    plugins: Sequence[str] = (),
    replace: bool = False,
    on_progress: OnProgress | None = None,
    protocol: str | Protocol | None = None,
) -> Document:
    """Write the report of stored runs again: no model, no GPU.

    Examples:
        untrain report --out again
        untrain report --no-images --protocol strict
        untrain report --evaluator "KLoM(least=10)" --evaluator Accuracy

    Args:
        runs: keys of runs (their beginning is enough), or folders of reports; by default the latest run.
        store: folder of the store; None is ~/.untrain.
        protocol: margins within which a method passes, other than those that the run stated; the report says so.
        plugins: module of your own that a run names, such as my_package.my_observer; nothing is imported because a store says so.
    """
    from untrain.core.discovery import import_module
    from untrain.evaluation.protocols.protocol import protocol_of
    from untrain.experiments.publish import publish
    from untrain.experiments.run_options import evaluators_of
    from untrain.experiments.run_record import find_runs
    from untrain.runtime.store import Store, folder_of, is_store

    chosen = list(evaluators_of(evaluators)) or None
    for module in [plugins] if isinstance(plugins, str) else plugins:
        import_module(module)
    if not is_store(store):
        raise StoreError(f"there is no store at {folder_of(store)}: name another --store")
    show_stage(on_progress, "reading runs of the store")
    place = Store(store)
    entries = [entry for word in (runs or ["latest"]) for entry in find_runs(word, place)]
    other = None if protocol is None else protocol_of(protocol)
    return publish(entries, place, out, images, command, chosen, replace, on_progress, other)
