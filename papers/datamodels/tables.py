"""Tables, claims and the figure of ``papers.datamodels.compare``: ``python -m papers.datamodels.tables``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from untrain.reports.formatting import short

matplotlib.rcParams.update({"svg.hashsalt": "untrain", "font.size": 8, "axes.grid": True, "grid.alpha": 0.3})
Row = dict[str, Any]
WORST = "klom_forget_p95"
SIDES = ("forget", "retain", "test")
BOUNDS = ("OracleMatch", "DatamodelMatch")
BASELINES = ("GradAscent", "NegGrad", "Finetune", "SCRUB", "DEL")
MARKS = dict(zip((*BOUNDS, *BASELINES, "DatamodelDirect", "Nothing", "Retrain"), "o^vsDP*Xhd", strict=True))


def main() -> None:
    """Write REQUEST.md for each document, and the figure of all."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--folder", type=Path, default=Path(__file__).parent)
    folder = options.parse_args().folder
    documents = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    for name, document in documents.items():
        (folder / f"{name}.md").write_text(page(name, document))
    if documents:
        draw(documents, folder / "compute.svg")


def page(name: str, document: dict[str, Any]) -> str:
    """Claims and the table of one request."""
    done = [row for row in document["rows"] if not row["error"]]
    floor = done[0]["scores"][WORST]["floor"]
    facts, count = document["setting"], document["models"]
    head = [
        f"# {name}: `{document['request']}`", "",
        f"{count} originals, {2 * count} retrained models, {document['sizes']['train']} training images of Fashion-MNIST as 100 "
        f"principal components, `MLP(width=64)`; {document['date']}, {facts['machine']}, untrain {facts['untrain']}, torch "
        f"{facts['torch']}. `{document['command']}`", "",
        "KLoM is of as many unlearned as retrained models, mean and 95th percentile over examples, in nats; the floor is of two "
        f"groups of retrained models of that size: {floor:.2f} at the 95th percentile of the forget set. Settings stand "
        "side by side, and none was chosen: the best of a method by this very score is what a look at oracles could find.", "",
    ]  # fmt: skip
    notes = list(dict.fromkeys(n for row in done for n in row["notes"] if "linear datamodeling score" in n))
    return "\n".join([*head, *(f"{note[0].upper()}{note[1:]}.\n" for note in notes), *claims(done), "", *table(done), ""])


def claims(rows: Sequence[Row]) -> list[str]:
    """The paper's claims, each decided by intervals over examples."""
    floor = rows[0]["scores"][WORST]["floor"]
    lines = ["| Claim | Measured | Verdict |", "|---|---|---|"]

    def best(name: str) -> Row | None:
        of = [row for row in rows if short(row["method"]) == name and row["budget"] is None]
        return min(of, key=lambda row: row["scores"][WORST]["value"]) if of else None

    def say(text: str, row: Row, holds: bool, fails: bool) -> None:
        score = row["scores"][WORST]
        verdict = "**holds**" if holds else "**fails**" if fails else "undecided"
        lines.append(f"| {text} | {score['value']:.2f} [{score['low']:.2f}, {score['high']:.2f}], floor {floor:.2f} | {verdict} |")

    for name in BOUNDS:
        row = best(name)
        if row is not None:
            low, high = row["scores"][WORST]["low"], row["scores"][WORST]["high"]
            say(f"{name} comes within twice the floor of retraining", row, high <= 2 * floor, low > 2 * floor)
    ours = best("DatamodelMatch")
    for name in (*BASELINES, "DatamodelDirect"):
        row = best(name)
        if row is None or ours is None:
            continue
        score, matched = row["scores"][WORST], ours["scores"][WORST]
        apart = score["low"] > matched["high"], score["high"] < matched["low"]
        say(f"{name}, at its best setting, is farther than DatamodelMatch", row, *apart)
    return lines


def table(rows: Sequence[Row]) -> list[str]:
    """Methods down, KLoM, accuracy and cost across."""
    heads = [
        "method",
        *(f"{side} mean" for side in SIDES),
        *(f"{side} P95" for side in SIDES),
        "U-LiRA",
        "forget gap",
        "test gap",
        "cost",
    ]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in sorted(rows, key=lambda row: row["scores"][WORST]["value"]):
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
        done = [row for row in document["rows"] if not row["error"]]
        floor = done[0]["scores"][WORST]["floor"]
        axis.axhline(floor, color="black", linewidth=0.8, linestyle="--")
        axis.text(1.0, floor, " floor", va="bottom", ha="right", transform=axis.get_yaxis_transform())
        for kind, mark in MARKS.items():
            rows = [row for row in done if short(row["method"]) == kind]
            points = sorted((max(row["cost"]["share_of_retraining"] or 0, 1e-3), row["scores"][WORST]["value"]) for row in rows)
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
