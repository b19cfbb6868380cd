"""Write the parts of README.md and docs/ that repeat what the code says: ``python docs/generate.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from untrain import commands
from untrain.core import names
from untrain.core.names import Place
from untrain.core.roles import Recipe
from untrain.describe import fields

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/methods.md", "docs/scores.md")

SECTIONS = {
    "Recipes": ("recipe",),
    "Unlearners": ("unlearner",),
    "Localizers": ("localizer",),
    "Scenarios": ("scenario",),
    "Requests": ("request",),
    "Noise": ("noise",),
    "Augmentation": ("augment",),
    "Learners": ("learner",),
    "Networks": ("architecture",),
    "Evaluators": ("evaluator",),
    "Observers": ("observer",),
    "Parts": ("part", "choice", "source", "task"),
}


def methods() -> str:
    """The README's table: one line for each recipe, unlearner and localizer."""
    rows = [
        f"| `{place.name}` | {place.role} | {_cell(place.summary)} | {_bar(_links(place.source))} |"
        for role in ("recipe", "unlearner", "localizer")
        for place in names.of_role(role)
    ]
    return "\n".join(["| Name | Role | What it does | Source |", "|---|---|---|---|", *rows])


def reference() -> str:
    """Every class with a spelling, by role, with its fields."""
    return "\n\n".join(
        f"## {heading}\n\n" + "\n\n".join(_entry(place) for place in names.of_role(*roles)) for heading, roles in SECTIONS.items()
    )


def glossary() -> str:
    """Every score of every evaluator and observer."""
    parts = []
    for found in (*commands.evaluators(), *commands.observers()):
        lines = ["| Score | What it is | Unit | Range | Ideal |", "|---|---|---|---|---|"]
        for name, about in found["scores"].items():
            low, high = ("" if end is None or abs(end) == float("inf") else f"{end:g}" for end in (about["low"], about["high"]))
            reach = f"{low} to {high}" if high else f"{low} or more"
            lines.append(f"| `{name}` | {_cell(about['means'])} | {about['unit']} | {reach} | {about['ideal']} |")
        weak = dict.fromkeys(about["weak"] for about in found["scores"].values())
        below = dict.fromkeys(about["below"] for about in found["scores"].values() if about["below"])
        told = [f"Weakness: {w}." for w in weak] + [f"A value below the band: {b}." for b in below]
        parts.append(f"### {found['name']}\n\n" + "\n".join(lines) + "\n\n" + "\n".join(map(_text, told)))
    return "\n\n".join(parts)


def renewed(text: str) -> str:
    """The text with every generated part, between ``<!-- name -->`` and ``<!-- /name -->``, made anew."""
    for make in (methods, reference, glossary):
        mark = make.__name__
        parts = re.split(f"(<!-- /?{mark} -->)", text)
        if len(parts) == 5:
            text = "".join([*parts[:2], "\n", make(), "\n", *parts[3:]])
    return text


def _entry(place: Place) -> str:
    cls = names.load(place.name)
    lines = [f"### {place.name}", "", _text(place.summary)]
    body = _body(cls)
    if body:
        lines += ["", _text(body)]
    table = fields(cls)
    if table:
        lines += ["", "| Field | Type | Default | Range | Meaning |", "|---|---|---|---|---|"]
    for name, about in table.items():
        default = "needed" if about["default"] is None else f"`{_bar(about['default'])}`"
        lines.append(f"| `{name}` | `{_bar(about['type'])}` | {default} | {about['range'] or ''} | {_cell(about['doc'])} |")
    if issubclass(cls, Recipe):
        lines += ["", f"With its defaults it is `{cls().expand()!r}`."]
    lines += ["", f"Source: {_links(place.source)}"]
    departs = _section(cls, "Departs")
    return "\n".join([*lines, *(["", f"Departs: {_text(departs)}"] if departs else [])])


def _body(cls: type) -> str:
    """What the docstring says between its first paragraph and its sections."""
    paragraphs = (inspect.getdoc(cls) or "").split("\n\n")[1:]
    kept = [" ".join(p.split()) for p in paragraphs if not re.match(r"(Args|Returns|Raises|Source|Departs):", p)]
    return "\n\n".join(kept)


def _section(cls: type, title: str) -> str:
    _, _, tail = (inspect.getdoc(cls) or "").partition(f"\n{title}:")
    return " ".join(re.split(r"\n(?=\S)", tail)[0].split())


def _bar(text: str) -> str:
    return text.replace("|", "\\|")


def _text(text: str) -> str:
    """A docstring's words in Markdown."""
    return text.replace("``", "`")


def _cell(text: str) -> str:
    """The same for a cell of a table, where a bar ends the cell."""
    return _bar(_text(text))


def _links(source: str) -> str:
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", _text(source))


def main() -> None:
    """Renew the pages in place."""
    for page in PAGES:
        file = ROOT / page
        file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
