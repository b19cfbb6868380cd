"""Write the parts of README.md and docs/ that repeat what the code says, and the package's stub: ``python docs/generate.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, get_args

import untrain
from untrain.commands.declared_access import access_of
from untrain.commands.promises import all_promises
from untrain.core import discovery
from untrain.core.describe import fields
from untrain.core.discovery import ClassLocation
from untrain.core.spec import Spec
from untrain.evaluation.glossary import entry
from untrain.unlearners.base import Recipe

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/methods.md", "docs/scores.md", "docs/check.md", "docs/api.md")
STUB = "src/untrain/__init__.pyi"

SECTIONS = {
    "Recipes": ("recipe",),
    "Unlearners": ("unlearner",),
    "Localizers": ("localizer",),
    "Attributors": ("attributor",),
    "Scenarios": ("scenario",),
    "Readers": ("reader",),
    "Requests": ("request",),
    "Noise": ("noise",),
    "Augmentation": ("augment",),
    "Learners": ("learner",),
    "Keepers": ("keeper",),
    "Networks": ("architecture",),
    "Evaluators": ("evaluator",),
    "Observers": ("observer",),
    "Executors": ("executor",),
    "Loggers": ("logger",),
    "Parts": ("task", *(role for role in discovery.SHARED if role != "recipe")),
}


SHORT = {
    "retain set": "Need the retain set",
    "retain-free": "Work without it (retain-free)",
    "zero-shot": "Need the forget set and the model alone (zero-shot)",
    "retrained models": "Need retrained models (an upper bound, no method)",
}


def short_list() -> str:
    """The README's list: names of recipes and unlearners by what they see, and of localizers."""
    names: dict[str, list[str]] = {}
    for place in discovery.of_role("recipe", "unlearner"):
        names.setdefault(_sees(place), []).append(f"`{place.name}`")
    lines = [f"- **{title}**: {', '.join(sorted(names.pop(sees), key=str.casefold))}." for sees, title in SHORT.items()]
    lines += [f"- **{sees}**: {', '.join(rest)}." for sees, rest in names.items()]
    localizers = ", ".join(f"`{place.name}`" for place in discovery.of_role("localizer"))
    return "\n".join([*lines, f"- **Localizers**: {localizers}."])


def methods() -> str:
    """One line for each recipe, unlearner and localizer."""
    rows = [
        f"| `{place.name}` | {place.role} | {_sees(place)} | {_cell(place.summary)} | {_bar(_links(place.source))} |"
        for role in ("recipe", "unlearner", "localizer")
        for place in discovery.of_role(role)
    ]
    return "\n".join(["| Name | Role | Sees | What it does | Source |", "|---|---|---|---|---|", *rows])


def reference() -> str:
    """Every class with a spelling, by role, with its fields."""
    return "\n\n".join(
        f"## {heading}\n\n" + "\n\n".join(_entry(place) for place in discovery.of_role(*roles))
        for heading, roles in SECTIONS.items()
    )


def glossary() -> str:
    """Every score of every evaluator and observer; what all of its scores share stands once below the table."""
    return "\n\n".join(_scores(place) for place in discovery.of_role("evaluator", "observer"))


def promises() -> str:
    """Every promise that `untrain check` tries, by role, with what it means and what mends it."""
    tables: dict[str, list[str]] = {}
    for name, role, ask in all_promises():
        means, _, cure = (inspect.getdoc(ask) or "").partition("Cure:")
        title = " or ".join(each.__name__ for each in get_args(role) or (role,))
        tables.setdefault(title, []).append(f"| {name} | {_cell(' '.join(means.split()))} | {_cell(' '.join(cure.split()))} |")
    head = ["| Promise | What it means | When it is broken |", "|---|---|---|"]
    return "\n\n".join(f"### {'Every role' if t == 'Spec' else t}\n\n" + "\n".join([*head, *rows]) for t, rows in tables.items())


def functions() -> str:
    """Every public function and record of the package that no other page lists, with its signature and docstring."""
    names = sorted(untrain._HOMES, key=lambda name: (name[0].isupper(), name.lower()))
    return "\n\n".join(_documented(f"untrain.{name}", getattr(untrain, name)) for name in names)


