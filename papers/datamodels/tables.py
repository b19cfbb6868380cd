"""Tables, claims and the figure of ``papers.datamodels.compare``: ``python -m papers.datamodels.tables``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from papers.vision.verdicts import interval

from untrain.reports.formatting import short

matplotlib.rcParams.update({"svg.hashsalt": "untrain", "font.size": 8, "axes.grid": True, "grid.alpha": 0.3})
Row = dict[str, Any]
SCORES = {"klom_forget": "mean", "klom_forget_p95": "95th percentile"}  # that decide claims
SIDES = ("forget", "retain", "test")
BOUNDS = ("OracleMatch", "DatamodelMatch")
BASELINES = ("GradAscent", "NegGrad", "Finetune", "SCRUB", "DEL")
MARKS = dict(zip((*BOUNDS, *BASELINES, "DatamodelDirect", "Nothing", "Retrain"), "o^vsDP*Xhd", strict=True))


def main() -> None:
    """Write NAME.md for each document, and the figure of all."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--folder", type=Path, default=Path(__file__).parent)
    folder = options.parse_args().folder
    documents = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    for name, document in documents.items():
        (folder / f"{name}.md").write_text(page(name, document))
    if documents:
        draw(documents, folder / "compute.svg")


def page(name: str, document: Row) -> str:
    """Claims and the table of forget sets of one kind."""
    sets, count = document["sets"], document["models"]
    facts, rows, requests = sets[0]["setting"], over_sets(sets), [one["request"] for one in sets]
    floors = {name: mean([one["rows"][0]["scores"][name]["floor"] or 0 for one in sets]) for name in SCORES}
    several = (
        ""
        if len(sets) == 1
        else (f" Of {len(sets)} forget sets there are means, with Student's 95 % intervals; claims are of differences on each set.")
    )
    head = [
        f"# {name}: {', '.join(f'`{request}`' for request in requests)}", "",
        f"{count} originals, {2 * count} retrained models, {sets[0]['sizes']['train']} training images of Fashion-MNIST as 100 "
        f"principal components, `MLP(width=64)`; {sets[-1]['date']}, {facts['machine']}, untrain {facts['untrain']}, torch "
        f"{facts['torch']}. `{document['command']}`", "",
        "KLoM is of as many unlearned as retrained models, mean and 95th percentile over examples, in nats; the floor is of two "
        f"groups of retrained models of that size: {floors['klom_forget']:.2f} in the mean over the forget set, "
        f"{floors['klom_forget_p95']:.2f} at its 95th percentile.{several} Settings stand "
        "side by side, and none was chosen: the best of a method by this very score is what a look at oracles could find.", "",
    ]  # fmt: skip
    notes = list(dict.fromkeys(n for one in sets for row in one["rows"] for n in row["notes"] if "linear datamodeling score" in n))
    return "\n".join([*head, *(f"{note[0].upper()}{note[1:]}.\n" for note in notes), *claims(rows, floors), "", *table(rows), ""])


def over_sets(sets: Sequence[Row]) -> list[Row]:
    """Of each setting that ran on all forget sets its scores: their means over sets, with 'each' for differences."""
    named = [{(row["method"], row["budget"]): row for row in one["rows"] if not row["error"]} for one in sets]
    return [joined([rows[key] for rows in named]) for key in named[0] if all(key in rows for rows in named)]


def joined(rows: Sequence[Row]) -> Row:
    """One row for those of a setting on several forget sets; of one set its own intervals stay."""
    scores = {}
    for name, first in rows[0]["scores"].items():
        each = [row["scores"][name]["value"] for row in rows]
        one = first | {"each": each}
        if len(rows) > 1:
            low, high = (None, None) if None in each else spread(each)
            one |= {"value": None if None in each else mean(each), "low": low, "high": high}
        scores[name] = one
    shares = [row["cost"]["share_of_retraining"] for row in rows]
    return rows[0] | {"scores": scores, "cost": {"share_of_retraining": None if None in shares else mean(shares)}}


def spread(each: Sequence[float]) -> tuple[float, float]:
    """Student's 95 % interval of a mean."""
    return interval(np.array(each)[:, None])[1:]


