"""Count what the rules of prose catch mechanically: ``python docs/prose.py [--show RULE]``.

A rule here is a phrase that stops a native technical reader. It leaves right English alone where a pattern can: "there is no
X" passes and "is no X" does not. What no pattern can see (a sentence that says nothing, an example that comes late) is for
review.
"""

from __future__ import annotations

import argparse
import ast
import gc
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

_UNIT = "line|file|row|number|process|job|task|test|model|tensor|logit|core|loss|call|value|id|method|thread|part|entry|layer"
_SEEN = "told|asked|had|held(?! out)|reckoned|looked at"
# Each rule: what to look for, and what to write instead.
RULES = {
    "passive of telling": (rf"\b(?:is|are|was|were|be|been|being) (?:not |never |then |also )?(?:{_SEEN})\b", "say who does it"),
    "told": (r"\btold\b|\btells? (?:how|what|whether|that|of|nothing|where|which|it)\b", "print, report or say"),
    "answers": (
        r"\b(?:models?|networks?|oracles?|[Ii]t)(?:'s|s')? answers?\b|\banswers? of (?:the |all |a |its )?(?:models?|oracles?)\b"
        r"|\b(?:[Ss]tored|single|their|models') answers\b|\banswers? with (?:one|logits|a|tables|NaN)\b|\bmade of answers\b",
        "outputs, logits or predictions; return",
    ),
    "by heart": (r"\bby heart\b", "memorized"),
    "at the door": (r"\bat the door\b", "check or validate"),
    "reckon": (r"\breckon\w*", "estimate"),
    "in the place of": (r"\bin (?:the )?place of\b", "instead of"),
    "beside": (r"\b[Bb]eside (?:the (?:model|retain|mask|head)|those|that)\b", "besides"),
    "a for per": (rf"\b(?:one|an?) (?:\w+ )?(?:{_UNIT}) an? \w+", "per"),
    "is no": (
        r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer|more|less|better|worse|larger|smaller|later|likelier)\w+",
        "is not a",
    ),
    "bears": (r"\bbears? (?:an?|the|its|their)\b", "has, or is called"),
    "laid": (r"\blaid\b|\blays? (?:it |them )?down\b", "save"),
    "stacked relatives": (r"(?:\b(?:whose|(?:of|by|in|on|from|to) which)\b[^.;:|]*){2}", "two sentences"),
}
OTHERS = ("src/untrain/data/readers/question_answer.py",)  # its strings are what some model says
BEGINNING = "begins with a clause"
_CLAUSE = re.compile(r"(?:What|Whether|How|Where|Which|Why|Who|Whose|When)\b(?![^.]*\?)")
# Triple quotes at the beginning of a module, or below a line that ends in a colon: far quicker than parsing.
_DOCSTRING = re.compile(r'(?:\A|:(?: *#[^\n]*)?\n)\s*[rR]?"""(.*?)"""', re.DOTALL)
_PATTERNS = {name: re.compile(pattern) for name, (pattern, _) in RULES.items()}


class Finding(NamedTuple):
    """One phrase that a rule catches: the rule, the file and line, and the words."""

    rule: str
    file: str
    line: int
    words: str