def roles() -> str:
    """The base class of each role: what a class of one's own has to define, and what it gets."""
    bases: dict[type, None] = {}
    for places in _by_role().values():
        cls = discovery.load(places[0].name)
        bases |= dict.fromkeys(base for base in cls.__mro__ if vars(base).get("is_role") and base is not Spec)
    return "\n\n".join(_documented(f"{base.__module__}.{base.__name__}", base) for base in sorted(bases, key=lambda b: b.__name__))


def _by_role() -> dict[str, list[ClassLocation]]:
    found: dict[str, list[ClassLocation]] = {}
    for place in discovery.index().values():
        if place.module.startswith("untrain."):
            found.setdefault(place.role, []).append(place)
    return found


def loop() -> str:
    """What an author calls: the gradient loop, plans, masks, and notes of a method."""
    from untrain.core import metering
    from untrain.training import batch_plan, descend

    things = (descend.descend, batch_plan.Plan, metering.add_note, metering.metered)
    return "\n\n".join(_documented(f"{each.__module__}.{each.__name__}", each) for each in things)


def _documented(name: str, thing: Any, level: int = 3) -> str:
    """A heading, the signature, the docstring and, of a class, its public methods of its own."""
    lines = [f"{'#' * level} {name}", "", "```text", f"{thing.__name__}{_signature(thing)}", "```", "", _sections(thing)]
    for part, method in vars(thing).items() if isinstance(thing, type) else ():
        function = getattr(method, "fget", None) or getattr(method, "__func__", method)
        if not part.startswith("_") and inspect.isfunction(function) and function.__doc__:
            shown = part if isinstance(method, property) else f"{part}{_signature(function)}"
            lines += ["", f"- `{shown}`: {_text(' '.join(function.__doc__.split(chr(10) * 2)[0].split()))}"]
    return "\n".join(lines)