def claims(rows: Sequence[Row], floors: dict[str, float]) -> list[str]:
    """The paper's claims, by the mean and by the 95th percentile: intervals over examples of one forget set, else over sets."""
    lines = ["| Claim | By the | Measured | Verdict |", "|---|---|---|---|"]

    def say(text: str, by: str, measured: str, holds: bool, fails: bool) -> None:
        lines.append(f"| {text} | {SCORES[by]} | {measured} | {'**holds**' if holds else '**fails**' if fails else 'undecided'} |")

    for by in SCORES:
        best = {kind: best_of(rows, kind, by) for kind in (*BOUNDS, *BASELINES, "DatamodelDirect")}
        for kind in BOUNDS:
            if (row := best[kind]) is not None:
                score, twice = row["scores"][by], 2 * floors[by]
                text = f"{kind} comes within twice the floor of retraining"
                say(text, by, f"{cell(score)}, floor {floors[by]:.2f}", score["high"] <= twice, score["low"] > twice)
        ours = best["DatamodelMatch"]
        for kind in (*BASELINES, "DatamodelDirect"):
            if (row := best[kind]) is None or ours is None:
                continue
            score, matched = row["scores"][by], ours["scores"][by]
            text = f"{kind}, at its best setting, is farther than DatamodelMatch"
            if len(score["each"]) == 1:
                say(text, by, cell(score), score["low"] > matched["high"], score["high"] < matched["low"])
                continue
            apart = [theirs - own for theirs, own in zip(score["each"], matched["each"], strict=True)]
            low, high = spread(apart)
            say(text, by, f"{cell(score)}, farther by {mean(apart):.2f} [{low:.2f}, {high:.2f}]", low > 0, high < 0)
    return lines


def best_of(rows: Sequence[Row], kind: str, by: str) -> Row | None:
    """The setting of a method with the least score."""
    of = [r for r in rows if short(r["method"]) == kind and r["budget"] is None and r["scores"][by]["value"] is not None]
    return min(of, key=lambda row: row["scores"][by]["value"]) if of else None


def table(rows: Sequence[Row]) -> list[str]:
    """Methods down, KLoM, accuracy and cost across."""
    heads = [
        "method",
        *(f"{side} {kind}" for kind in ("mean", "P95") for side in SIDES),
        "U-LiRA",
        "forget gap",
        "test gap",
        "cost",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in sorted(rows, key=lambda row: row["scores"]["klom_forget_p95"]["value"] or 0):
        scores = row["scores"]
        cells = [cell(scores[f"klom_{side}{kind}"]) for kind in ("", "_p95") for side in SIDES]
        gaps = [f"{100 * scores[f'{side}_gap']['value']:.1f}" for side in ("forget", "test")]
        stop = "" if row["budget"] is None else f", stopped at {100 * row['budget']:.0f} %"
        name = row["method"].replace("()", "")
        lines.append("| " + " | ".join([f"`{name}`{stop}", *cells, cell(scores["mia_ulira_accuracy"]), *gaps, share(row)]) + " |")
    return lines


def cell(score: dict[str, Any]) -> str:
    """A value with its interval."""
    return "-" if score["value"] is None else f"{score['value']:.2f} [{score['low']:.2f}, {score['high']:.2f}]"


def share(row: Row) -> str:
    """Operations as a share of retraining's."""
    spent = row["cost"]["share_of_retraining"]
    return "-" if spent is None else f"{100 * spent:.1f} %"


def draw(documents: dict[str, dict[str, Any]], path: Path) -> None:
    """KLoM on the forget set against operations, a panel for each request."""
    figure, axes = plt.subplots(1, len(documents), figsize=(5.2 * len(documents), 4.2), squeeze=False, sharey=True)
    for axis, (name, document) in zip(axes[0], documents.items(), strict=True):
        done = over_sets(document["sets"])
        floor = mean([one["rows"][0]["scores"]["klom_forget_p95"]["floor"] or 0 for one in document["sets"]])
        axis.axhline(floor, color="black", linewidth=0.8, linestyle="--")
        axis.text(1.0, floor, " floor", va="bottom", ha="right", transform=axis.get_yaxis_transform())
        for kind, mark in MARKS.items():
            rows = [row for row in done if short(row["method"]) == kind]
            points = sorted(
                (max(row["cost"]["share_of_retraining"] or 0, 1e-3), row["scores"]["klom_forget_p95"]["value"]) for row in rows
            )
            if points:
                axis.plot(*zip(*points, strict=True), mark, markersize=5, label=kind, linestyle=":" if kind == "Retrain" else "")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("operations, share of retraining's")
        axis.set_title(name)
    axes[0][0].set_ylabel("KLoM on the forget set, 95th percentile, nats")
    axes[0][-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


if __name__ == "__main__":
    main()
