"""The papers' code lies beside the package, and is found where it lies."""

import sys
from pathlib import Path

import pytest

PAPERS = Path(__file__).parents[2] / "papers"


@pytest.fixture(autouse=True)
def _papers(monkeypatch):
    monkeypatch.syspath_prepend(str(PAPERS))
    yield
    for name in [n for n in sys.modules if n.partition(".")[0] == "delpaper"]:
        sys.modules.pop(name)