def _signature(thing: Any) -> str:
    """Names and defaults of the parameters; annotations are in the source, and defaults that are objects have no text."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except ValueError:
        return "(...)"
    plain = [p.replace(annotation=p.empty) for p in parameters]
    plain = [p.replace(default=_Default(p.default)) if p.default is not p.empty else p for p in plain]
    return str(inspect.Signature(plain))


class _Default:
    """A default whose text holds no address."""

    def __init__(self, value: Any):
        self.value = value

    def __repr__(self) -> str:
        text = repr(self.value)
        return "..." if " at 0x" in text or text.startswith("<") or len(text) > 60 else text


def _sections(thing: Any) -> str:
    """A docstring in Markdown: paragraphs, examples as code, and each section as a list of its entries."""
    parts = []
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n"):
        head, _, rest = paragraph.partition(":\n")
        if paragraph.startswith(">>> "):
            parts.append(f"```pycon\n{paragraph}\n```")
        elif head == "Examples":
            parts.append(f"```text\n{inspect.cleandoc(rest)}\n```")
        elif head == "Returns":
            parts.append(f"Returns: {_text(' '.join(rest.split()))}")
        elif head in ("Args", "Raises"):
            entries = re.split(r"\n(?=\S)", inspect.cleandoc(rest))
            lines = [re.sub(r"^(\w+):", r"`\1`:", " ".join(each.split())) for each in entries]
            parts.append(f"{head}:\n\n" + "\n".join(f"- {_text(line)}" for line in lines))
        else:
            parts.append(_text(" ".join(paragraph.split())))
    return "\n\n".join(parts)


COLUMNS = {"means": "What it is", "unit": "Unit", "range": "Range", "ideal": "Ideal", "floor": "Floor", "margin": "Margin"}
BELOW = {"above": "Above what oracles show", "below": "Below what oracles show", "weak": "Weakness"}


def _scores(place: ClassLocation) -> str:
    entries = {name: entry(about, place.source) for name, about in vars(discovery.load(place.name))["scores"].items()}
    lines = [f"| Score | {' | '.join(COLUMNS.values())} |", "|---|" + "---|" * len(COLUMNS)]
    for name, words in entries.items():
        lines.append(f"| `{name}` | {' | '.join(_cell(words.get(title, '')) for title in COLUMNS)} |")
    shared: dict[tuple[str, str], list[str]] = {}
    for name, words in entries.items():
        for title in BELOW:
            if title in words:
                shared.setdefault((title, words[title]), []).append(name)
    below = [f"- {BELOW[title]}{_of(names, len(entries))}: {_text(words)}." for (title, words), names in _ordered(shared)]
    source = f"Source: {_links(place.source)}"
    return f"### {place.name}\n\n" + "\n".join(lines) + "\n\n" + "\n".join([*below, "", source])


def _ordered(shared: dict[tuple[str, str], list[str]]) -> list[tuple[tuple[str, str], list[str]]]:
    return sorted(shared.items(), key=lambda item: list(BELOW).index(item[0][0]))


def _of(names: list[str], count: int) -> str:
    """Names of the scores that a line is about, where these are not all."""
    return "" if len(names) == count else f" ({', '.join(f'`{name}`' for name in names)})"


def renewed(text: str) -> str:
    """Renew every generated part of a text, between ``<!-- name -->`` and ``<!-- /name -->``."""
    for write in (short_list, methods, reference, glossary, promises, functions, roles, loop):
        mark = write.__name__
        parts = re.split(f"(<!-- /?{mark} -->)", text)
        if len(parts) == 5:
            text = "".join([*parts[:2], "\n", write(), "\n", *parts[3:]])
    return text


def stub() -> str:
    """Write what type checkers and editors see of ``untrain``: each public name, imported from where it is defined."""
    homes = {place.name: place.module for place in discovery.index().values() if place.module.startswith("untrain.")}
    homes |= untrain._HOMES
    lines = [f"from {module} import {name} as {name}" for name, module in sorted(homes.items(), key=_import_order)]
    head = '"""Public names of untrain, each from where it is defined; written by ``python docs/generate.py``."""'
    return "\n".join([head, "", *lines, "", "__version__: str", "", "def __dir__() -> list[str]: ...", ""])


def _import_order(item: tuple[str, str]) -> tuple[str, int, str]:
    """By module, and in one module constants, classes and functions, as ruff sorts imports."""
    name, module = item
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return module, kind, name


def _entry(place: ClassLocation) -> str:
    cls = discovery.load(place.name)
    lines = [f"### {place.name}", "", _text(place.summary)]
    body = _body(cls)
    if body:
        lines += ["", body]
    table = fields(cls)
    if table:
        lines += ["", "| Field | Type | Default | Range | Meaning |", "|---|---|---|---|---|"]
    for name, about in table.items():
        default = "needed" if about["default"] is None else f"`{_bar(about['default'])}`"
        lines.append(f"| `{name}` | `{_bar(about['type'])}` | {default} | {about['range'] or ''} | {_cell(about['doc'])} |")
    if _sees(place):
        lines += ["", f"Sees besides the model: {_sees(place)}."]
    if issubclass(cls, Recipe):
        lines += ["", f"With its defaults it is `{cls().expand()!r}`."]
    lines += ["", f"Source: {_links(place.source)}"]
    departs = _section(cls, "Departs")
    return "\n".join([*lines, *(["", f"Departs: {_text(departs)}"] if departs else [])])


def _sees(place: ClassLocation) -> str:
    """What an unlearner or a recipe sees besides the model; nothing of what has another role."""
    return (access_of(place) or "") if place.role in ("unlearner", "recipe") else ""


def _body(cls: type) -> str:
    """What the docstring says between its first paragraph and its sections."""
    paragraphs = (inspect.getdoc(cls) or "").split("\n\n")[1:]
    kept = [p for p in paragraphs if not re.match(r"(Args|Returns|Raises|Source|Departs):", p)]
    return "\n\n".join(f"```pycon\n{p}\n```" if p.startswith(">>> ") else _text(" ".join(p.split())) for p in kept)


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
    """Renew the pages and the stub in place."""
    for page in PAGES:
        file = ROOT / page
        file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / STUB).write_text(stub(), encoding="utf-8")


if __name__ == "__main__":
    main()
