"""Reasons to doubt a run, each counted from its document: limits of the design, and tests that are missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from untrain.evaluation.glossary import scorers
from untrain.evaluation.protocols.outcome_wording import HIDDEN, in_words, listed
from untrain.reports import formatting
from untrain.reports.formatting import counted
from untrain.reports.headings import ATTACK, named
from untrain.reports.tally import contenders

Document = Mapping[str, Any]
Row = Mapping[str, Any]


def doubts(document: Document) -> list[tuple[str, str]]:
    """Doubts about a run: a word for each, and a sentence or two on it."""
    rows = [row for row in contenders(document["results"]) if not row["error"]]
    if not rows:
        return []
    told = [
        ("One forget set", one_draw(document)), ("Few models", few_models(document, rows)), ("Settings", settings(rows)),
        ("Undecided cells", undecided(rows)), ("No value", without_value(rows)), ("Other attacks", other_attacks(rows)),
        ("False alarms", false_alarms(document, rows)),
    ]  # fmt: skip
    return [(word, sentence) for word, sentence in told if sentence]


def one_draw(document: Document) -> str:
    """The request is one of many that could have been made."""
    seed = "" if document["seed"] is None else f" (seed {document['seed']})"
    return (
        f"The {counted(document['sizes']['forget'], 'example')} to forget were chosen once{seed}. All that is said here is "
        "said of them; other examples may be easier or harder to forget."
    )


def few_models(document: Document, rows: Sequence[Row]) -> str:
    """The number of models of each kind, and the difference between them that they would miss."""
    stand = "stands" if document["seeds"] == 1 else "stand"
    many = f"{counted(document['seeds'], 'model')} of each method {stand} against {counted(document['oracles'], 'retrained one')}."
    power = rows[0]["verdict"]["power"]
    if not power:
        return f"{many} Which difference so many would miss is not known."
    return (
        f"{many} A difference of {power['leak']:g} spreads, as retrained models differ among themselves, would be found with "
        f"probability {in_words(power['detects'])}; a smaller one may be missed."
    )


def settings(rows: Sequence[Row]) -> str:
    """The number of settings of each method, and what they have in common."""
    tried = Counter(formatting.short(row["method"]) for row in rows)
    several = [f"{name} ({count})" for name, count in tried.items() if count > 1]
    single = len(tried) - len(several)
    with_one = [f"{counted(single, 'method')} ran with one setting{' each' if single > 1 else ''}"] if single else []
    parts = [*with_one, *([f"with several: {listed(several)}"] if several else [])]
    steps = {found[1] for row in rows if (found := re.search(r"\blr=([\d.e-]+)", row["method"]))}
    alike = f", all with step size {steps.pop()}" if len(steps) == 1 and len(rows) > 1 else ""
    failing = sum(row["verdict"]["outcome"].startswith("fails") for row in rows)
    means = " So 'fails' may mean 'fails with these settings'; the command untrain search tries others." if failing else ""
    text, chosen = "; ".join(parts), "it was" if len(rows) == 1 else "they were"
    return f"{text[:1].upper()}{text[1:]}{alike}; the run does not record how {chosen} chosen.{means}"


def undecided(rows: Sequence[Row]) -> str:
    """Cells that are neither within their margin nor outside it."""
    judged = [j["says"] for row in rows for j in row["verdict"]["endpoints"]]
    open_ = judged.count("open")
    if not open_:
        return ""
    fate = "neither shown to keep the margin nor shown to break it, and more models would tell"
    others = "A method that fails does so by other comparisons."
    return f"{open_} of {len(judged)} comparisons with a margin are marked ?: {fate}. {others}"


def without_value(rows: Sequence[Row]) -> str:
    """Scores that could not be computed, and the reason for most of them."""
    reasons = {name: score["reason"] for row in rows for name, score in row["scores"].items() if score["value"] is None}
    if not reasons:
        return ""
    ((reason, count),) = Counter(reasons.values()).most_common(1)
    some = f"{counted(len(reasons), 'score')} could not be computed"
    return f"{some}. The most frequent reason ({counted(count, 'score')}): {reason}. Nothing is decided by these."


def other_attacks(rows: Sequence[Row]) -> str:
    """The attacks that were made, and whether anybody tried to bring back what was forgotten."""
    valued = {name for row in rows for name, score in row["scores"].items() if score["value"] is not None}
    made = sorted({named(name).partition(",")[0] for name in valued if name.startswith(ATTACK)})
    first = f"Attacks made: {listed(made)}." if made else "No attack on membership was made."
    if valued & _revealing():
        return f"{first} Whether the forget set comes back once a model is changed was tested too; other attacks were not."
    return (
        f"{first} All look at what models put out on the examples themselves. Whether the forget set comes back once a model is "
        "trained on, quantized or pruned was not tested (observers such as Relearn do that)."
    )


def false_alarms(document: Document, rows: Sequence[Row]) -> str:
    """The chance that at least one method as good as retraining would be called different."""
    level = rows[0]["verdict"]["level"] or document["level"]
    if not level or not any(row["verdict"]["tested"] for row in rows):
        return ""
    chance = 100 * (1 - (1 - level) ** len(rows))
    many = "one" if len(rows) == 1 else f"at least one of {len(rows)}"
    return (
        f"A method as good as retraining is called different {100 * level:.2g} times in 100 by chance; were all methods as good, "
        f"{many} would be {chance:.0f} times in 100."
    )


@cache
def _revealing() -> frozenset[str]:
    """Scores that see what comes back."""
    known = {name: about for e in scorers() for name, about in e.scores.items()}
    return frozenset(name for name, about in known.items() if (about.above + about.below).count(HIDDEN))
