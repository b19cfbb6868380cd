"""Tables of the work that methods took, and of what they changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from untrain.core.describe import documented
from untrain.core.metering import Cost
from untrain.reports import formatting
from untrain.reports.html.tables import Cell, Column, Document, MethodRow, Table, specs
from untrain.training.guard import Guard


def costs(document: Document) -> Table:
    """Cost of each method, with its share of retraining's, and cost of retraining."""
    heads = (
        ("flops", "Operations"), ("forward", "Examples forward"), ("backward", "Examples backward"), ("seconds", "Seconds"),
        ("peak", "Peak memory, MB"),
    )  # fmt: skip
    words = documented(Cost)
    columns = tuple(Column(n, h, words[n]) for n, h in heads)
    lines = tuple(_named(document, lambda row: _spent(row["cost"])))
    return Table(columns, lines, (MethodRow(None, "Retrained models", "", _spent(document["oracle_cost"])),))


def _spent(cost: Mapping[str, Any]) -> tuple[Cell, ...]:
    shown = (
        (formatting.operations(formatting.significant(cost.get("flops")), cost, "flops"), "share_of_retraining"),
        (formatting.count(cost.get("forward")), "share_of_examples"),
        (formatting.count(cost.get("backward")), "share_of_backward"),
        (formatting.digits(cost.get("seconds"), 2), "share_of_seconds"),
        (formatting.digits(cost.get("peak") and cost["peak"] / 1e6, 0), "share_of_peak"),
    )  # fmt: skip
    return tuple(Cell(value, formatting.share(cost.get(of))) for value, of in shown)


def guard(document: Document) -> Table:
    """Changes of the weights by each method."""
    heads = (
        ("may_move", "May move"), ("moved_share", "Moved"), ("moved_norm", "Length of the move"),
        ("outside_mask_max", "Largest move outside"), ("buffer_drift", "Batch-norm drift"),
    )  # fmt: skip
    words = documented(Guard)
    columns = tuple(Column(n, h, words[n]) for n, h in heads)
    return Table(columns, tuple(_named(document, _guarding)))


def _named(document: Document, cells: Callable[[Mapping[str, Any]], tuple[Cell, ...]]) -> Iterator[MethodRow]:
    """Yield a row of a table for each method that ran."""
    for (at, label, spec), row in zip(specs(document), document["results"], strict=True):
        if not row["error"]:
            yield MethodRow(at, label, "", cells(row), spec=spec)


def _guarding(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    guarded = row["guard"]
    shown = [
        formatting.share(guarded.get("may_move")),
        formatting.share(guarded.get("moved_share")),
        formatting.significant(guarded.get("moved_norm")),
    ]
    shown += [formatting.significant(guarded.get("outside_mask_max")), formatting.significant(guarded.get("buffer_drift"))]
    return tuple(map(Cell, shown))
