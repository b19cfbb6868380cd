"""Page of ``papers.vision.sequence``: ``python -m papers.vision.sequence_table`` writes sequence.md beside sequence.json."""

from __future__ import annotations

from typing import Any

import numpy as np
from papers.vision.removal import publish
from papers.vision.verdicts import ENDLESS, HEAD, Array, against, cell, interval, line, points

SIDES = {"forget": "the latest request", "forgotten": "all requests", "retain": "the rest", "test": "test data"}
POINT = 0.01


def page(document: dict[str, Any]) -> str:
    """Claims about where the last request ends, accuracies after each, and how far the carried covariance is off."""
    walks, count = document["walks"], document["count"]
    done = {label: each for label, each in walks.items() if not any(walk["error"] for walk in each)}
    failed = {label: next(w["error"] for w in each if w["error"]) for label, each in walks.items() if label not in done}
    told = "; ".join(f"*{label}* is `{method.replace('()', '')}`" for label, method in document["methods"].items())
    head = [
        "# Projected gradients, request after request", "",
        f"{document['date']}, `{document['command']}`: {count} random requests of {100 * document['fraction']:g} % each of "
        f"`{document['scenario']}`, one after the other, from {document['seeds']} originals of `{document['learner']}`, and as "
        f"many retrained models. torch {document['torch']}; {document['cpu_seconds']} CPU seconds.", "",
        f"Methods: {told}. *Carried on* has no retain set: from the covariance that was saved with the original it takes away that "
        "of each forget set, as the model of that time sees it. Intervals are 95 %, Student's t over originals, and against "
        "retraining over both kinds of models; each verdict stands by itself.", "",
    ]  # fmt: skip
    lost = [f"\n*{label}* failed: {why}" for label, why in failed.items()]
    lines = [*head, *claims(done, count), "", "## Accuracy", "", *table(done, count), *lost]
    return "\n".join([*lines, *drifts(done, count), *notes(done), ""])


def after(walks: list[dict[str, Any]], side: str, at: int) -> Array:
    """An accuracy of each model after a request, (s,); the last one by -1."""
    return np.array([walk["rows"][at][side] for walk in walks])


def claims(walks: dict[str, Any], count: int) -> list[str]:
    """Where the walks end, each claim decided by an interval."""
    lines = list(HEAD)

    def within(text: str, one: str, other: str, side: str) -> None:
        if one not in walks or other not in walks:
            return
        ours, theirs = after(walks[one], side, -1), after(walks[other], side, -1)
        found = against(ours, theirs) if other == "Retrain" else interval((ours - theirs)[:, None])
        lines.append(line(f"{text}, on {SIDES[side]}", found, -POINT, POINT, points))

    for side in ("forgotten", "retain", "test"):
        within("carried on: within 1 point of computing anew", "carried on", "computed anew", side)
    for side in ("forgotten", "retain", "test"):
        within("one after the other: within 1 point of all at once", "carried on", "at once", side)
    for side in ("forgotten", "retain", "test"):
        within(f"after {count} requests within 1 point of retraining", "carried on", "Retrain", side)
    if "carried on" in walks and "without projection" in walks:
        gain = after(walks["carried on"], "retain", -1) - after(walks["without projection"], "retain", -1)
        text = "the projection keeps accuracy on the rest: higher than without it, in points"
        lines.append(line(text, interval(gain[:, None]), 0, ENDLESS, points))
    return lines


def table(walks: dict[str, Any], count: int) -> list[str]:
    """Accuracies after each request; all at once stands at the last."""
    lines = ["| Walk | On |" + "".join(f" after {at + 1} |" for at in range(count)), "|---" * (2 + count) + "|"]
    for side, told in SIDES.items():
        for label, each in walks.items():
            steps = len(each[0]["rows"])
            cells = [cell(interval(after(each, side, at)[:, None]), points) for at in range(steps)]
            lines.append(f"| {label} | {told} | {' | '.join([''] * (count - steps) + cells)} |")
    return lines


def drifts(walks: dict[str, Any], count: int) -> list[str]:
    """Of each layer, how far the carried covariance is from that of the retain set, in per cent of its norm."""
    each = walks.get("carried on", [])
    if not each:
        return []
    lines = [
        "", "## The carried covariance", "",
        "Frobenius norm of its difference to that of the retain set, in per cent of the latter's.", "",
        "| Layer |" + "".join(f" after {at + 1} |" for at in range(count)), "|---" * (1 + count) + "|",
    ]  # fmt: skip
    for layer in each[0]["rows"][0]["drift"]:
        found = [interval(np.array([[walk["rows"][at]["drift"][layer]] for walk in each])) for at in range(count)]
        lines.append(f"| `{layer}` | {' | '.join(cell(one, points) for one in found)} |")
    return lines


def notes(walks: dict[str, Any]) -> list[str]:
    """How many requests ended otherwise than by the accuracies that they were to stop by."""
    lines = []
    for label, each in walks.items():
        rows = [row for walk in each for row in walk["rows"]]
        endless = sum(any("never crossed" in note for note in row["notes"]) for row in rows)
        if endless:
            lines += ["", f"*{label}*: {endless} of {len(rows)} requests took all of their steps, as accuracies never crossed."]
    return lines


if __name__ == "__main__":
    publish(__doc__, {"sequence": page})
