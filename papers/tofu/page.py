"""Pages of ``papers.tofu.compare``: ``python -m papers.tofu.page`` writes NAME.md beside each NAME.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from papers.vision.removal import publish

FOLDER = Path(__file__).parent
PASSES = 0.05  # TOFU's p-value above which a model counts as one that forgot
NEAR = 0.02  # of model utility, up to which a model counts as as useful as retrained ones
ASKED = {
    "probability_forget": "probability of the answers", "mia_ulira_accuracy": "U-LiRA", "mia_loss_auc": "loss attack",
    "mia_reference_auc": "attack by a reference", "mia_minkpp_auc": "min-k++ attack",
    "extraction_strength_forget": "extraction strength", "reworded_forget": "other words", "quantized_forget": "four bits",
    "relearn_time": "relearning",
}  # fmt: skip
SHOWN = {
    "forget_quality": "Forget quality, p", "forget_quality_log10": "its log10", "model_utility": "Model utility",
    "truth_ratio_forget": "Truth ratio", "probability_forget": "p(answer)", "mia_ulira_accuracy": "U-LiRA",
    "mia_loss_auc": "Loss attack", "mia_minkpp_auc": "Min-k++", "mia_reference_auc": "Reference",
    "extraction_strength_forget": "Extraction strength", "reworded_forget": "Other words: p(answer)",
    "quantized_forget": "Four bits: p(answer)", "relearn_time": "Relearning, epochs",
}  # fmt: skip
MARKS = {"distinguishable": " ≠", "indistinguishable": " =", "too few models": " ?"}
Document = dict[str, Any]


def page(document: Document) -> str:
    """What was done, which rows pass TOFU's test and what else tells them from retraining, and all numbers."""
    head = [
        f"# TOFU, {document['authors']} authors: what the p-value lets pass", "",
        f"{made(document)} Nothing is chosen: each method has a row per length. {machine(document)}", "",
    ]  # fmt: skip
    return "\n".join(
        [*head, *conclusions(document), "", *claims(document), "", "## Methods", "", *table(document), "", *spellings(document), ""]
    )


def made(document: Document) -> str:
    """What was forgotten, by what network, against how many models."""
    sizes = document["sizes"]
    return (
        f"{document['date']}, `{document['command']}`. {sizes['forget']} of {sizes['train']} answers are forgotten; "
        f"`{document['model']}` from scratch, {document['seeds']} originals and {document['oracles']} retrained models."
    )


def machine(document: Document) -> str:
    """Where and how long it ran."""
    facts = document["setting"]
    return (
        f"{facts['machine']}, untrain {facts['untrain']}, torch {facts['torch']}; {document['cpu_seconds']} CPU seconds, of what "
        "was not in the store already."
    )


def done(document: Document) -> dict[str, Any]:
    """Rows without an error, by method."""
    return {row["method"]: row for row in document["rows"] if row["error"] is None}


def passing(document: Document) -> list[str]:
    """Methods whose p-values pass in the geometric mean over pairs, but those that are retrained or do nothing.

    In the arithmetic mean a single pair that passes would do.
    """
    controls = {spec for label in ("nothing", "retrained once more") for spec in document["labels"][label]}
    rows = done(document)
    logs = {m: row["scores"]["forget_quality_log10"]["value"] for m, row in rows.items() if m not in controls}
    return [m for m, log in logs.items() if 10**log > PASSES]


def conclusions(document: Document) -> list[str]:
    """What TOFU concludes from one p-value and one utility, beside what retrained models and tests of all scores say."""
    lines = [
        f"TOFU compares a model with one retrained one: it has forgotten where p is above {PASSES}, and is useful where utility is "
        "that of the retrained one. Here is what that says, and what many retrained models say:", "",
        "| Method | Forgotten, by p | Useful | Outcome by all scores, against all retrained models |", "|---|---|---|---|",
    ]  # fmt: skip
    rows, passed = done(document), passing(document)
    fine = list[str]()
    for spec, row in rows.items():
        utility = row["scores"].get("model_utility")
        useful = utility is not None and utility["ideal"] is not None and utility["value"] >= utility["ideal"] - NEAR
        p = 10 ** row["scores"]["forget_quality_log10"]["value"]
        fit = "-" if utility is None else f"{'yes' if useful else 'no'}: {cell(utility)}"
        lines.append(f"| {named(document, spec)} | {'yes' if p > PASSES else 'no'}: {p:.2g} | {fit} | {row['sentence']} |")
        fine += [row["outcome"]] if useful and spec in passed else []
    kinds = ", ".join(f"{fine.count(kind)} {kind}" for kind in dict.fromkeys(fine))
    return [
        *lines, "", f"By TOFU's two numbers {len(fine)} {'row succeeds' if len(fine) == 1 else 'rows succeed'}; by all scores: "
        f"{kinds or 'none of them'}.", "",
        *changes(document),
    ]  # fmt: skip