def catches(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield rule, offset and words of everything that the rules catch in plain text.

    >>> [rule for rule, _, _ in catches("It is told beside the model; there is no table.")]
    ['passive of telling', 'told', 'beside']
    """
    for rule, pattern in _PATTERNS.items():
        for match in pattern.finditer(text):
            yield rule, match.start(), match[0]


def plain(markdown: str) -> str:
    """Blank what is not prose of a page: code, quotations, link targets and generated parts; lines stay where they are.

    >>> plain("Say `is told` here.")
    'Say           here.'
    """
    for pattern in (r"<!-- (\w+) -->.*?<!-- /\1 -->", r"^```.*?^```", r"^    .*?$", r"`[^`\n]+`", r"\"[^\"\n]*\"", r"\]\([^)]*\)"):
        markdown = re.sub(pattern, _blanked, markdown, flags=re.MULTILINE | re.DOTALL)
    # A sentence goes on over the end of a line, but not over an empty one.
    return re.sub(r"(?<!\n)\n(?![\n#|>-])", " ", markdown)


def _blanked(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def in_page(file: Path) -> list[Finding]:
    """What the rules catch in a page of Markdown."""
    text = file.read_text(encoding="utf-8")
    name, prose = str(file.relative_to(ROOT)), plain(text)
    return [Finding(rule, name, text.count("\n", 0, at) + 1, words) for rule, at, words in catches(prose)]


def in_docstrings(file: Path) -> list[Finding]:
    """What the rules catch in the docstrings of a module, besides those that begin with a free relative clause."""
    found = []
    name, text = str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
    for match in _DOCSTRING.finditer(text):
        said, line = inspect.cleandoc(match[1]), text.count("\n", 0, match.start(1)) + 1
        prose = re.sub(r"(?m)^>>> .*?(?=\n\n|\Z)", "", said, flags=re.DOTALL)
        found += [Finding(rule, name, line, words) for rule, _, words in catches(" ".join(re.sub(r"``[^`]*``", "", prose).split()))]
        found += [Finding(BEGINNING, name, line, " ".join(said.split())[:60])] if _CLAUSE.match(said) else []
    return found


def in_messages(file: Path) -> list[Finding]:
    """What the rules catch in the strings of a module that a reader may see: errors, notes, headings, texts on scores and words.

    That is each string with a space that is not a docstring; of an f-string the fields are blank. Data of others are left out.
    """
    name = str(file.relative_to(ROOT))
    found = []
    for line, text in () if name in OTHERS else strings(file.read_text(encoding="utf-8")):
        found += [Finding(rule, name, line, words) for rule, _, words in catches(" ".join(text.split()))]
    return found


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of the strings of a module that have a space and are not docstrings; a field of an f-string is ``X``.

    >>> list(strings("def f():\\n    'Say it.'\\n    raise ValueError(f'{1} is no number')"))
    [(3, 'X is no number')]
    """
    with _no_collection():
        nodes = list(ast.walk(ast.parse(source)))
    bodies = (node.body for node in nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body)
    skipped = {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}
    skipped |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if " " in text and id(node) not in skipped:
            yield node.lineno, text


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection within: it takes most of the time of parsing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def in_module(file: Path) -> list[Finding]:
    """What the rules catch in a module, docstrings and messages."""
    return in_docstrings(file) + in_messages(file)


def pages() -> list[Path]:
    """README, CONTRIBUTING and the pages of docs."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def sources() -> list[Path]:
    """Every module of the package."""
    return sorted((ROOT / "src").rglob("*.py"))


def table(columns: dict[str, list[Finding]]) -> str:
    """Counts by rule, one column per group of texts."""
    counts = {title: Counter(one.rule for one in found) for title, found in columns.items()}
    lines = [f"{'rule':24}" + "".join(f"{title:>14}" for title in counts)]
    for rule in (*RULES, BEGINNING):
        lines.append(f"{rule:24}" + "".join(f"{count[rule]:14,}" for count in counts.values()))
    lines.append(f"{'all':24}" + "".join(f"{count.total():14,}" for count in counts.values()))
    return "\n".join(lines)


def main() -> None:
    """Print the table, or the places that one rule catches."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--show", metavar="RULE", help="list the places that a rule catches, or all of them with 'all'")
    asked.add_argument("files", nargs="*", help="pages or modules; by default all")
    given = asked.parse_args()
    files = [Path(one).resolve() for one in given.files] or [*pages(), *sources()]
    modules = [file for file in files if file.suffix == ".py"]
    prose = [one for file in files if file.suffix != ".py" for one in in_page(file)]
    code = {"docstrings": [one for file in modules for one in in_docstrings(file)]}
    code["messages"] = [one for file in modules for one in in_messages(file)]
    groups = {"README": "README.md", "CONTRIBUTING": "CONTRIBUTING.md", "docs": "docs/"}
    flat = [*prose, *code["docstrings"], *code["messages"]]
    if given.show:
        shown = [one for one in flat if given.show in (one.rule, "all")]
        sys.stdout.write("".join(f"{one.file}:{one.line}: {one.rule}: {one.words}\n" for one in shown))
        return
    columns = {title: [one for one in prose if one.file.startswith(begin)] for title, begin in groups.items()}
    sys.stdout.write(table(columns | code) + "\n")


if __name__ == "__main__":
    main()
