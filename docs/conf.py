"""The documentation as web pages: ``make site``, which is Sphinx over the Markdown that GitHub shows.

The source folder is the root of the repository, so that links between docs, papers and CONTRIBUTING hold in both places. The
side bar is read off docs/index.md: one section per reader, the pages that it links in their order. A warning is an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
INDEX = "docs/index"

project = "untrain"
author = "the authors of untrain"
version = release = str(re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[0])

extensions = ["myst_parser"]
root_doc = INDEX
include_patterns = ["docs/*.md", "CONTRIBUTING.md", "CHANGELOG.md", "papers/*.md", "papers/**/*.md", "benchmarks/*.md"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"untrain {version}"
html_copy_source = False


def side_bar(index: str) -> str:
    """The pages that docs/index.md links, by its sections; then the papers, and the changes.

    A page has one place, that of its first link.
    """
    seen = {INDEX}
    parts = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE):
        links = re.findall(r"\]\(([\w./-]+)\.md[^)]*\)", section)
        pages = [str((Path("/docs") / link).as_posix()).replace("/docs/../", "/").lstrip("/") for link in links]
        fresh = [page for page in dict.fromkeys(pages) if page not in seen]
        seen.update(fresh)
        parts.append(_tree("Start" if section.startswith("# ") else section.partition("\n")[0], fresh))
    papers, benchmarks = (
        [path.relative_to(ROOT).with_suffix("").as_posix() for path in sorted((ROOT / folder).rglob("*.md"))]
        for folder in ("papers", "benchmarks")
    )
    more = {"Papers tried": papers, "Benchmarks": benchmarks, "Changes": ["CHANGELOG"]}
    return "\n".join([*parts, *(_tree(caption, pages) for caption, pages in more.items())])


def _tree(caption: str, pages: list[str]) -> str:
    entries = "\n".join(f"/{page}" for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n:maxdepth: 1\n\n{entries}\n```\n"


def _add_side_bar(app: Any, name: str, content: list[str]) -> None:
    """Append the trees to the page that Sphinx reads; GitHub would show them as code."""
    if name == INDEX:
        content[0] += side_bar(content[0])


def setup(app: Any) -> None:
    """Sphinx calls this first."""
    app.connect("source-read", _add_side_bar)
