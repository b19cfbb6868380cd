"""Pages of ``papers.restor.compare``: ``python -m papers.restor.page`` writes NAME.md beside each NAME.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from papers.restor.compare import BESIDE, CONTROL
from papers.vision.removal import publish
from papers.vision.verdicts import ENDLESS, HEAD, Found, cell, interval, line, number

NAMES = tuple(f"{form}-{unrelated}" for form in ("text", "phrases") for unrelated in range(6))
SHOWN = {
    "recovered": "Right answer", "still_corrupted": "Planted answer", "neither": "Neither", "known_test": "Untouched facts",
    "known_retain": "Others' facts", "prefers_right": "Right is likelier",
}  # fmt: skip
AHEAD, NEAR = 0.1, 0.05
WHAT = {
    "text": "Facts are texts: RESTOR's questions and first answers, cut into byte pairs",
    "phrases": "Facts are three tokens: a person, a property, an answer",
}
Document = dict[str, Any]


def page(document: Document) -> str:
    """What was done, what it decides, and the numbers of all methods."""
    facts, sizes = document["setting"], document["sizes"]
    count, by = document["unrelated"], f", by `{document['steps']}`" if "steps" in document else ""
    behind = f", each followed by {'a right one' if count == 1 else f'{count} right ones'} about others" if count else ""
    head = [
        "# Corrupted facts: do the right ones come back?", "",
        f"{document['date']}, `{document['command']}`. {WHAT[document['form']]}; `{document['model']}` learns all, then "
        f"{sizes['forget']} facts about fifty people in a wrong form{behind}, among {sizes['retain']} right ones about others{by}. "
        f"{document['draws']} draws of people, corrupted facts and models. Settings are chosen by the right answers to a tenth of "
        "the corrupted facts, the mean over draws, and judged by the others. Intervals are 95 %, Student's t over draws, "
        f"differences paired by draw; each verdict stands by itself. {facts['machine']}, untrain {facts['untrain']}, torch "
        f"{facts['torch']}; {document['cpu_seconds']} CPU seconds.", "",
    ]  # fmt: skip
    chosen = {label: best(document, label) for label in document["labels"]}
    return "\n".join(
        [*head, *claims(document, chosen), "", "## Methods", "", *table(document, chosen), "", *spellings(document, chosen), ""]
    )


def values(document: Document, method: str, name: str) -> Any:
    """A score of a method on each draw, (d,)."""
    rows = sorted((row for row in document["rows"] if row["method"] == method), key=lambda row: row["drawn"])
    return np.array([np.nan if row["error"] else row[name] for row in rows], dtype=np.float64)


def best(document: Document, label: str) -> str:
    """The setting with the most right answers to the facts set apart, of those that never failed."""
    settings = document["labels"][label]
    means = [values(document, method, "recovered_tuning").mean() for method in settings]
    return str(settings[int(np.argmax(np.where(np.isnan(means), -1.0, means)))])


def ahead(document: Document, method: str, other: str) -> Found:
    """Right answers of a method less those of another, by draw."""
    return interval((values(document, method, "recovered") - values(document, other, "recovered"))[:, None])


def claims(document: Document, chosen: dict[str, str]) -> list[str]:
    """The paper's findings and those of its authors' next paper, each against the control or the ideal."""
    control = chosen[CONTROL]
    restored = ahead(document, control, chosen["nothing"])
    lines = [*HEAD, line("finetuning on the retain set alone restores something", restored, 0, ENDLESS, number)]
    for label, method in chosen.items():
        if label not in (CONTROL, "nothing"):
            found = ahead(document, method, control)
            lines.append(line(f"{label} restores more than finetuning on the retain set alone", found, 0, ENDLESS, number))
    if {"NPO, beta 0.1", "GradAscent + retain"} <= chosen.keys():
        found = ahead(document, chosen["NPO, beta 0.1"], chosen["GradAscent + retain"])
        said = f"NPO (beta 0.1, by sequence) restores more than gradient ascent, by {AHEAD:g} or more"
        lines.append(line(said, found, AHEAD, ENDLESS, number))
    for word, (_, labels) in BESIDE.items():
        for label in (label for label in labels if {label, f"{label}, {word}"} <= chosen.keys()):
            found = ahead(document, chosen[f"{label}, {word}"], chosen[label])
            lines.append(line(f"{label} restores more {word}", found, 0, ENDLESS, number))
    others = {label: method for label, method in chosen.items() if label not in ("MSA", "nothing")}
    name, rival = max(others.items(), key=lambda pair: values(document, pair[1], "recovered").mean())
    found = ahead(document, chosen["MSA"], rival)
    lines.append(line(f"MSA restores more than the best of the others, {name}", found, 0, ENDLESS, number))
    found = ahead(document, chosen["MSA"], "retrained")
    lines.append(line(f"MSA restores as much as retraining, within {NEAR:g}", found, -NEAR, NEAR, number))
    return lines


def table(document: Document, chosen: dict[str, str]) -> list[str]:
    """A row per method, with the retrained models last."""
    lines = ["| Method | " + " | ".join(SHOWN.values()) + " | Cost |", "|---" * (len(SHOWN) + 2) + "|"]
    for label, method in {**chosen, "retrained": "retrained"}.items():
        cells = [cell(interval(values(document, method, name)[:, None]), short) for name in SHOWN]
        cost = "100 %" if method == "retrained" else f"{100 * values(document, method, 'cost').mean():.0f} %"
        lines.append(f"| {label} | " + " | ".join(cells) + f" | {cost} |")
    return lines


def spellings(document: Document, chosen: dict[str, str]) -> list[str]:
    """Which setting was chosen, and of how many."""
    lines = [
        "Cost is in operations, of making the model anew from where it knew all facts. All verdicts are about the settings below; "
        "one that lies at an end of what was tried, the control's too, may not be the method's best. Chosen settings:", "",
    ]  # fmt: skip
    for label, method in chosen.items():
        settings = document["labels"][label]
        at = settings.index(method)
        edge = ", the last of {}: more may be better" if at == len(settings) - 1 else ", the first of {}: less may be better"
        edge = edge if at in (0, len(settings) - 1) else ", one of {}"
        lines.append(f"- {label}{edge.format(len(settings)) if len(settings) > 1 else ''}: `{method}`")
    return lines


def short(value: float) -> str:
    """With two digits."""
    return f"{value:.2f}"


if __name__ == "__main__":
    publish(__doc__, dict.fromkeys(NAMES, page), Path(__file__).parent)