def changes(document: Document) -> list[str]:
    """Which of TOFU's conclusions are others once there are many retrained models and more than one score."""
    rows, passed = done(document), passing(document)
    failed = [spec for spec in passed if rows[spec]["outcome"].startswith("fails")]
    split = [
        spec for spec, row in rows.items()
        if (row["scores"].get("forget_quality", {"value": 10 ** row["scores"]["forget_quality_log10"]["value"]})["value"] > PASSES)
        != (10 ** row["scores"]["forget_quality_log10"]["value"] > PASSES)
    ]  # fmt: skip
    return [
        f"- Forgotten by p, and failing by all scores: {listed(document, failed)}.",
        "- Forgotten or not by p, depending on which retrained model is taken (the mean over pairs and the geometric mean lie on "
        f"both sides of {PASSES}): {listed(document, split)}.",
    ]


def listed(document: Document, specs: list[str]) -> str:
    """Rows in a sentence."""
    return ", ".join(named(document, spec) for spec in specs) or "none"


def named(document: Document, spec: str) -> str:
    """What a spelling is called in tables."""
    label, specs = next((label, specs) for label, specs in document["labels"].items() if spec in specs)
    return label if len(specs) == 1 else f"{label}, {length(spec)} epochs"


def claims(document: Document) -> list[str]:
    """How many rows pass the test, and how many of these each other score tells from retraining."""
    rows, passed = done(document), passing(document)
    tried = len(rows) - sum(len(document["labels"][label]) for label in ("nothing", "retrained once more"))
    nothing = rows["Nothing()"]["scores"]["forget_quality_log10"]
    floor = "too few to say" if nothing["floor"] is None else f"{10 ** nothing['floor']:.2g}"
    lines = [
        f"The geometric mean of p is above {PASSES} for {len(passed)} of {tried} rows (retrained models among themselves: "
        f"{floor}; nothing done: {10 ** nothing['value']:.2g}). Of these, by the verdicts of this run, against all "
        "retrained models:", "",
        "| Score | Told apart from retraining | Not told apart | Not decided |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, said in ASKED.items():
        verdicts = [rows[m]["scores"].get(name, {}).get("verdict") for m in passed]
        counts = [verdicts.count(word) for word in ("distinguishable", "indistinguishable")]
        lines.append(f"| {said} | {counts[0]} | {counts[1]} | {len(passed) - sum(counts)} |")
    return lines


def table(document: Document) -> list[str]:
    """A row per method and length; bold where a value lies in the band in which retrained models lie."""
    lines = ["| Method | " + " | ".join(SHOWN.values()) + " | Cost |", "|---" * (len(SHOWN) + 2) + "|"]
    rows = done(document)
    for specs in document["labels"].values():
        for spec in specs:
            name = named(document, spec)
            if spec not in rows:
                lines.append(f"| {name} |" + " failed |" * (len(SHOWN) + 1))
                continue
            cells = [cell(rows[spec]["scores"].get(score)) for score in SHOWN]
            lines.append(f"| {name} | " + " | ".join(cells) + f" | {100 * rows[spec]['cost']:.0f} % |")
    ideal = [next(iter(rows.values()))["scores"].get(score, {}).get("ideal") for score in SHOWN]
    lines.append("| retrained models | " + " | ".join("-" if v is None else f"{v:.3g}" for v in ideal) + " | 100 % |")
    return lines


def cell(score: dict[str, Any] | None) -> str:
    """Value and interval, bold within the retrained models' band."""
    if score is None:
        return "-"
    text = f"{score['value']:.3g}"
    if score["low"] is not None and score["low"] != score["high"]:
        text += f" [{score['low']:.3g}, {score['high']:.3g}]"
    text += MARKS.get(score["verdict"] or "", "")
    band = score["band"]
    return f"**{text}**" if band and band[0] <= score["value"] <= band[1] else text


def length(spec: str) -> str:
    """The number of epochs in a spelling."""
    return spec.partition("epochs=")[2].partition(",")[0]


def spellings(document: Document) -> list[str]:
    """How the rows are spelled."""
    lines = ["Bold: within the band in which 19 of 20 sets of further retrained models would lie; ≠ told apart from retraining by "
             "the test of all scores together, = equal within the score's margin, ? too few models. Cost is in operations, of "
             "retraining. Spellings:", ""]  # fmt: skip
    return [*lines, *(f"- {label}: `{spec}`" for label, specs in document["labels"].items() for spec in specs)]


if __name__ == "__main__":
    publish(__doc__, {file.stem: page for file in sorted(FOLDER.glob("*.json"))}, FOLDER)
