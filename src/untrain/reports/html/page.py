"""The report: one HTML text that needs no network."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from untrain.core.describe import source, summary
from untrain.evaluation.glossary import entry, scorers
from untrain.evaluation.observation import CORRECTED, PROBE, Observation
from untrain.evaluation.scoring.design import LEVEL
from untrain.evaluation.vocabulary import OF_PROTOCOLS, OF_SCORES, terms
from untrain.reports import formatting, verdict_marks
from untrain.reports.headings import heading
from untrain.reports.html import charts as figures
from untrain.reports.html import example_tiles, mask_charts, roc_charts, tables
from untrain.reports.html.all_scores import every
from untrain.reports.html.answers import said
from untrain.reports.html.chart_spec import Chart
from untrain.reports.html.group_table import payers
from untrain.reports.html.protocol_table import against_protocol, each_model
from untrain.reports.html.summary import details, opening, outcomes
from untrain.reports.material import Material

NO_PLOTLY = "The charts are missing: plotly was not installed when this page was written (pip install 'untrain[figures]')."


@dataclass
class Drawn:
    """The charts of a page, as they gather: name -> figure."""

    plotly: ModuleType | None
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, chart: Chart | None) -> bool:
        """Keep a chart under a name; whether there was one."""
        if chart is not None and self.plotly is not None:
            self.figures[name] = self.plotly.figure(**asdict(chart))
        return chart is not None


def page(materials: Sequence[Material], command: str) -> str:
    """A report on one or more runs.

    Args:
        materials: what it is made of, one per run.
        command: the command that made it, shown as it is.
    """
    groups = {type(e).__name__: e.scores for e in scorers()}
    about = {type(e).__name__: summary(type(e)).replace("``", "") for e in scorers()}
    drawn = Drawn(plotly())
    runs = [section(f"run{i}", m, groups, drawn) for i, m in enumerate(materials, 1)]
    documents = [m.document for m in materials]
    return environment().get_template("page.html").render(
        runs=runs, command=command, setting=documents[0]["setting"], version=documents[0]["untrain"], terms=_words(),
        glossary=glossary(materials), level=level(documents), about=about, missing=NO_PLOTLY if drawn.plotly is None else "",
        style=shipped("colours.css") + shipped("style.css"),
        script=shipped("charts.js"), plotly=Markup(drawn.plotly.source()) if drawn.plotly else "",
        figures=embedded(drawn.figures), results=embedded({"command": command, "runs": documents}),
    )  # fmt: skip


def _words() -> dict[str, str]:
    """What the words of a page mean: several that explain each other stand in one line."""
    known = terms()
    together = [("original", "retrained", "unlearned"), ("forget set", "retain set", "test set")]
    lines = {", ".join(group).replace(" set,", ","): "; ".join(known[word].means for word in group) for group in together}
    return lines | {word: known[word].means for word in ("gap", *OF_PROTOCOLS, *OF_SCORES)}


def level(documents: Sequence[Mapping[str, Any]]) -> float:
    """The share of false alarms that the tests allow."""
    levels = (row["verdict"]["level"] for d in documents for row in d["results"] if row["verdict"] and row["verdict"]["level"])
    return float(next(levels, LEVEL))


def glossary(materials: Sequence[Material]) -> list[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """Evaluator -> name, heading and entry of each of its scores that a run has, with or without a value.

    Evaluators that need what the tasks never give are left out: their words, such as accuracy or classes, mean nothing there.
    """
    scored = {n for m in materials for r in m.document["results"] for n in r["scores"]}
    given = {name for m in materials for name in (*m.oracle.task.signals, *m.oracle.task.outputs)}
    listed = []
    for evaluator in (e for e in scorers() if {n for n in e.needs if not is_of_run(n)} <= given):
        kind = type(evaluator)
        entries = [(n, heading(n), entry(about, source(kind))) for n, about in evaluator.scores.items() if n in scored]
        listed.extend([(kind.__name__, entries)] if entries else [])
    return listed


def is_of_run(need: str) -> bool:
    """Return whether a run gives what a score needs, or lacks it, whatever its task is."""
    return need in {"spread", "strata"} or need.startswith(PROBE)


def plotly() -> ModuleType | None:
    """The adapter of plotly, or None where plotly is not installed."""
    try:
        return importlib.import_module("untrain.reports.html.plotly")
    except ImportError:
        return None


@cache  # templates are compiled once per process
def environment() -> Environment:
    """Templates that escape whatever is put into them and refuse names that are not there."""
    templates = Environment(
        loader=PackageLoader("untrain.reports.html", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["breakable"] = breakable
    templates.filters["short"] = formatting.short
    templates.filters["sentence"] = formatting.sentence
    return templates


def breakable(spelling: str) -> Markup:
    """A spelling or a name that a line may break in after each opening bracket and underscore."""
    return Markup(str(escape(spelling)).replace("(", "(<wbr>").replace("_", "_<wbr>"))


def shipped(name: str) -> Markup:
    """A file of the template's folder, as it is."""
    return Markup((resources.files("untrain.reports.html") / "template" / name).read_text(encoding="utf-8"))


