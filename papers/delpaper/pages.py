"""The tables and verdicts of an experiment as Markdown, beside its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from delpaper import figures
from delpaper.claims import Claim
from delpaper.experiments import EXPERIMENTS
from delpaper.verdicts import CLAIMS
from untrain.experiments.search.objectives import aim_of
from untrain.models.tasks.classification import Classification

Document = dict[str, Any]
COLUMNS = {
    "forget_gap": "forget gap", "retain_gap": "retain gap", "test_gap": "test gap", "mia_svc_gap": "MIA gap",
    "mia_loss_auc": "loss AUC", "mia_ulira_accuracy": "U-LiRA",
}  # fmt: skip
BOOTSTRAPPED = " Intervals in the tables below are others: bootstraps over examples too, corrected for few models."
VARIES = ("ablation", "keep", "share", "fraction", "steps")


def write(out: Path, name: str, document: Document) -> None:
    """NAME.md and NAME.svg beside NAME.json."""
    figures.draw(document, out / f"{name}.svg")
    (out / f"{name}.md").write_text("\n".join(lines(name, document)) + "\n")


def lines(name: str, document: Document) -> list[str]:
    """The page."""
    claims = list(CLAIMS[name](document))
    counts = {v: sum(c.verdict == v for c in claims) for v in ("holds", "fails", "undecided")}
    told = [
        f"# DEL, {document['scale']} scale: {name}", "",
        f"{document['date']}, `{document['command']}`, commit {document['commit'][:7]}{document['commit'][40:]}; "
        f"{document['machine']}; torch {document['torch']}, {document['precision']}, {document['threads']} thread a process, "
        f"{document['workers']} processes; {document['originals']} originals, {document['retrained']} oracles, seed "
        f"{document['seed']}. The last start of the command took {document['seconds_here']} s, beside what earlier starts had "
        "stored. The commit is that of the numbers; verdicts are made from them by the code beside this page.", "",
        *_described(name), f"![{name}]({name}.svg)", "", "## Verdicts", "",
        f"{len(claims)} claims: {counts['holds']} hold, {counts['fails']} fail, {counts['undecided']} are undecided. "
        "Values in points, 95 % intervals by Student's t over originals, with the oracles' part by the jackknife; each claim by "
        "itself, not corrected for their number. They are over trained models alone: there is one forget set a request, one "
        "validation split and one model to tune on." + _reach(claims), "",
        "A distance is how far the model unlearned from one original lies from the mean of all oracles, averaged over originals; "
        f"gaps are oracle minus unlearned.{_ideal(document)}{'' if name == 'sequential' else BOOTSTRAPPED}", "",
        *_verdicts(claims, False, "The paper's claims"), *_verdicts(claims, True, "Controls of ours"),
    ]  # fmt: skip
    return told + (_sequence(document) if name == "sequential" else _tables(document)) + _tuning(document)


def _described(name: str) -> list[str]:
    """What the experiment is, as its function says; a rule that several experiments share may say more than a line."""
    made: Any = EXPERIMENTS[name]
    text = getattr(made, "func", made).__doc__ or ""
    return [" ".join(text.split()), ""]


def _reach(claims: list[Claim]) -> str:
    """How small a difference these intervals can decide."""
    halves = sorted((c.high - c.low) / 2 for c in claims if c.high is not None and c.low is not None)
    return f" Half of the intervals reach {halves[len(halves) // 2]:.1f} points or more to each side." if halves else ""


def _ideal(document: Document) -> str:
    """What retraining itself would have for a distance: an oracle's from the mean of the others."""
    found = []
    for scenario, sides in document.get("oracles", {}).items():
        row = next(r for r in document["rows"] if r["scenario"] == scenario)
        what = f"{row['request']}, {_plain(row['fraction'])}" if "fraction" in row else row["request"]
        for side in ("forget", "test"):
            each = np.array(sides[side])
            others = (each.sum() - each) / (len(each) - 1)
            found.append(f"{100 * np.abs(each - others).mean():.1f} ({what}, {side})")
    if not found:
        return ""
    return (
        f" Retraining itself would have such a distance: an oracle's from the mean of the others is {', '.join(found)}. "
        "Models that scatter less come nearer without being more alike."
    )


def _verdicts(claims: list[Claim], ours: bool, head: str) -> list[str]:
    mine = [c for c in claims if c.ours == ours]
    if not mine:
        return []
    told = [f"### {head}", "", "| Claim | Request | What is measured, in points | Value | Verdict |", "|---|---|---|---|---|"]
    cells = ((c.text, c.where, c.measured, _interval(c.value, c.low, c.high), _marked(c.verdict)) for c in mine)
    return [*told, *("| " + " | ".join(each) + " |" for each in cells), ""]


