"""The page of planted facts, README.md beside planted.json: ``python -m papers.planted.page``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from papers.vision.verdicts import interval as students

LEAD, TRUTH, CHANCE, SAME = "WeightedGrad, channel", "the planted weights", "chance", "as before"
Row = Mapping[str, Any]
READING = (
    "**How to read it.** A network is the same function whether the planted channels are long, as training left them, or short. "
    "Plain gradients grow as weights shrink: `Gradient` has its higher hit rates in the form below and `WeightMagnitude` in the "
    "other, so that what is decided about these two holds for this form alone. Weight times gradient, ratios of gradients, "
    "removal of filters and masks by place are the same in both, but for rounding. Most masks, whatever their hit rate, leave few "
    "of these facts after a reset and a short finetuning (table below), so the forget gap tells masks apart less than what "
    "stays does."
)


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Mean of independent values, and the ends of Student's interval.

    >>> [round(end, 3) for end in interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    return students(np.array(values)[:, None], level)


def decided(differences: Sequence[float], comparisons: int) -> str:
    """'more', 'less' or 'open', by an interval whose level allows for so many comparisons.

    >>> decided([0.2, 0.21, 0.19], 3), decided([-0.2, -0.21, -0.19], 3), decided([0.2, -0.2, 0.1], 3)
    ('more', 'less', 'open')
    """
    _, low, high = interval(differences, 1 - 0.05 / comparisons)
    return "more" if low > 0 else "less" if high < 0 else "open"


def column(rows: Sequence[Row], name: str, layer: str, figure: str, lengths: str = SAME) -> dict[int, float]:
    """A figure by seed."""
    chosen = (r for r in rows if (r["localizer"], r["layer"], r["lengths"]) == (name, layer, lengths))
    return {r["seed"]: r[figure] for r in chosen if figure in r}


def page(document: Mapping[str, Any]) -> str:
    """The page of what ``localize`` wrote."""
    rows, layers = document["rows"], list(document["layers"])
    names = [n for n in dict.fromkeys(row["localizer"] for row in rows) if n != TRUTH]
    parts = [
        _opening(document), _decisions(rows, layers, names), _planting(document, rows),
        _table(
            "Hit rate", "Share of a mask that lies in the planted weights; in brackets 95 % intervals. A mask drawn anywhere has "
            "their share of all weights. The last column is the share of the planted weights that the mask has.",
            rows, layers, names, ("precision", "recall"), "Found of the planted",
        ),
        _table(
            "Hit rate where planted weights stand out by their length", "The same before their length is taken back. "
            "Weight times gradient and ratios of gradients do not depend on it, but for rounding.",
            rows, layers, names, ("precision", "recall"), "Found of the planted", "as trained",
        ),
        _table(
            "Unlearning within the mask", "Facts that the base model answers as planted less those that the unlearned model does, "
            "in points: 0 is ideal, -100 is all remembered. The last column is the accuracy on what was to stay.",
            rows, layers, [TRUTH, *names], ("gap", "retain"), "Retain accuracy",
        ),
        _claims("precision", "Hit rate", rows, layers, names),
        _claims("retain", "Retain accuracy after unlearning", rows, layers, names),
    ]  # fmt: skip
    reasons = sorted({f"- {r['localizer']}, {r['layer']}, seed {r['seed']}: {r['reason']}" for r in rows if "reason" in r})
    return "\n\n".join(filter(None, [*parts, "\n".join(["## What has no number", "", *reasons]) if reasons else ""])) + "\n"


def _opening(document: Mapping[str, Any]) -> str:
    lines = [
        "# Localizers against a planted truth",
        "",
        f"A network is trained on digits. Then {document['channels']} of the {document['width']} channels of one layer, and "
        f"nothing else, are trained on {document['facts']} held-out digits with wrong labels beside what it knew, until it knows "
        f"them all or for {document['rounds']} rounds; facts that it then does not know are left out. So these weights hold the "
        "facts by construction: put back, they give the base model, which never saw them and is what exact unlearning would "
        "give. Planting makes these channels longer, which would give them away. So in both networks, with the facts and "
        "without, each is divided by as much as it grew, and the batch norm after it makes up for that: both compute what they "
        "did, the channels with the facts are as long as before planting, and the two networks still differ in the planted "
        "weights alone. Each localizer is given the budget of the planted weights.",
        "",
        f"By `{document['command']}` on {document['date']}: {document['seeds']} seeds (each with a network, facts and channels of "
        f"its own), {document['machine']}, torch {document['torch']}, {document['seconds'] / 60:.0f} CPU-minutes, commit "
        f"{document['commit'][:12]}{' with changes' if document['changed'] else ''}. Intervals are Student's over seeds. "
        "`Everything` has no budget and is left out; heads move where the mask says.",
        "",
        f"- Planting: `{document['planting']}`",
        f"- Unlearning, confined to the mask: `{document['unlearning']}`",
    ]
    return "\n".join(lines)


def _planting(document: Mapping[str, Any], rows: Sequence[Row]) -> str:
    figures = {
        "Share of the weights, %": "chance", "Facts known before, %": "before", "after": "planted",
        "Test accuracy before, %": "base_test", "after planting": "test", "Length as trained, in % of the base's": "longer",
    }  # fmt: skip
    lines = ["## What was planted", "", f"| Layer | {' | '.join(figures)} |", f"|---|{'---|' * len(figures)}"]
    for layer, (tensor, _) in document["layers"].items():
        shown = [_percent(list(column(rows, TRUTH, layer, figure).values())) for figure in figures.values()]
        lines.append(f"| {layer}, `{tensor}` | {' | '.join(shown)} |")
    return "\n".join([*lines, "", _short(document, rows)])


def _short(document: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Where not all facts were learned, and what planting cost."""
    known = {layer: column(rows, TRUTH, layer, "planted") for layer in document["layers"]}
    short = [f"{at}, seed {seed}: {100 * share:.0f} %" for at, by in known.items() for seed, share in by.items() if share < 1]
    lost = []
    for at in document["layers"]:
        before, after = (column(rows, TRUTH, at, figure) for figure in ("base_test", "test"))
        lost.append(f"{at} {_percent([before[seed] - after[seed] for seed in before])}")
    said = "All facts were learned everywhere." if not short else f"Not all facts were learned in: {'; '.join(short)}."
    rounds = [f"{at} {np.mean(list(column(rows, TRUTH, at, 'rounds').values())):.1f}" for at in document["layers"]]
    return (
        f"{said} Rounds that it took, mean: {', '.join(rounds)}. The planted weights hold more than the facts: planting costs test "
        f"accuracy, in points {', '.join(lost)}."
    )


