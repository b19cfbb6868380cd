"""Page of ``papers.vision.entropy``: ``python -m papers.vision.entropy_table`` writes entropy.md beside entropy.json."""

from __future__ import annotations

from typing import Any

import numpy as np
from papers.vision.removal import publish
from papers.vision.verdicts import ENDLESS, HEAD, against, cell, interval, line, number, points

NEAR, LOST = 0.05, 0.03  # nats; share of test examples


def page(document: dict[str, Any]) -> str:
    """What the notebook found, what came of it here, and the numbers of all methods."""
    facts, seeds, sizes = document["setting"], document["seeds"], document["sizes"]
    rows = {row["method"]: row for row in document["rows"]}
    drops = " and ".join(f"{drop:.0%}" for drop in document["drops"])
    head = [
        "# Entropy after JiT", "",
        f"{document['date']}, `{document['command']}`: `{document['scenario']}`, {sizes['forget']} of {sizes['train']:,} images "
        f"are forgotten from {seeds} originals; {seeds} retrained models. {facts['machine']}, untrain {facts['untrain']}, torch "
        f"{facts['torch']}; {document['cpu_seconds']} CPU seconds.", "",
        "The authors' notebook has one model of each kind, of another network on all of CIFAR-10: mean entropy of predictions on "
        "the forget set .024 before, .197 after JiT, .206 of a retrained model, and a Wilcoxon test of the last two with p = .909. "
        f"Step sizes other than the notebook's are the largest that change at most {drops} of the predictions on noised forget "
        "images, chosen on a model that is not judged. Intervals are 95 %, Student's t over originals, and against retraining over "
        "both kinds of models; each verdict stands by itself. A large p is no evidence that two are alike: the interval is.", "",
    ]  # fmt: skip
    return "\n".join([*head, *claims(document, rows), "", "## Methods", "", *table(document, rows), ""])


def numbers(row: dict[str, Any], name: str) -> Any:
    """A number of each model, (s,)."""
    return np.array(row[name])


def claims(document: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    """The notebook's findings, each decided by an interval."""
    original, oracle = rows["original"], rows["oracle"]
    surer = against(numbers(original, "entropy"), numbers(oracle, "entropy"))
    lines = [*HEAD, line("the original is surer of the forget set than retraining: entropy, nats", surer, -ENDLESS, 0, number)]
    for label, method in document["methods"].items():
        row = rows.get(method)
        if label == "Nothing" or row is None or row["error"]:
            continue
        entropy = numbers(row, "entropy")
        more = interval((entropy - numbers(original, "entropy"))[:, None])
        lines.append(line(f"{label}: entropy is higher than the original's, nats", more, 0, ENDLESS, number))
        gap = against(entropy, numbers(oracle, "entropy"))
        lines.append(line(f"{label}: entropy is within {NEAR:g} nats of retraining's", gap, -NEAR, NEAR, number))
        lost = interval((numbers(original, "test") - numbers(row, "test"))[:, None])
        lines.append(line(f"{label}: at most {100 * LOST:g} points of test accuracy are lost", lost, -1, LOST, points))
    return lines


def table(document: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    """A line for each kind of model."""
    lines = ["| Method | Setting | Entropy, nats | p, median | Forget | Retain | Test | Operations |", "|---" * 8 + "|"]
    for label, method in {**document["methods"], "retrained": "oracle"}.items():
        row, spelled = rows.get(method), "" if method == "oracle" else f"`{method.replace('()', '')}`"
        if row is None or row["error"]:
            lines.append(f"| {label} | {method if row is None else row['error']} |" + " |" * 6)
            continue
        sides = [cell(interval(numbers(row, name)[:, None]), points) for name in ("forget", "retain", "test")]
        p = "" if method == "oracle" else f"{np.median(row['p']):.2g}"
        cost = f"{100 * row['cost']:.1f} %" if "cost" in row else ""
        entropy = cell(interval(numbers(row, "entropy")[:, None]), number)
        lines.append(f"| {label} | {spelled} | {entropy} | {p} | {' | '.join(sides)} | {cost} |")
    return lines


if __name__ == "__main__":
    publish(__doc__, {"entropy": page})
