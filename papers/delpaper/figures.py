"""A figure for each experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from delpaper.claims import gap

Document = dict[str, Any]
ALONG = {"keep": "budget", "share": "share of retraining's operations", "fraction": "share to forget"}
matplotlib.rcParams.update({"svg.hashsalt": "untrain", "font.size": 8, "axes.grid": True, "grid.alpha": 0.3})


def draw(document: Document, path: Path) -> None:
    """The figure that suits what the rows have."""
    if document["experiment"] == "sequential":
        figure = _sequence(document)
    else:
        along = next((name for name in ALONG if any(name in row for row in document["rows"])), None)
        figure = _bars(document) if along is None else _curves(document, along)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def _gaps(document: Document, row: Document, side: str) -> tuple[float, float, float]:
    return gap({"it": row["models"], "oracle": document["oracles"][row["scenario"]]}, "it", side)


def _bars(document: Document) -> Any:
    requests = list(dict.fromkeys(r["request"] for r in document["rows"] if not r.get("error")))
    done = [[r for r in document["rows"] if r["request"] == q and not r.get("error")][::-1] for q in requests]
    tall = [len(rows) + 3 for rows in done]
    shape = {"figsize": (11, 0.17 * sum(tall) + 0.5), "squeeze": False, "height_ratios": tall}
    figure, axes = plt.subplots(len(requests), 2, sharey="row", **shape)
    for (left, right), request, rows in zip(axes, requests, done, strict=True):
        for axis, side in ((left, "forget"), (right, "test")):
            found, places = np.array([_gaps(document, r, side) for r in rows]), np.arange(len(rows))
            axis.axvline(0, color="black", linewidth=0.8)
            ends = [found[:, 0] - found[:, 1], found[:, 2] - found[:, 0]]
            axis.errorbar(found[:, 0], places, xerr=ends, fmt="o", markersize=3, linewidth=1)
            # One interval much wider than the others runs out of the panel, so that the others can be read.
            wide = 1.15 * max(5.0, float(np.abs(found[:, 0]).max()), float(np.quantile(np.abs(found[:, 1:]), 0.9)))
            axis.set_xlim(-wide, wide)
            axis.set_title(f"{request}: {side} gap (points), oracle minus unlearned")
        left.set_yticks(places, [_label(r) for r in rows])
        left.set_ylim(-0.7, len(rows) - 0.3)
    figure.tight_layout()
    return figure


def _label(row: Document) -> str:
    prefix = row.get("ablation", row.get("steps"))
    return row["label"] if prefix is None else f"{prefix}: {row['label']}"


def _curves(document: Document, along: str) -> Any:
    rows = [r for r in document["rows"] if not r.get("error")]
    panels = list(dict.fromkeys((r["request"], r.get("unlearner", "")) for r in rows))
    figure, axes = plt.subplots(2, len(panels), figsize=(3.3 * len(panels) + 1.5, 5.2), squeeze=False)
    for column, (request, unlearner) in enumerate(panels):
        here = [r for r in rows if r["request"] == request and r.get("unlearner", "") == unlearner]
        for line, side in enumerate(("forget", "test")):
            _panel(document, axes[line][column], here, along, side)
        axes[0][column].set_title(f"{request}{': ' if unlearner else ''}{unlearner}")
        axes[1][column].set_xlabel(ALONG[along])
    axes[0][0].set_ylabel("forget gap (points)")
    axes[1][0].set_ylabel("test gap (points)")
    handles = {label: handle for row in axes for a in row for handle, label in zip(*a.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    return figure


def _panel(document: Document, axis: Any, rows: list[Document], along: str, side: str) -> None:
    names = list(dict.fromkeys(r.get("localizer", r["label"]) for r in rows))
    axis.axhline(0, color="black", linewidth=0.8)
    for at, name in enumerate(names):
        mine = [r for r in rows if r.get("localizer", r["label"]) == name]
        found = np.array([_gaps(document, r, side) for r in mine])
        # Side by side, so that intervals can be told apart.
        x = np.array([r[along] for r in mine]) * 1.02 ** (at - len(names) / 2)
        low, high = found[:, 0] - found[:, 1], found[:, 2] - found[:, 0]
        axis.errorbar(x, found[:, 0], yerr=[low, high], marker="o", markersize=3, linewidth=1, elinewidth=0.5, label=name)
    axis.set_xscale("log")
    values = sorted({r[along] for r in rows})
    axis.set_xticks(values, [f"{100 * v:g} %" for v in values])
    axis.minorticks_off()
    # As far as nine intervals in ten reach; the tables have the others whole.
    reach = np.array([_gaps(document, r, side) for r in rows])
    low = min(-5.0, reach[:, 0].min() - 2, np.quantile(reach[:, 1], 0.1))
    high = max(5.0, reach[:, 0].max() + 2, np.quantile(reach[:, 2], 0.9))
    axis.set_ylim(low, high)


def _sequence(document: Document) -> Any:
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2))
    for axis, side in zip(axes, ("forget", "forgotten", "test"), strict=True):
        for label in dict.fromkeys(r["label"] for r in document["rows"]):
            walks = [[100 * each[side] for each in r["rows"]] for r in document["rows"] if r["label"] == label and not r["error"]]
            if not walks:
                continue
            table = np.array(walks)
            steps = np.arange(1, table.shape[1] + 1)
            (drawn,) = axis.plot(steps, table.mean(0), marker="o", markersize=3, label=label)
            axis.fill_between(steps, table.min(0), table.max(0), alpha=0.15, color=drawn.get_color())
        axis.set_title(
            {"forget": "accuracy on the request just made", "forgotten": "on all requests so far", "test": "on test data"}[side]
        )
        axis.set_xlabel("requests")
    axes[0].set_ylabel("per cent; band: least to most")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.tight_layout()
    return figure
