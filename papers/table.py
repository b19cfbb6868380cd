"""A results.json as a Markdown table: ``python papers/table.py untrain-demo/results.json``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

SHOWN = ("forget_gap", "test_gap", "mia_loss_auc", "mia_svc_gap", "forget_true_accuracy", "retain_accuracy", "test_accuracy")


def cell(name: str, score: dict[str, Any]) -> str:
    """Value and interval; points for gaps, per cent for accuracies."""
    if score["value"] is None:
        return "-"
    factor, places = (1, 3) if name.endswith("auc") else (100, 1)
    value, low, high = (f"{factor * score[k]:.{places}f}" for k in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def edge(name: str, score: dict[str, Any], key: str) -> str:
    """One of floor, ceiling and ideal."""
    factor, places = (1, 3) if name.endswith("auc") else (100, 1)
    return "-" if score[key] is None else f"{factor * score[key]:.{places}f}"


def table(run: dict[str, Any]) -> str:
    """Methods down, scores across, then the edges."""
    done = [row for row in run["results"] if row["error"] is None]
    names = [n for n in SHOWN if done[0]["scores"].get(n, {}).get("value") is not None]
    head = ["method", *(n.replace("_", " ") for n in names), "operations", "may move"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in done:
        cost, guard = row["cost"]["share_of_retraining"], row["guard"]["may_move"]
        cells = [cell(n, row["scores"][n]) for n in names]
        lines.append("| " + " | ".join([f"`{row['method']}`", *cells, f"{100 * cost:.0f} %", f"{100 * guard:.1f} %"]) + " |")
    for key, label in (("ideal", "oracles (ideal)"), ("floor", "floor"), ("ceiling", "original (ceiling)")):
        lines.append("| " + " | ".join([label, *(edge(n, done[0]["scores"][n], key) for n in names), "", ""]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("results", type=Path, help="the results.json that a run wrote")
    for each in json.loads(words.parse_args().results.read_text())["runs"]:
        print(f"\n{each['scenario']}: {each['seeds']} seeds, {each['oracles']} oracles\n\n{table(each)}")
