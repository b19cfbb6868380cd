"""A reply to each question of the report, in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from untrain.evaluation.protocols.outcome import PASSES
from untrain.evaluation.protocols.outcome_wording import listed
from untrain.evaluation.protocols.power import ENOUGH
from untrain.reports import formatting, standing, verdict_marks
from untrain.reports.html.tables import labels_of
from untrain.reports.tally import NAMED, contenders

Document = Mapping[str, Any]
Row = Mapping[str, Any]


def replies(document: Document) -> dict[str, str]:
    """Question -> reply: 'forget', 'break', 'examples', 'cost', 'trust' and 'engineering'."""
    rows = [row for row in contenders(document["results"]) if not row["error"]]
    labels = labels_of(document)
    asked: dict[str, Callable[[Sequence[Row], Mapping[str, str]], str]] = {
        "forget": forgot, "break": broke, "examples": gave_away, "cost": cost,
    }  # fmt: skip
    told = {question: reply(rows, labels) if rows else "No method produced a model." for question, reply in asked.items()}
    return told | {"trust": trust(document), "engineering": engineering(document)}


def forgot(rows: Sequence[Row], labels: Mapping[str, str]) -> str:
    """The methods that are shown to have forgotten, and those that remember."""
    return _sorted(rows, labels, lambda row: str(row["verdict"]["forgetting"]), [
        ("forgot", ("is shown to have forgotten as retraining does", "are shown to have forgotten as retraining does")),
        ("remembers", ("still knows the forget set", "still know the forget set")),
        ("hides", ("hides what it was to forget", "hide what they were to forget")),
        ("over-forgets", ("forgot more than retraining does", "forgot more than retraining does")),
        ("open", ("is not shown to have forgotten", "are not shown to have forgotten")),
    ])  # fmt: skip


def broke(rows: Sequence[Row], labels: Mapping[str, str]) -> str:
    """The methods that lose accuracy elsewhere."""
    return _sorted(rows, labels, lambda row: str(row["verdict"]["keeping"]), [
        ("broke", ("does worse elsewhere than retraining by more than the margin",
                   "do worse elsewhere than retraining by more than the margin")),
        ("worse", ("does worse elsewhere, though whether by more than the margin is not shown",
                   "do worse elsewhere, though whether by more than the margin is not shown")),
        ("differs", ("answers otherwise elsewhere than retrained models", "answer otherwise elsewhere than retrained models")),
        ("kept", ("does as well elsewhere as retraining", "do as well elsewhere as retraining")),
        ("open", ("is undecided", "are undecided")),
    ])  # fmt: skip


def gave_away(rows: Sequence[Row], labels: Mapping[str, str]) -> str:
    """Of how many methods single examples can be recognised or stand out."""
    if all(row["verdict"]["chance"] is None for row in rows):
        return "Single examples were not tested: it takes at least 3 retrained models, not all alike, and a forget set."
    counts = {labels[row["method"]]: sum(row["verdict"]["counts"][n] for n in ("recognised", "standing_out")) for row in rows}
    given = [f"{name} ({count:,})" for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count]
    if not given:
        return f"None was found after {'the one method' if len(rows) == 1 else f'any of {len(rows)} methods'}."
    rest = len(rows) - len(given)
    also = f"; none after {rest} {'other' if rest == 1 else 'others'}" if rest else ""
    shown = [*given[:NAMED], *([f"{len(given) - NAMED} more"] if len(given) > NAMED else [])]
    return f"Single examples give themselves away after {listed(shown)}{also}."


def cost(rows: Sequence[Row], labels: Mapping[str, str]) -> str:
    """The cheapest method that passes, or the range of all."""
    known = [(row["cost"]["share_of_retraining"], row) for row in rows if row["cost"].get("share_of_retraining") is not None]
    if not known:
        return "The cost is not known: the models were made elsewhere, or operations were not counted."
    least, most = (formatting.share(end(share for share, _ in known)) for end in (min, max))
    reach = f"{least} of what retraining takes" if len(known) == 1 else f"from {least} to {most} of what retraining takes"
    passing = [each for each in known if each[1]["verdict"]["outcome"] == PASSES]
    if not passing or len(known) == 1:
        return f"{'The method takes' if len(known) == 1 else f'The {len(known)} methods take'} {reach}."
    share, best = min(passing, key=lambda each: each[0])
    return f"The cheapest that passes, {labels[best['method']]}, takes {formatting.share(share)} of what retraining takes."


def trust(document: Document) -> str:
    """Say how often a method as good as retraining would pass with so many models, or that the test shows nothing."""
    first = standing.lead(document["results"])
    models = f"{formatting.counted(document['seeds'], 'unlearned model')} and {document['oracles']} retrained ones"
    if first is None:
        return "No method was tested."
    if verdict_marks.powerless(first):
        fails = any(row["verdict"]["outcome"].startswith("fails") for row in document["results"] if not row["error"])
        start = "Where a method fails, yes; else hardly" if fails else "Hardly"
        return f"{start}: with {models}, the test of all scores does not tell even untouched models from retrained ones."
    power = first["verdict"]["power"]
    if not power:
        return f"Not known: with {models}, nothing says how often a method as good as retraining would be shown to pass."
    start = "Fairly" if power["passes"] >= ENOUGH else "Partly"
    enough = ", so open outcomes say little" if power["passes"] < 0.5 else ""
    times = f"{100 * power['passes']:.0f} times in 100"
    return f"{start}: with {models}, a method as good as retraining would be shown to pass {times}{enough}."


def engineering(document: Document) -> str:
    """Count notes, scores without a value and methods that did not run, for maintainers of the code."""
    notes = len({note for row in document["results"] for note in row["notes"]})
    lost = sum(bool(row["error"]) for row in document["results"])
    missing = {n for row in document["results"] for n, score in row["scores"].items() if score["value"] is None}
    parts = [f"{formatting.counted(notes, 'note')} on the runs", f"{formatting.counted(len(missing), 'score')} without a value"]
    parts += [f"{formatting.counted(lost, 'method')} that did not run"] if lost else []
    return f"For those who look after the code: {listed(parts)}."


def _sorted(
    rows: Sequence[Row], labels: Mapping[str, str], kind: Callable[[Row], str], verbs: Iterable[tuple[str, tuple[str, str]]]
) -> str:
    """Methods by kind, named where they are few."""
    parts = []
    for wanted, (one, several) in verbs:
        names = [labels[row["method"]] for row in rows if kind(row) == wanted]
        if names:
            shown = listed(names) if len(names) <= NAMED else "all" if len(names) == len(rows) else f"{len(names)}"
            parts.append(f"{shown} {one if len(names) == 1 else several}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text[:3] == "all" else f"{text}."