def _table(
    title: str, text: str, rows: Sequence[Row], layers: Sequence[str], names: Sequence[str], figures: tuple[str, str], last: str,
    lengths: str = SAME,
) -> str:  # fmt: skip
    lines = [f"## {title}", "", text, "", f"| Mask | {' | '.join(layers)} | {last}: {', '.join(layers)} |"]
    lines.append(f"|---|{'---|' * (len(layers) + 1)}")
    for name in names:
        cells, ends = ([list(column(rows, name, layer, f, lengths).values()) for layer in layers] for f in figures)
        short = ", ".join(f"{100 * np.mean(values):.0f} %" if values else "–" for values in ends)
        lines.append(f"| {name} | {' | '.join(map(_percent, cells))} | {short} |")
    return "\n".join(lines)


def differences(figure: str, rows: Sequence[Row], layers: Sequence[str], other: str) -> dict[str, list[float]]:
    """Of the leader less another, by layer: a number for each seed that has both."""
    out = {}
    for layer in layers:
        ours = column(rows, LEAD, layer, figure)
        theirs = column(rows, TRUTH, layer, "chance") if other == CHANCE else column(rows, other, layer, figure)
        out[layer] = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    return out


def _against(figure: str, names: Sequence[str]) -> list[str]:
    """Whom the leader is held against: chance has a hit rate, the truth has them all."""
    return [CHANCE if figure == "precision" else TRUTH, *(name for name in names if name != LEAD)]


def _decisions(rows: Sequence[Row], layers: Sequence[str], names: Sequence[str]) -> str:
    lines = ["## What is decided", "", *_above_chance(rows, layers, names)]
    for figure, what in (("precision", "Hit rate"), ("retain", "Retain accuracy after unlearning")):
        found = {other: differences(figure, rows, layers, other) for other in _against(figure, names)}
        words = {"more": f"{what} of {LEAD}, more than", "less": f"{what} of {LEAD}, less than"}
        lines += _sorted(found, words | {"open": f"{what} of {LEAD}, undecided against"})
    return "\n".join([*lines, "", READING])


def _above_chance(rows: Sequence[Row], layers: Sequence[str], names: Sequence[str]) -> list[str]:
    found = {name: {at: list(_above(rows, name, at)) for at in layers} for name in names}
    return _sorted(found, {"more": "Finds more than chance", "less": "Finds less than chance", "open": "Undecided against chance"})


def _above(rows: Sequence[Row], name: str, layer: str) -> Iterator[float]:
    chance = column(rows, TRUTH, layer, "chance")
    for seed, hits in column(rows, name, layer, "precision").items():
        yield hits - chance[seed]


def _sorted(found: Mapping[str, Mapping[str, Sequence[float]]], words: Mapping[str, str]) -> list[str]:
    """A line for each verdict: who, and in which layers; all verdicts together allow for their number."""
    count, verdicts = sum(len(by_layer) for by_layer in found.values()), {verdict: list[str]() for verdict in words}
    for name, by_layer in found.items():
        said = {at: decided(values, count) for at, values in by_layer.items() if len(values) > 1}
        for verdict, against in verdicts.items():
            there = ", ".join(layer for layer, each in said.items() if each == verdict)
            against += [f"{name} ({there})"] if there else []
    return [f"- {words[verdict]}: {'; '.join(against) or 'none'}." for verdict, against in verdicts.items()]


def _claims(figure: str, title: str, rows: Sequence[Row], layers: Sequence[str], names: Sequence[str]) -> str:
    others = _against(figure, names)
    count = len(others) * len(layers)
    lines = [
        f"## {title}: {LEAD} against the others", "",
        f"Paired differences, {LEAD} less the other, in points, with 95 % intervals. The verdict allows for all {count} "
        "comparisons of the table (Bonferroni).", "", f"| Against | {' | '.join(layers)} |", f"|---|{'---|' * len(layers)}",
    ]  # fmt: skip
    for other in others:
        by_layer = differences(figure, rows, layers, other).values()
        cells = [f"{_percent(values)} **{decided(values, count)}**" if len(values) > 1 else "–" for values in by_layer]
        lines.append(f"| {other} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean, low, high = (100 * each for each in interval(values))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]" if high - low > 1e-9 else f"{mean:.1f}"


def main() -> None:
    """Write the page."""
    folder = Path(__file__).parent
    (folder / "README.md").write_text(page(json.loads((folder / "planted.json").read_text())))


if __name__ == "__main__":
    main()
