"""The report: one HTML text that needs no network."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from types import ModuleType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from untrain.core.describe import source, summary
from untrain.evaluation.glossary import entry, scorers
from untrain.evaluation.observation import PROBE
from untrain.evaluation.scoring.design import LEVEL
from untrain.evaluation.vocabulary import OF_PROTOCOLS, OF_SCORES, terms
from untrain.reports import formatting
from untrain.reports.headings import heading
from untrain.reports.html.drawing import Drawn
from untrain.reports.html.run_section import section
from untrain.reports.material import Material

NO_PLOTLY = "The charts are missing: plotly was not installed when this page was written (pip install 'untrain[figures]')."


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
        script=shipped("charts.js") + shipped("tables.js"), plotly=Markup(drawn.plotly.source()) if drawn.plotly else "",
        figures=embedded(drawn.figures), results=embedded({"command": command, "runs": documents}),
    )  # fmt: skip


def _words() -> dict[str, str]:
    """Meanings of the words of a page: several that explain each other stand in one line."""
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
    templates.filters["sentence"] = formatting.sentence
    templates.filters["moment"] = formatting.moment
    templates.filters["file_name"] = formatting.file_name
    templates.filters["tag"] = formatting.tag
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
