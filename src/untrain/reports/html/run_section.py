"""All that the page shows of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.outcome import FORGET, KEEP
from untrain.reports import formatting, standing, verdict_marks
from untrain.reports.html import charts as figures
from untrain.reports.html import cost_tables, curve_charts, example_tiles, mask_charts, request_words, roc_charts, tables
from untrain.reports.html.all_scores import every
from untrain.reports.html.answers import said
from untrain.reports.html.comes_back import comes_back
from untrain.reports.html.doubts import doubts
from untrain.reports.html.drawing import Drawn
from untrain.reports.html.group_table import payers
from untrain.reports.html.outcome_chart import outcome_chart
from untrain.reports.html.protocol_table import against_protocol, each_model, only
from untrain.reports.html.replies import replies
from untrain.reports.html.request_words import about, forget_heading, is_repair, title
from untrain.reports.html.summary import details, measured, outcomes
from untrain.reports.material import Material
from untrain.reports.repaired import repaired
from untrain.reports.tally import advice, least_bad, tally


def section(key: str, material: Material, groups: Mapping[str, tables.Glossary], drawn: Drawn) -> dict[str, Any]:
    """All that the page shows of one run, whose scores come from evaluators in ``groups``; its charts go to ``drawn``."""
    document = material.document
    first, picture, against = standing.lead(document["results"]), outcome_chart(document), against_protocol(document)
    drawn.add(f"{key}-outcomes", picture.chart if picture else None)
    looked_at = methods(key, material, drawn)
    return {
        "key": key, "title": title(material), "document": document, "tally": tally(document), "advice": advice(document),
        "least_bad": least_bad(document), "repaired": repaired(document) if is_repair(material) else "",
        "forget_heading": forget_heading(material), "doubts": doubts(document), "replies": replies(document),
        "powerless": verdict_marks.powerless(first) if first else "", "about": about(material),
        "lettered": request_words.of_labels(document),
        "picture": picture.captions if picture else (), "specs": tables.specs(document),
        "outcomes": outcomes(document), "measured": measured(document, is_repair(material)), "details": details(document),
        "against": against, "forgetting": only(against, FORGET) if against else None,
        "keeping": only(against, KEEP) if against else None,
        "methods": looked_at, "curves": {name: words for method in looked_at for name, words in method["curves"].items()},
        "chosen": len(material.unlearned) > 1, "first": first["method"] if first else "",
        "whole": is_whole(material) and material.oracle.has("classes"), "classed": material.oracle.has("classes"),
        "margin": material.oracle.task.about_margin, "unseen": example_tiles.unseen(material),
        "steps": curve_charts.by_step(key, document, drawn),
        "budget": document["setting"].get("budget"), "known": tables.known(document),
        **tabled(material, groups), **masked(key, document, drawn),
    }  # fmt: skip


def tabled(material: Material, groups: Mapping[str, tables.Glossary]) -> dict[str, Any]:
    """The tables of a run, and what is said of its scores."""
    document = material.document
    glossary = {name: about for scores in groups.values() for name, about in scores.items()}
    table = tables.comparison(document, glossary, is_repair(material))
    marks = {cell.mark for line in (*table.lines, *table.dearer) for cell in line.cells}
    return {
        "table": table, "daggers": "outside" in marks, "every": every(document, groups),
        "missing": tables.missing(document), "notes": tables.notes(document, glossary), "guard": cost_tables.guard(document),
        "costs": cost_tables.costs(document), "happened": tables.happened(document), "back": comes_back(document, glossary),
    }  # fmt: skip


def masked(key: str, document: Mapping[str, Any], drawn: Drawn) -> dict[str, Any]:
    """Places and overlaps of the masks of a run; the charts go to ``drawn``."""
    masks, shared = mask_charts.grouped(document), mask_charts.of_run(document)
    drawn.add(f"{key}-mask", mask_charts.share_chart(masks))
    drawn.add(f"{key}-overlap", mask_charts.overlap_chart(shared) if shared else None)
    return {
        "masks": masks, "shares": mask_charts.share_table(masks), "shared": shared,
        "pairs": mask_charts.overlap_table(shared) if shared else [],
    }  # fmt: skip


def methods(key: str, material: Material, drawn: Drawn) -> list[dict[str, Any]]:
    """For each method that did not fail, what a reader can choose to see: its charts, and its examples."""
    oracle = figures.outputs_by_side(material.oracle)
    others = {"Retrained": oracle}
    if material.original is not None:
        others = {"Original": figures.outputs_by_side(material.original), **others}
    bins = figures.edges(*others.values())
    rows = {row["method"]: row for row in material.document["results"]}
    labels = tables.labels_of(material.document)
    attacks = roc_charts.attacks(material)
    sections = []
    for at, (method, outputs) in enumerate(material.unlearned.items()):
        ours, row = figures.outputs_by_side(outputs), rows[method]
        by_side(key, at, material, {**others, "Unlearned": ours}, bins, labels[method], drawn)
        singled_out = {
            kind: (sentence, example_tiles.recognised(row["verdict"].get(kind, ()), material, ours["forget"], oracle["forget"]),
                   row["verdict"]["counts"].get(kind, 0))
            for kind, sentence in verdict_marks.looked_for(row).items()
        }  # fmt: skip
        sections.append({
            "at": at, "method": method, "label": labels[method], "spec": formatting.label(method),
            "tiles": tiles(material, ours["forget"], oracle["forget"]),
            "examples": singled_out, "paid": payers(row, material.classes),
            "each": {part: each_model(row, names) for part, names in (("forgetting", FORGET), ("keeping", KEEP))},
            "curves": curves(key, at, attacks, outputs, row, labels[method], drawn), "said": said(material, outputs),
        })  # fmt: skip
    return sections


def by_side(
    key: str, at: int, material: Material, populations: Mapping[str, Mapping[str, figures.SideOutputs]], bins: Any,
    label: str, drawn: Drawn,
) -> None:  # fmt: skip
    """Charts of margins and, where there are whole outputs of classes, of accuracy by class, on the forget and the test set."""
    classes = material.oracle.logits.shape[-1] if is_whole(material) and material.oracle.has("logits") else None
    for side in figures.SIDES:
        here = {who: sides[side] for who, sides in populations.items()}
        drawn.add(f"{key}-margins-{side}-{at}", figures.by_name(figures.margin_chart(here, bins), label))
        if classes is not None:
            drawn.add(f"{key}-classes-{side}-{at}", figures.by_name(figures.class_chart(here, classes, material.classes), label))


def curves(
    key: str,
    at: int,
    attacks: Sequence[roc_charts.Attack],
    outputs: Observation,
    row: Mapping[str, Any],
    label: str,
    drawn: Drawn,
) -> dict[str, str]:
    """Name and title of the ROC curves of one method, attack by attack; their charts go to ``drawn``."""
    titles = {}
    for attack in attacks:
        for name, (words, chart) in roc_charts.charts(attack, outputs, row["scores"]).items():
            drawn.add(f"{key}-roc-{name}-{at}", figures.by_name(chart, label))
            titles[name] = words
    return titles


def is_whole(material: Material) -> bool:
    """Return whether whole outputs are known, not margins alone."""
    return bool(material.document.get("answers", "logits") == "logits")


def tiles(material: Material, ours: figures.SideOutputs, oracle: figures.SideOutputs) -> Any:
    """The least and the most forgotten, or nothing where examples cannot be shown."""
    if example_tiles.unseen(material):
        return ((), ())
    return example_tiles.extremes(material, ours, oracle)