def _marked(verdict: str) -> str:
    return verdict if verdict == "undecided" else f"**{verdict}**"


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    return "-" if value is None or low is None or high is None else f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _tables(document: Document) -> list[str]:
    told = [
        "## Tables", "",
        "Gaps are oracle minus unlearned, in points: below 0 on the forget set means that it is still remembered. 'MIA gap' is "
        "that of SalUn's attack on the confidence; 'loss AUC' and 'U-LiRA' are attacks, whose ideal stands in the last rows. "
        "'verdict' is the audit's permutation test over all scores: 'too few models' is that it cannot decide, 'recognised' how "
        "many examples can be told one by one. 'ops' is the share of retraining's operations, 'moves' the share of weights that "
        "may move, the head included.", "",
    ]  # fmt: skip
    for request in dict.fromkeys(r["request"] for r in document["rows"]):
        rows = [r for r in document["rows"] if r["request"] == request]
        varies = [v for v in VARIES if any(v in r for r in rows)]
        shown = [c for c in COLUMNS if any(c in r.get("scores", {}) for r in rows)]
        head = [*varies, "method", "setting", *(COLUMNS[c] for c in shown), "verdict", "ops", "moves"]
        told += [f"### Request: {request}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        told += ["| " + " | ".join(_row(r, varies, shown)) + " |" for r in rows]
        for scenario in dict.fromkeys(r["scenario"] for r in rows):
            told += _edges(document, scenario, rows, varies, shown)
        told.append("")
    return told


def _row(row: Document, varies: list[str], shown: list[str]) -> list[str]:
    first = [_plain(row.get(v, "")) for v in varies] + [row["label"], f"`{row['method']}`"]
    if row.get("error"):
        return [*first, row["error"].replace("|", "/"), *[""] * (len(shown) + 2)]
    cells = [_score(c, row["scores"].get(c)) for c in shown]
    share = row["share_of_retraining"]
    return [*first, *cells, _told(row), "" if share is None else f"{100 * share:.0f} %", f"{100 * row['may_move']:.1f} %"]


def _told(row: Document) -> str:
    """The audit's verdict, with how many examples to forget are recognised one by one."""
    seen = f", {row['recognised']} recognised" if row.get("recognised") else ""
    return f"{row['verdict'] or ''}{seen}"


def _plain(value: Any) -> str:
    return f"{100 * value:g} %" if isinstance(value, float) else str(value)


def _score(name: str, score: Document | None) -> str:
    if score is None or score["value"] is None:
        return "-"
    factor, places = (100, 1) if name.endswith("gap") else (1, 3)
    return "{:.{p}f} [{:.{p}f}, {:.{p}f}]".format(*(factor * score[k] for k in ("value", "low", "high")), p=places)


def _edges(document: Document, scenario: str, rows: list[Document], varies: list[str], shown: list[str]) -> list[str]:
    made = []
    for key, label in (
        ("ideal", "oracles (ideal)"),
        ("floor", "floor: oracles against oracles"),
        ("ceiling", "original (ceiling)"),
    ):
        cells = []
        for name in shown:
            value = document["edges"][scenario].get(name, {}).get(key)
            cells.append("-" if value is None else f"{100 * value:.1f}" if name.endswith("gap") else f"{value:.3f}")
        size = next((_plain(r["fraction"]) for r in rows if r["scenario"] == scenario and "fraction" in r), "")
        made.append("| " + " | ".join([*(size if v == "fraction" else "" for v in varies), label, "", *cells, "", "", ""]) + " |")
    return made


def _sequence(document: Document) -> list[str]:
    told = ["## After each request", "", "Means over models, per cent.", ""]
    sides = ("forget", "forgotten", "retain", "test")
    told += ["| method | after | " + " | ".join(sides) + " |", "|---" * 6 + "|"]
    for label in dict.fromkeys(r["label"] for r in document["rows"]):
        walks = [r["rows"] for r in document["rows"] if r["label"] == label and not r["error"]]
        for at in range(len(walks[0]) if walks else 0):
            means = [100 * sum(w[at][s] for w in walks) / len(walks) for s in sides]
            told.append(f"| {label} | {at + 1} | " + " | ".join(f"{m:.1f}" for m in means) + " |")
    return [*told, ""]


def _tuning(document: Document) -> list[str]:
    if "tuning" not in document:
        return []
    told = [
        "## What tuning chose", "",
        "Each method has six settings, tried on one model of its own (none of those above). The choice looks at validation data: "
        "accuracy there, less how far accuracy on the forget set lies from what the model before answered right of validation data "
        "of the same classes. 'With a look at oracles' takes the distance from the accuracy of four retrained models; such rows "
        "are labelled.", "",
    ]  # fmt: skip
    for request, found in document["tuning"].items():
        told += [
            f"### Request: {request}",
            "",
            "| method | chosen | with a look at oracles | values of all settings |",
            "|---|---|---|---|",
        ]
        for label, each in found.items():
            if each["trials"]:
                values = ", ".join(_trial(p) for p in each["trials"].values())
                same = "the same" if each["oracle_chosen"] == each["chosen"] else f"`{each['oracle_chosen']}`"
                told.append(f"| {label} | `{each['chosen']}` | {same} | {values} |")
        told.append("")
    return told


def _trial(parts: Document) -> str:
    return "failed" if parts.get("error") else f"{aim_of('balanced', False, Classification()).score(parts):.3f}"
