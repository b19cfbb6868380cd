"""The pages beside the hard parts of the code name files that exist."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "untrain"
PAGES = sorted(SOURCE.rglob("README.md"))


def test_the_hard_parts_have_a_page():
    assert {page.parent.relative_to(SOURCE).as_posix() for page in PAGES} >= {"evaluation/scoring", "runtime", "training"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_each_file_that_a_page_names_exists(page):
    names = re.findall(r"`([\w/]+\.py)`", page.read_text(encoding="utf-8"))
    assert names
    assert [n for n in names if not any((folder / n).exists() for folder in (page.parent, SOURCE))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_each_page_says_what_plug_ins_may_rely_on(page):
    assert "Plug-ins may rely on" in page.read_text(encoding="utf-8")
