"""Verdicts of a results.json as a Markdown table: ``python papers/verdicts.py untrain-run/results.json``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

SHOWN = ("mia_loss_auc", "mia_ulira_accuracy", "mia_rmia_auc", "mia_lira_auc", "js_forget", "klom_forget")
MARKS = {"indistinguishable": "=", "distinguishable": "≠", "too few models": "?"}


def cell(score: dict[str, Any]) -> str:
    """Value and verdict."""
    if score["value"] is None:
        return "-"
    mark = MARKS[score["verdict"]["says"]] if score["verdict"] else ""
    return f"{score['value']:.3f} {mark}".rstrip()


def gap(score: dict[str, Any]) -> str:
    """The gap with its interval, in points, whether the interval leaves out 0, and the verdict."""
    value, low, high = (100 * score[k] for k in ("value", "low", "high"))
    by_interval = "≠" if low > 0 or high < 0 else "?"
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}] | {by_interval} | {MARKS[score['verdict']['says']]}"


def table(run: dict[str, Any]) -> str:
    """Methods down; the gap read by its interval alone, then the verdict on it, then attacks and distances."""
    done = [row for row in run["results"] if row["error"] is None]
    names = [n for n in SHOWN if any(r["scores"].get(n, {}).get("value") is not None for r in done)]
    head = ["method", "forget gap, points", "by its interval", "verdict on it", *(n.replace("_", " ") for n in names), "by all"]
    lines = ["| " + " | ".join([*head, "examples told"]) + " |", "|---" * (len(head) + 1) + "|"]
    for row in done:
        verdict, scores = row["verdict"], row["scores"]
        count = f"{MARKS[verdict['says']]} {len(verdict['distinguishable'])} of {len(verdict['tested'])}"
        told = f"{verdict['counts']['recognised']} surer, {verdict['counts']['standing_out']} less sure"
        cells = [f"`{row['method']}`", gap(scores["forget_gap"]), *(cell(scores[n]) for n in names), count, told]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("results", type=Path, help="the results.json that a run wrote")
    for each in json.loads(words.parse_args().results.read_text())["runs"]:
        print(f"\n{each['scenario']}: {each['seeds']} seeds, {each['oracles']} oracles\n\n{table(each)}")
