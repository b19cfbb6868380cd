"""Pages of ``papers.tofu.robustness``: ``python -m papers.tofu.robustness_page`` writes NAME.md beside each NAME.json."""

from __future__ import annotations

from typing import Any

from papers.tofu.page import FOLDER, cell, done, machine, made, named, spellings
from papers.vision.removal import publish

HERE = FOLDER / "robustness"
PLAIN, RELEARNED = "asked as it was taught", "relearning"
Document = dict[str, Any]


def page(document: Document) -> str:
    """What was done, what came back, and all numbers."""
    head = [
        f"# TOFU, {document['authors']} authors: what comes back", "", f"{made(document)} {machine(document)}", "",
        "Each column is something that an adversary or an engineer may do to a model; the row of retrained models says what that "
        "brings out of a model which never saw the answers. Values are mean probabilities of the forgotten answers, for replies "
        "the share of their tokens that is said, and for relearning epochs, at most 10, until the loss on them is back: there the "
        "lower one has hidden something.", "",
    ]  # fmt: skip
    return "\n".join([*head, *findings(document), "", *table(document), "", *spellings(document), "", *attacks(document), ""])


def shown(document: Document, spec: str, attack: str) -> dict[str, Any] | None:
    """A method's score under an attack."""
    score: dict[str, Any] | None = done(document)[spec]["scores"].get(attack)
    return score


def beyond(attack: str, score: dict[str, Any]) -> bool:
    """Whether more came back than of retrained models, shown by the test of the run."""
    sooner = score["value"] < score["ideal"] if attack.startswith(RELEARNED) else score["value"] > score["ideal"]
    return bool(score["verdict"] == "distinguishable" and sooner)


def findings(document: Document) -> list[str]:
    """Per attack: of which methods more comes back than of retrained models, and of which of those nothing showed without it."""
    controls = {spec for label in ("nothing", "retrained once more") for spec in document["labels"][label]}
    rows = [spec for spec in done(document) if spec not in controls]
    plain = {spec for spec in rows if (score := shown(document, spec, PLAIN)) is not None and beyond(PLAIN, score)}
    lines = ["| What is done | More comes back than of retrained models | of which nothing showed without it |", "|---|---|---|"]
    for attack in document["attacks"]:
        back = [spec for spec in rows if (score := shown(document, spec, attack)) is not None and beyond(attack, score)]
        hidden = [named(document, spec) for spec in back if spec not in plain]
        share = f"{len(back)} of {len(rows)}"
        lines.append(f"| {attack} | {share} | {'-' if attack == PLAIN else ', '.join(hidden) or 'none'} |")
    return lines


def table(document: Document) -> list[str]:
    """A row per method; bold where a value lies in the band in which retrained models lie."""
    names = list(document["attacks"])
    lines = ["| Method | " + " | ".join(names) + " | Cost |", "|---" * (len(names) + 2) + "|"]
    rows = done(document)
    for specs in document["labels"].values():
        for spec in specs:
            if spec not in rows:
                lines.append(f"| {named(document, spec)} |" + " failed |" * (len(names) + 1))
                continue
            cells = " | ".join(cell(shown(document, spec, attack)) for attack in names)
            lines.append(f"| {named(document, spec)} | {cells} | {100 * rows[spec]['cost']:.0f} % |")
    ideal = [(shown(document, "Nothing()", attack) or {}).get("ideal") for attack in names]
    lines.append("| retrained models | " + " | ".join("-" if v is None else f"{v:.3g}" for v in ideal) + " | 100 % |")
    return lines


def attacks(document: Document) -> list[str]:
    """How the columns are spelled."""
    return ["Columns:", "", *(f"- {attack}: `{spec}`" for attack, spec in document["attacks"].items())]


if __name__ == "__main__":
    publish(__doc__, {file.stem: page for file in sorted(HERE.glob("*.json"))}, HERE)