def embedded(data: Any) -> Markup:
    """JSON that no text in it can break out of a ``<script>`` element."""
    plain = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return Markup(plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def section(key: str, material: Material, groups: Mapping[str, tables.Glossary], drawn: Drawn) -> dict[str, Any]:
    """All that the page shows of one run, whose scores come from evaluators in ``groups``; its charts go to ``drawn``."""
    document = material.document
    glossary = {name: about for scores in groups.values() for name, about in scores.items()}
    masks, repair = mask_charts.grouped(document), is_repair(material)
    shared = mask_charts.of_run(document)
    first = formatting.lead(document["results"])
    looked_at = methods(key, material, drawn)
    titles = {name: title for method in looked_at for name, title in method["curves"].items()}
    return {
        "key": key, "title": title(material), "document": document, "opening": opening(document, repair),
        "outcomes": outcomes(document), "details": details(document), "against": against_protocol(document),
        "powerless": verdict_marks.powerless(first) if first else "",
        "table": tables.comparison(document, glossary, repair), "every": every(document, groups), "about": about(material),
        "missing": tables.missing(document), "notes": tables.notes(document, glossary), "guard": tables.guard(document),
        "costs": tables.costs(document), "happened": tables.happened(document), "budget": document["setting"].get("budget"),
        "masks": masks, "shares": mask_charts.share_table(masks),
        "shared": shared, "pairs": mask_charts.overlap_table(shared) if shared else [],
        "pareto": drawn.add(f"{key}-pareto", figures.pareto(document)),
        "mask": drawn.add(f"{key}-mask", mask_charts.share_chart(masks)),
        "overlap": drawn.add(f"{key}-overlap", mask_charts.overlap_chart(shared) if shared else None),
        "methods": looked_at, "curves": titles, "chosen": len(material.unlearned) > 1, "first": first["method"] if first else "",
        "whole": is_whole(material) and material.oracle.has("classes"), "margin": material.oracle.task.about_margin,
        "classed": material.oracle.has("classes"),
        "known": tables.known(document),
        "unseen": example_tiles.unseen(material), "spelling": spelling(document),
    }  # fmt: skip


def title(material: Material) -> str:
    """The heading of a run: repair of wrong labels, correction or privacy, and whether the data have wrong labels."""
    if is_repair(material):
        return "Repair: examples with wrong labels"
    noisy = mislabelled(material, "forget") or mislabelled(material, "retain")
    what, where = ("Correction: examples changed", "in") if is_correction(material) else ("Privacy: examples withdrawn", "from")
    return what + (f" {where} data with wrong labels" if noisy else "")


def is_correction(material: Material) -> bool:
    """Return whether the request gives the examples to forget new values, and takes none away."""
    return bool((np.asarray(material.oracle.side) == CORRECTED).any())


def is_repair(material: Material) -> bool:
    """Return whether more than half of the examples to forget have a wrong label."""
    return 2 * mislabelled(material, "forget") > int((np.asarray(material.oracle.side) == "forget").sum())


def spelling(document: Mapping[str, Any]) -> tuple[str, str, int] | None:
    """Short name, spelling and number of the method that the page opens with; None where the name says it all."""
    first = formatting.lead(document["results"])
    if first is None or formatting.short(first["method"]) == formatting.label(first["method"]):
        return None
    return formatting.short(first["method"]), formatting.label(first["method"]), document["results"].index(first) + 1


def about(material: Material) -> str:
    """The request, in words."""
    sizes = material.document["sizes"]
    wrong, others = (mislabelled(material, side) for side in ("forget", "retain"))
    fate = "are corrected, and the values that they had are" if is_correction(material) else "are"
    request = (
        f"{sizes['forget']:,} of {sizes['train']:,} training examples {fate} to be forgotten; "
        f"{sizes['test']:,} test examples were not in the training set that untrain was given."
    )
    if is_repair(material):
        return f"{request} {wrong:,} of the examples to forget have a wrong label, planted to see whether it can be repaired."
    noise = f" {wrong:,} of the examples to forget and {others:,} of the other training examples have a wrong label."
    return request + (noise if wrong or others else "")


def mislabelled(material: Material, side: str) -> int:
    """Number of examples of a side whose label is not the true one."""
    outputs = material.oracle
    here = np.asarray(outputs.side) == side
    return int((np.asarray(outputs.labels)[here] != np.asarray(outputs.true)[here]).sum())


def methods(key: str, material: Material, drawn: Drawn) -> list[dict[str, Any]]:
    """For each method that did not fail, what a reader can choose to see: its charts, and its examples."""
    oracle = figures.outputs_by_side(material.oracle)
    others = {"Retrained": oracle}
    if material.original is not None:
        others = {"Original": figures.outputs_by_side(material.original), **others}
    bins = figures.edges(*others.values())
    rows = {row["method"]: row for row in material.document["results"]}
    attacks = roc_charts.attacks(material)
    sections = []
    for at, (method, outputs) in enumerate(material.unlearned.items()):
        ours, row = figures.outputs_by_side(outputs), rows[method]
        by_side(key, at, material, {**others, "Unlearned": ours}, bins, drawn)
        singled_out = {
            kind: (sentence, example_tiles.recognised(row["verdict"].get(kind, ()), material, ours["forget"], oracle["forget"]))
            for kind, sentence in verdict_marks.looked_for(row).items()
        }
        sections.append({
            "at": at, "method": method, "label": formatting.label(method),
            "tiles": tiles(material, ours["forget"], oracle["forget"]),
            "examples": singled_out, "paid": payers(row, material.classes), "each": each_model(row),
            "curves": curves(key, at, attacks, outputs, row, drawn), "said": said(material, outputs),
        })  # fmt: skip
    return sections


def by_side(
    key: str, at: int, material: Material, populations: Mapping[str, Mapping[str, figures.SideOutputs]], bins: Any, drawn: Drawn
) -> None:
    """Charts of margins and, where there are whole outputs of classes, of accuracy by class, on the forget and the test set."""
    classes = material.oracle.logits.shape[-1] if is_whole(material) and material.oracle.has("logits") else None
    for side in figures.SIDES:
        here = {who: sides[side] for who, sides in populations.items()}
        drawn.add(f"{key}-margins-{side}-{at}", figures.margin_chart(here, bins))
        if classes is not None:
            drawn.add(f"{key}-classes-{side}-{at}", figures.class_chart(here, classes, material.classes))


def curves(
    key: str, at: int, attacks: Sequence[roc_charts.Attack], outputs: Observation, row: Mapping[str, Any], drawn: Drawn
) -> dict[str, str]:
    """Name and title of the ROC curves of one method, attack by attack; their charts go to ``drawn``."""
    titles = {}
    for attack in attacks:
        for name, (title, chart) in roc_charts.charts(attack, outputs, row["scores"]).items():
            drawn.add(f"{key}-roc-{name}-{at}", chart)
            titles[name] = title
    return titles


def is_whole(material: Material) -> bool:
    """Return whether whole outputs are known, not margins alone."""
    return bool(material.document.get("answers", "logits") == "logits")


def tiles(material: Material, ours: figures.SideOutputs, oracle: figures.SideOutputs) -> Any:
    """The least and the most forgotten, or nothing where examples cannot be shown."""
    if example_tiles.unseen(material):
        return ((), ())
    return example_tiles.extremes(material, ours, oracle)
