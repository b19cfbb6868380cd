"""Scores and the page of runs as files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from untrain.attribution.result import Attribution, save
from untrain.core.paths import user_path
from untrain.evaluation.base import Evaluator
from untrain.evaluation.protocols.protocol import Protocol
from untrain.experiments.results import material, score_run
from untrain.experiments.run_options import ReportOptions
from untrain.reports.csv_files import attribution_csv, masks_csv, scores_csv
from untrain.reports.html.attribute_page import attribution_page
from untrain.reports.html.localize_page import masks_page
from untrain.reports.html.page import page
from untrain.reports.shown import Shown
from untrain.reports.write import ATTRIBUTIONS, MASKS, REPORT, Document, check_writable, problems_of, what_is_replaced, write_files
from untrain.runtime.progress import OnProgress, say, show_stage
from untrain.runtime.store import Entry, Store
from untrain.runtime.threads import threads


@threads(1)  # as scores are
def publish(
    entries: Sequence[Entry],
    store: Store,
    out: str | Path | None,
    images: bool,
    command: str,
    chosen: list[Evaluator] | None = None,
    replace: bool = False,
    on_progress: OnProgress | None = None,
    protocol: Protocol | None = None,
) -> Document:
    """Score runs and write results.json, scores.csv and report.html, all of them or none.

    Args:
        entries: of kind 'run'.
        store: holds the entries.
        out: the folder; None writes nothing.
        images: whether the page shows images of the forget set.
        command: shown on the page; bytes of a path that are not UTF-8 are shown as they are written, such as ``\\udce9``.
        chosen: the evaluators; None for one of each.
        replace: whether a report of another problem may be replaced.
        on_progress: called with the progress of scoring, and what is replaced.
        protocol: whose margins decide; None for what each run stated.

    Raises:
        BadInput: the folder cannot be written, or holds what is not to be replaced.
    """
    command = command.encode("utf-8", "backslashreplace").decode("utf-8")
    about = {"runs": [entry.record for entry in entries]}
    replaced = what_is_replaced(out, REPORT, problems_of(about), replace)
    documents = [score_run(entry, store, chosen, on_progress=on_progress, protocol=protocol) for entry in entries]
    whole = {"command": command, "runs": documents, "failed": sum(r["error"] is not None for d in documents for r in d["results"])}
    if out is None:
        return whole
    check_writable(out)
    folder = user_path(out)
    say(on_progress, replaced or f"writing {folder / 'report.html'}")
    show_stage(on_progress, "collecting what the page shows")
    materials = [material(e, store, d, images, chosen) for e, d in zip(entries, documents, strict=True)]
    texts = {
        "results.json": json.dumps(whole, indent=1, allow_nan=False),
        "scores.csv": scores_csv(documents),
        "report.html": page(materials, command),
    }
    with store.noting(folder):
        write_files(folder, texts)
    return whole | {"report": str(folder / "report.html")}


def publish_masks(
    document: Document, out: str | Path, command: str, replace: bool = False, on_progress: OnProgress | None = None
) -> str:
    """Write the document of ``untrain localize`` as localize.json, localize.csv and localize.html; the path of the page."""
    say(on_progress, what_is_replaced(out, MASKS, problems_of(document), replace))
    command = command.encode("utf-8", "backslashreplace").decode("utf-8")
    texts = {
        "localize.json": json.dumps(document, indent=1, allow_nan=False),
        "localize.csv": masks_csv(document),
        "localize.html": masks_page(document, command),
    }
    folder = user_path(out)
    write_files(folder, texts)
    return str(folder / "localize.html")


def publish_attribution(
    document: Document, attribution: Attribution, shown: Mapping[str, Mapping[int, Shown]] | None, options: ReportOptions,
    on_progress: OnProgress | None = None,
) -> Document:  # fmt: skip
    """Write the document of ``untrain attribute`` as .json, .csv and .html, and the whole table as .npz; their paths.

    Args:
        document: what is written.
        attribution: the whole table.
        shown: the examples of the document, by set and row; None leaves them out.
        options: the folder, the command, and whether files about another problem may be replaced.
        on_progress: called with what is replaced.
    """
    out = "" if options.out is None else options.out
    say(on_progress, what_is_replaced(out, ATTRIBUTIONS, problems_of(document), options.replace))
    command = options.command.encode("utf-8", "backslashreplace").decode("utf-8")
    folder = user_path(out)
    write_files(folder, {
        "attribute.json": json.dumps(document, indent=1, allow_nan=False),
        "attribute.csv": attribution_csv(document),
        "attribute.html": attribution_page(document, command, shown),
        "attribute.npz": partial(save, attribution),
    })  # fmt: skip
    return {"report": str(folder / "attribute.html"), "table": str(folder / "attribute.npz")}
