"""Tables and claims of class removal: ``python -m papers.vision.tables`` writes classes.md and photos.md beside their numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from papers.vision.removal import publish
from papers.vision.verdicts import ENDLESS, HEAD, Array, cell, interval, line, number, points

import untrain as ut
from untrain.reports.formatting import short

Table = dict[str, dict[str, Array]]  # method -> number -> (classes, seeds)
SHARES = ("staying", "forgotten", "forget", "retain")
NUMBERS = ("aus", *SHARES, "entropy")
POINT = 0.01
NEAR = 0.03  # AUS


def page(document: dict[str, Any]) -> str:
    """Claims, each method at its setting, and all settings that were run."""
    table, failed = tables(document)
    facts = document["setting"]
    if "chosen" in document:  # on validation data
        chosen = ranked(table, {label: method for label, method in document["chosen"].items() if method in table})
        head, judged = photographs(document), [*claims(table, chosen, ("JiT", "ReferenceJiT")), *further(table, chosen)]
        judged += ["", *edges(document)]
        more = ["", "## Settings that were tried on validation data", "", *tried(document)]
    else:
        chosen = best(table)
        zero = max(("JiT", "ReferenceJiT"), key=lambda name: table[chosen[name]]["aus"].mean())
        head, judged = clothes(document), claims(table, chosen, (zero,))
        every = {name: name for name in table if name not in ("oracle", "original")}
        more = ["", "## All settings", "", *rows(table, every)]
    machine = f"{facts['machine']}, untrain {facts['untrain']}, torch {facts['torch']}; {document['cpu_seconds']} CPU seconds."
    title = "At the chosen setting" if "chosen" in document else "At the best setting"
    lines = [f"{head[0]} {machine}", "", head[1], "", *judged, "", f"## {title}", "", *rows(table, chosen), *more]
    return "\n".join(["# Class removal" + head[2], "", *lines, *(f"| `{n}` | {why} |" + " |" * 7 for n, why in failed.items()), ""])


def clothes(document: dict[str, Any]) -> tuple[str, str, str]:
    """What was done on Fashion-MNIST, how to read it, and the rest of the title."""
    count, seeds = len(document["cases"]), document["seeds"]
    return (
        f"{document['date']}, `{document['command']}`: each of {count} classes of Fashion-MNIST (4,000 images, 100 principal "
        f"components, `MLP(width=64)`) is forgotten from the same {seeds} originals; as many retrained models a class.",
        "AUS is (1 + test accuracy on the other classes, less the same original's) / (1 + test accuracy on the forgotten class). A "
        "method's setting is the one, of those tried, with the highest mean AUS, so **test data chose it**. Intervals "
        "are Student's t over classes, of means over originals.",
        "",
    )


def photographs(document: dict[str, Any]) -> tuple[str, str, str]:
    """What was done on CIFAR-10, how to read it, and the rest of the title."""
    tuned = " and ".join(map(str, document["tuning"]["classes"]))
    return (
        f"{document['date']}, `{document['command']}`: each of {len(document['cases'])} classes of CIFAR-10 is forgotten, in turn "
        f"from one of {document['originals']} originals; {document['oracles']} retrained models a class. "
        f"`{document['learner']}` on {document['cases'][0]['sizes']['train']:,} images.",
        "AUS is (1 + test accuracy on the other classes, less the same original's) / (1 + test accuracy on the forgotten class). A "
        f"method's setting is the one, of those tried on another original with the classes {tuned}, with the highest AUS by "
        "**validation data and the forget set itself**; test data chose nothing, and these classes are not judged. A zero-shot "
        "method has no such data: its row says what it could do if somebody chose for it. Intervals are Student's t over classes; "
        "each verdict stands by itself.",
        " on photographs",
    )


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
    return ranked(table, chosen)


def ranked(table: Table, chosen: dict[str, str]) -> dict[str, str]:
    """Methods by their mean AUS, the highest first."""
    return dict(sorted(chosen.items(), key=lambda item: -table[item[1]]["aus"].mean()))


def claims(table: Table, chosen: dict[str, str], zeros: Sequence[str]) -> list[str]:
    """What the papers say, each decided by an interval; ``zeros`` are the zero-shot methods in question."""
    judged = Judged(table, chosen)
    judged.higher("DUCK's figure: ", "Finetune", "DUCK")
    for other in ("GradAscent", "RandomLabel", "BoundaryExpand", "BoundaryShrink"):
        judged.higher("DUCK's figure: ", "DUCK", other)
    judged.higher("POUR's table: ", "POUR", "DELETE")
    counterpart = chosen.get("DUCK, official targets", "").replace("bookkeeping=Bookkeeping(targets='official'), ", "")
    if counterpart in table:
        ours = table[counterpart]
        theirs = table[chosen["DUCK, official targets"]]
        judged.say("targets as DUCK's code keeps them cost AUS, all else equal", ours["aus"] - theirs["aus"], 0, ENDLESS, number)
    for zero in filter(chosen.__contains__, zeros):
        of = table[chosen[zero]]
        lost, entropy = table["original"]["staying"] - of["staying"], table["oracle"]["entropy"].mean(1, keepdims=True)
        judged.say(f"{zero}: at most 1 % of the forgotten class's test examples are right", of["forgotten"], 0, POINT, points)
        judged.say(f"{zero}: the other classes lose at most 3 points of test accuracy", lost, -1, 0.03, points)
        near = f"{zero}: entropy on the forget set is within .05 nats of retraining's"
        judged.say(near, of["entropy"] - entropy, -0.05, 0.05, number)
        judged.higher("zero-shot methods: ", zero, "BoundaryExpand")
    if "ProjectedGradient" in chosen:
        for side in ("retain", "staying"):
            gap = table["oracle"][side].mean(1, keepdims=True) - table[chosen["ProjectedGradient"]][side]
            judged.say(f"projected gradients: within 1 point of retraining on {side}", gap, -POINT, POINT, points)
    judged.higher("the projection is what does it: ", "ProjectedGradient", "ProjectedGradient without projection")
    judged.higher("without retain data: ", "ProjectedGradient", "NegGrad")
    return judged.lines


def further(table: Table, chosen: dict[str, str]) -> list[str]:
    """Methods against retraining, and methods without a retain set against each other."""
    judged = Judged(table, chosen)
    judged.lines.clear()
    for name in ("DUCK", "DUCK, ratio 20", "POUR", "DELETE", "ProjectedGradient"):
        if name in chosen:
            gap = table[chosen[name]]["aus"] - table["oracle"]["aus"].mean(1, keepdims=True)
            judged.say(f"{name}: AUS is within .03 of retraining's", gap, -NEAR, NEAR, number)
    for other in ("DELETE", "POUR", "BoundaryShrink", "GradAscent"):
        judged.higher("retain-free methods: ", "ProjectedGradient", other)
    for other in ("BoundaryShrink", "GradAscent"):
        judged.higher("retain-free methods: ", "DELETE", other)
    judged.higher("zero-shot methods: ", "ReferenceJiT", "JiT")
    return judged.lines


class Judged:
    """Claims about methods at their chosen settings, as rows of a table."""

    def __init__(self, table: Table, chosen: dict[str, str]):
        self.table, self.chosen, self.lines = table, chosen, list(HEAD)

    def say(self, text: str, values: Array, low: float, high: float, shown: Callable[[float], str]) -> None:
        """A claim that a number lies between two bounds."""
        self.lines.append(line(text, interval(values), low, high, shown))

    def higher(self, text: str, one: str, other: str) -> None:
        """A claim that one method has a higher AUS than the other, on the same classes and originals."""
        text = f"{text}{one} has a higher AUS than {other}"
        failed = [name for name in (one, other) if name not in self.chosen]
        if failed:
            self.lines.append(f"| {text} | {failed[0]} failed | undecided |")
            return
        values = self.table[self.chosen[one]]["aus"] - self.table[self.chosen[other]]["aus"]
        self.say(text, values, 0, ENDLESS, number)


def edges(document: dict[str, Any]) -> list[str]:
    """Which methods were given the smallest or the largest step size that was tried of all that is else the same, in a line."""
    sizes = defaultdict[str, set[float]](set)

    def split(method: str) -> tuple[str, float]:
        made: Any = ut.parse(method)
        steps = getattr(made, "steps", None)
        return ("", 0.0) if steps is None else (repr(replace(made, steps=replace(steps, lr=1.0))), steps.lr)

    for method in document["tuning"]["trials"]:
        rest, lr = split(method)
        sizes[rest].add(lr)
    ends: dict[str, list[str]] = {"smallest": [], "largest": []}
    for name, method in sorted(document["chosen"].items()):
        rest, lr = split(method)
        if rest and len(sizes[rest]) > 1 and lr in (min(sizes[rest]), max(sizes[rest])):
            ends["smallest" if lr == min(sizes[rest]) else "largest"].append(f"{name} ({lr:g})")
    told = "; ".join(f"the {end} for {', '.join(names)}" for end, names in ends.items() if names)
    if not told:
        return []
    untried = {name for name, method in document["chosen"].items() if method not in document["tuning"]["trials"]}
    single = sorted(untried - {"Nothing", "DUCK, official targets"})  # nothing to choose, and chosen with DUCK
    alone = f" Of {', '.join(single)} a single setting was tried." if single else ""
    return [
        f"**Step sizes at the edge of what was tried**: {told}. A better one may lie beyond, so that claims on these methods, and "
        f"how they fail, are about the settings that were tried and not about the methods.{alone}"
    ]


def tried(document: dict[str, Any]) -> list[str]:
    """Every setting with its AUS on validation data, class by class."""
    classes, taken = document["tuning"]["classes"], set(document["chosen"].values())
    lines = ["| Setting | Chosen |" + "".join(f" AUS, class {c} |" for c in classes), "|---" * (2 + len(classes)) + "|"]
    for method, values in document["tuning"]["trials"].items():
        cells = [number(v) if isinstance(v, float) else str(v) for v in values]
        lines.append(f"| `{method.replace('()', '')}` | {'yes' if method in taken else ''} | {' | '.join(cells)} |")
    return lines


def rows(table: Table, chosen: dict[str, str]) -> Sequence[str]:
    """A line for each method."""
    lines = [
        "| Method | Setting | Sees | AUS | Other classes, test | Forgotten class, test | Forget | Retain | Operations |",
        "|---" * 9 + "|",
    ]
    for name, method in chosen.items():
        numbers = table[method]
        cells = [cell(interval(numbers["aus"]), number), *(cell(interval(numbers[n]), points) for n in SHARES)]
        spelled = "" if name == method else f"`{method.replace('()', '')}`"
        shown = f"`{name.replace('()', '')}`" if name == method else name
        cost = float(np.mean(numbers["cost"]))
        lines.append(f"| {shown} | {spelled} | {numbers['sees'][0]} | {' | '.join(cells)} | {100 * cost:.1f} % |")
    for name in ("oracle", "original"):
        means = [interval(table[name][n])[0] for n in SHARES]
        of = cell(interval(table[name]["aus"]), number) if "aus" in table[name] else ""
        lines.append(f"| {name}s | | | {of} | {' | '.join(f'{100 * m:.1f}' for m in means)} | |".replace("|  |", "| |"))
    return lines


if __name__ == "__main__":
    publish(__doc__, {"classes": page, "photos": page})
