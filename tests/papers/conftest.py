"""The papers' code lies beside the package, and is found where it lies."""

import importlib
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


@pytest.fixture
def script(request, monkeypatch):
    """The script that a test file names in ``SCRIPT``, as a module."""
    monkeypatch.syspath_prepend(str(PAPERS.parent))
    known = set(sys.modules)
    yield importlib.import_module(request.module.SCRIPT)
    for name in set(sys.modules) - known:
        if name.startswith("papers"):
            sys.modules.pop(name)
