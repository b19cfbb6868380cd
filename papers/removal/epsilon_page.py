"""The page of ``papers.removal.epsilon``: ``python -m papers.removal.epsilon_page``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from papers.removal.epsilon import DELTA, LEVEL, RADIUS, SIZED, SMALL

Row = Mapping[str, Any]
FOLDER = Path(__file__).parent
STEPS = {"corrected": "Newton step", "original": "jackknife"}


def page(held: Row) -> str:
    """Two tables in Markdown."""
    over = [row for row in held["attacks"] if row["constant"] == 1 and row["shown"] > row["claimed"]]
    caught = sum(row["shown"] > row["claimed"] for row in held["attacks"] if row["constant"] != 1 and row["reached"] > 0.9)
    halves = sum(row["constant"] != 1 and row["reached"] > 0.9 for row in held["attacks"])
    lines = [
        "# What is claimed beside what shows", "",
        f"{held['date']}, {held['machine']}, one thread, {held['cpu_seconds']} CPU seconds; `python -m papers.removal.epsilon "
        "--data FOLDER`, then `python -m papers.removal.epsilon_page`.", "",
        "## Epsilon", "",
        f"The attacker sees {held['many']:,} releases after unlearning and as many after retraining, each with noise of "
        "its own, and "
        "knows everything but the noise. A threshold is chosen on some of one half and tried on the other; by the "
        "error rates of that "
        f"test, epsilon at delta {DELTA:g} is at least what the table says, with confidence {LEVEL:.0%} for each try. Mean of "
        f"{held['seeds']} seeds, least and largest in brackets. The bound that is reached is the distance of what is "
        "unlearned from "
        "what is retrained as a share of what the claim allows. A half of the constant means noise of half the size under the same "
        "claim: an error that was planted, to see that the attack finds it.", "",
        "| Method and problem | Bound reached | Claimed | Shown | Shown with a half of the constant |", "|---" * 5 + "|",
        *attacked(held["attacks"]), "",
        f"- With the right constant {len(over) or 'none'} of {sum(row['constant'] == 1 for row in held['attacks'])} "
        "tries shows more "
        "than is claimed.",
        f"- Where the bound is reached, a half of the constant shows more than is claimed in {caught} of {halves} tries. Where the "
        "problem reaches little of its bound, little or nothing shows, nor would a small error in the constant: these rows tell "
        "that the claim is safe there, not that it is tight.",
        "- `CertifiedRemoval` perturbs the objective, so each release is a training of its own, from a perturbation "
        "drawn anew, and "
        "the step that the method takes from it. Nothing is planted there, since the problem tried does not come near "
        "its bound.", "",
        "## Capacity", "",
        f"Adult, {held['rows']:,} rows of length 1, {held['columns']} columns, `{held['learner']}`, radius {RADIUS}. Noise is that "
        f"which `CertifiedNewton(epsilon=1, delta={SMALL:g}, removals={SIZED})` takes, of the step's own bound, and stays the same "
        "for the three epsilons. How many examples can go in one release until the bound, the bound of these data (by "
        "the length of "
        "the step, which a release must not depend on) or the measured distance to retraining exceeds what the noise covers; "
        "the last two within 5 %, by halving, which takes distances to grow with the number that goes. The stated "
        "number holds for all data of this size and these norms. Orders: a random one, and all of the class above 50,000, those "
        "that the model expects least first; neither is the worst there is.", "",
        "| Step | Order | Epsilon | Distance covered | Stated | By the bound of these data | Measured |", "|---" * 7 + "|",
        *capacities(held["capacities"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def attacked(rows: list[Row]) -> Iterator[str]:
    """A line for each problem and epsilon."""
    for case, claimed in dict.fromkeys((row["case"], row["claimed"]) for row in rows):
        mine = [row for row in rows if (row["case"], row["claimed"]) == (case, claimed)]
        shown = (spread([row["shown"] for row in mine if row["constant"] == factor]) for factor in (1.0, 0.5))
        yield "| " + " | ".join([case, f"{mine[0]['reached']:.1%}", f"{claimed:.3f}", *shown]) + " |"


def spread(values: list[float]) -> str:
    """Mean, least and largest."""
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]" if values else "-"


def capacities(rows: list[Row]) -> Iterator[str]:
    """A line for each step, kind of order and epsilon."""
    kind = {row["order"]: row["order"].partition(",")[0] if "random" in row["order"] else row["order"] for row in rows}
    for step, order, epsilon in dict.fromkeys((row["step"], kind[row["order"]], row["epsilon"]) for row in rows):
        mine = [r for r in rows if (r["step"], kind[r["order"]], r["epsilon"]) == (step, order, epsilon)]
        found = (most([r[name] for r in mine], mine[0]["most"]) for name in ("of_data", "measured"))
        cells = [STEPS[step], order, f"{epsilon:g}", f"{mine[0]['allowed']:.2e}", f"{mine[0]['stated']:,}", *found]
        yield "| " + " | ".join(cells) + " |"


def most(values: list[int | None], tried: int) -> str:
    """Least and largest of several orders; never means not up to the most that was tried."""
    met = [tried if value is None else value for value in values]
    text = f"{min(met):,}" if min(met) == max(met) else f"{min(met):,} to {max(met):,}"
    return f"{text} or more" if None in values else text


if __name__ == "__main__":
    (FOLDER / "epsilon.md").write_text(page(json.loads((FOLDER / "epsilon.json").read_text())))
