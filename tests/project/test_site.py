"""The start page leads to every page, and the web pages' side bar has each once; ``make site`` builds them."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("docs_conf", ROOT / "docs" / "conf.py")
CONF = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(CONF)


def test_the_side_bar_has_every_page_once():
    bar = CONF.side_bar((ROOT / "docs/index.md").read_text(encoding="utf-8"))
    entries = [line for line in bar.splitlines() if line.startswith("/")]
    pages = [
        f.relative_to(ROOT)
        for f in (*(ROOT / "docs").glob("*.md"), *(ROOT / "papers").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md"))
    ]
    wanted = {f"/{page.with_suffix('').as_posix()}" for page in pages} - {"/docs/index"} | {"/CONTRIBUTING", "/CHANGELOG"}
    assert sorted(entries) == sorted(wanted)


def test_the_side_bar_follows_the_sections_of_the_start_page():
    bar = CONF.side_bar(
        "# untrain\n\n[tour](start.md)\n\n## One\n\n[a](a.md#part), [b](../B.md)\n\n## Two\n\n[a](a.md), [c](c.md)\n"
    )
    captions = [line.removeprefix(":caption: ") for line in bar.splitlines() if line.startswith(":caption:")]
    assert captions == ["Start", "One", "Two", "Papers tried", "Benchmarks", "Changes"]
    assert [line for line in bar.split("Papers tried")[0].splitlines() if line.startswith("/")] == [
        "/docs/start", "/docs/a", "/B", "/docs/c",
    ]  # fmt: skip
