"""Tables and claims of ``papers.vision.classes``: ``python -m papers.vision.tables`` writes classes.md beside classes.json."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from untrain.reports.formatting import short

Array = np.ndarray[Any, Any]
Table = dict[str, dict[str, Array]]  # method -> number -> (classes, seeds)
SHARES = ("staying", "forgotten", "forget", "retain")
NUMBERS = ("aus", *SHARES, "entropy")
POINT = 0.01


def main() -> None:
    """Write the page."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--folder", type=Path, default=Path(__file__).parent)
    folder = options.parse_args().folder
    (folder / "classes.md").write_text(page(json.loads((folder / "classes.json").read_text())))


def page(document: dict[str, Any]) -> str:
    """Claims, the best setting of each method, and all settings."""
    table, failed = tables(document)
    chosen = best(table)
    facts = document["setting"]
    count, seeds = len(document["cases"]), document["seeds"]
    head = [
        "# Class removal", "",
        f"{document['date']}, `{document['command']}`: each of {count} classes of Fashion-MNIST (4,000 images, 100 principal "
        f"components, `MLP(width=64)`) is forgotten from the same {seeds} originals; as many retrained models a class. "
        f"{facts['machine']}, untrain {facts['untrain']}, torch {facts['torch']}; {document['cpu_seconds']} CPU seconds.", "",
        "AUS is (1 + test accuracy on the other classes, less the same original's) / (1 + test accuracy on the forgotten class). A "
        "method's setting is the one, of those tried, with the highest mean AUS, so **test data chose it**. Intervals "
        "are Student's t over classes, of means over originals.", "",
    ]  # fmt: skip
    return "\n".join([*head, *claims(table, chosen), "", "## At the best setting", "", *rows(table, chosen), "",
                      "## All settings", "", *rows(table, {name: name for name in table if name not in ("oracle", "original")}),
                      *(f"| `{name}` | {why} |" + " |" * 7 for name, why in failed.items()), ""])  # fmt: skip


def tables(document: dict[str, Any]) -> tuple[Table, dict[str, str]]:
    """Numbers of single models by method, and the methods that failed on some class, with the reason."""
    found: dict[str, dict[str, list[Any]]] = {}
    failed: dict[str, str] = {}
    for case in document["cases"]:
        for row in case["rows"]:
            if row["error"]:
                failed[row["method"]] = row["error"]
                continue
            numbers = {n: row[n] for n in NUMBERS if n in row} | {"cost": row.get("cost"), "sees": row.get("sees")}
            for name, values in numbers.items():
                found.setdefault(row["method"], {}).setdefault(name, []).append(values)
    return {m: {n: np.array(v) for n, v in by.items()} for m, by in found.items() if m not in failed}, failed


def best(table: Table) -> dict[str, str]:
    """Setting of each method with the highest mean AUS; of the projection's ablation a row of its own."""
    chosen: dict[str, str] = {}
    for method, numbers in table.items():
        if method in ("oracle", "original"):
            continue
        name = short(method)
        if name == "ProjectedGradient":
            name += " without projection" if "share=0.0" in method else ""
        if name == "DUCK" and "official" in method:
            name += ", official targets"
        if name not in chosen or numbers["aus"].mean() > table[chosen[name]]["aus"].mean():
            chosen[name] = method
    return dict(sorted(chosen.items(), key=lambda item: -table[item[1]]["aus"].mean()))


def interval(values: Array) -> tuple[float, float, float]:
    """Mean and 95 % interval over classes of means over originals."""
    each = values.mean(1)
    half = stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each))
    return float(each.mean()), float(each.mean() - half), float(each.mean() + half)


def claims(table: Table, chosen: dict[str, str]) -> list[str]:
    """What the papers say, each decided by an interval."""
    lines = ["| Claim | Measured | Verdict |", "|---|---|---|"]

    def of(name: str, number: str) -> Array:
        return table[chosen[name]][number]

    def say(text: str, values: Array, low: float, high: float, shown: Callable[[float], str]) -> None:
        mean, lower, upper = interval(values)
        verdict = "**holds**" if low <= lower and upper <= high else "**fails**" if upper < low or lower > high else "undecided"
        lines.append(f"| {text} | {shown(mean)} [{shown(lower)}, {shown(upper)}] | {verdict} |")

    def aus(value: float) -> str:
        return f"{value:.3f}"

    def points(value: float) -> str:
        return f"{100 * value:.1f}"

    def higher(text: str, one: str, other: str) -> None:
        say(f"{text}{one} has a higher AUS than {other}", of(one, "aus") - of(other, "aus"), 0, float("inf"), aus)

    higher("DUCK's figure: ", "Finetune", "DUCK")
    for other in ("GradAscent", "RandomLabel", "BoundaryExpand", "BoundaryShrink"):
        higher("DUCK's figure: ", "DUCK", other)
    higher("POUR's table: ", "POUR", "DELETE")
    if "DUCK, official targets" in chosen:
        theirs = chosen["DUCK, official targets"]
        ours = table[theirs.replace("bookkeeping=Bookkeeping(targets='official'), ", "")]
        say("targets as DUCK's code keeps them cost AUS, all else equal", ours["aus"] - of("DUCK, official targets", "aus"), 0,
            float("inf"), aus)  # fmt: skip
    zero = max(("JiT", "ReferenceJiT"), key=lambda name: of(name, "aus").mean())
    lost, entropy = table["original"]["staying"] - of(zero, "staying"), table["oracle"]["entropy"].mean(1, keepdims=True)
    say(f"{zero}: at most 1 % of the forgotten class's test examples are right", of(zero, "forgotten"), 0, POINT, points)
    say(f"{zero}: the other classes lose at most 3 points of test accuracy", lost, -1, 0.03, points)
    say(f"{zero}: entropy on the forget set is within .05 nats of retraining's", of(zero, "entropy") - entropy, -0.05, 0.05, aus)
    higher("zero-shot methods: ", zero, "BoundaryExpand")
    for side in ("retain", "staying"):
        gap = table["oracle"][side].mean(1, keepdims=True) - of("ProjectedGradient", side)
        say(f"projected gradients: within 1 point of retraining on {side}", gap, -POINT, POINT, points)
    higher("the projection is what does it: ", "ProjectedGradient", "ProjectedGradient without projection")
    higher("without retain data: ", "ProjectedGradient", "NegGrad")
    return lines


def cell(values: Array, factor: int, digits: int) -> str:
    """Mean and interval, multiplied, with as many digits."""
    mean, low, high = (factor * number for number in interval(values))
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def rows(table: Table, chosen: dict[str, str]) -> Sequence[str]:
    """A line for each method."""
    lines = [
        "| Method | Setting | Sees | AUS | Other classes, test | Forgotten class, test | Forget | Retain | Operations |",
        "|---" * 9 + "|",
    ]
    for name, method in chosen.items():
        numbers = table[method]
        cells = [cell(numbers["aus"], 1, 3), *(cell(numbers[number], 100, 1) for number in SHARES)]
        spelled = "" if name == method else f"`{method.replace('()', '')}`"
        shown = f"`{name.replace('()', '')}`" if name == method else name
        cost = float(np.mean(numbers["cost"]))
        lines.append(f"| {shown} | {spelled} | {numbers['sees'][0]} | {' | '.join(cells)} | {100 * cost:.1f} % |")
    for name in ("oracle", "original"):
        means = [interval(table[name][number])[0] for number in SHARES]
        lines.append(f"| {name}s | | | | {' | '.join(f'{100 * m:.1f}' for m in means)} | |")
    return lines


if __name__ == "__main__":
    main()
