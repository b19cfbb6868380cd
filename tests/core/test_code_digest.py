"""What makes a digest of code change."""

import subprocess
import sys

import pytest

from untrain.core.code_digest import code_digest
from untrain.unlearners.retrain import Retrain


def digest(folder, **files):
    """Digest of ``outer.f`` of a package ``some`` of these modules, taken in a process of its own."""
    (folder / "some").mkdir(parents=True)
    for name, text in {"__init__": "", **files}.items():
        (folder / "some" / f"{name}.py").write_text(text)
    ask = "from untrain.core.code_digest import code_digest; from some.outer import f; print(code_digest(f))"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=folder).stdout.strip()


OUTER = "from some.inner import g\n\n\ndef f():\n    return g()\n"
INNER = "def g():\n    return 1\n"


@pytest.mark.parametrize(
    ("inner", "same"),
    [
        (INNER, True),
        (INNER.replace("1", "2"), False),
        (f'"""Told."""\n\n\n{INNER}  # one'.replace("g():", 'g():\n    """One."""'), True),
    ],
)
def test_imported_code_counts_and_comments_and_docstrings_do_not(tmp_path, inner, same):
    first = digest(tmp_path / "one", outer=OUTER, inner=INNER)
    assert (digest(tmp_path / "two", outer=OUTER, inner=inner) == first) == same


def test_code_that_is_imported_by_its_place_counts(tmp_path):
    outer = OUTER.replace("from some.inner", "from .inner")
    first = digest(tmp_path / "one", outer=outer, inner=INNER)
    assert digest(tmp_path / "two", outer=outer, inner=INNER.replace("1", "2")) != first


def test_what_happens_to_be_imported_does_not_count():
    ask = "from untrain.core.code_digest import code_digest; from untrain.unlearners.retrain import Retrain"
    ask += "; print(code_digest(Retrain))"
    import untrain.commands.check
    import untrain.experiments.publish  # noqa: F401  much is imported here, and next to nothing there

    found = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == code_digest(Retrain)


def test_code_without_a_file_is_unknown():
    made = {}
    exec("class Typed: pass", {"__name__": "__nowhere__"}, made)
    assert code_digest(made["Typed"]) == "unknown"


def test_a_helper_that_lies_beside_a_module_counts_and_a_library_does_not(tmp_path):
    asked = "from untrain.core.code_digest import code_digest, libraries_of; from alone import f"
    asked += "; print(code_digest(f), libraries_of(f))"

    def ask(helper):
        (tmp_path / "alone.py").write_text("import numpy\nfrom helping import g\n\n\ndef f():\n    return g()\n")
        (tmp_path / "helping.py").write_text(helper)
        return subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=tmp_path).stdout

    first = ask(INNER)
    assert "'numpy': " in first
    assert ask(f"{INNER}# one\n") == first != ask(INNER.replace("1", "2"))
