"""Names are found by reading source."""

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from untrain.core import discovery
from untrain.core.errors import MissingExtra, SpecError


@pytest.fixture
def fresh():
    discovery.index.cache_clear()
    yield
    discovery.index.cache_clear()


def test_a_file_in_the_folder_of_a_role_is_its_registration():
    assert discovery.find("NegGrad").role == "unlearner"
    assert discovery.find("NegGrad").module == "untrain.unlearners.neggrad"


def test_a_class_beside_the_one_a_file_is_named_for_is_no_method():
    assert discovery.find("_Block") is None
    assert discovery.find("FOLDERS") is None


def test_listing_tells_formula_and_source_of_a_method():
    place = discovery.find("NegGrad")
    assert place.summary == "Minimise ``alpha * L(retain) - (1 - alpha) * L(forget)``."
    assert place.source.startswith("Kurmanji et al. 2023")
    assert "Departs" not in place.source


def test_names_of_a_role_come_in_alphabetical_order():
    found = [p.name for p in discovery.of_role("unlearner", "recipe")]
    assert found == sorted(found, key=str.lower)
    assert {"DEL", "NegGrad", "Nothing"} <= set(found)


def test_listing_imports_no_method():
    code = (
        "import sys; from untrain.core import discovery; discovery.index();"
        "print([m for m in sys.modules if m.startswith(('untrain.unlearners.', 'untrain.training.'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_plug_in_joins_through_its_entry_point(fresh, monkeypatch, tmp_path):
    (tmp_path / "plugged_in.py").write_text("class Plugged:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("Plugged", "plugged_in:Plugged", "untrain.unlearner")
    monkeypatch.setattr(discovery, "entry_points", lambda: EntryPoints([point]))
    assert "Plugged" in [p.name for p in discovery.of_role("unlearner")]
    assert discovery.load("Plugged").__module__ == "plugged_in"


def test_a_plug_in_does_not_take_the_place_of_our_own(fresh, monkeypatch):
    point = EntryPoint("NegGrad", "elsewhere:NegGrad", "untrain.unlearner")
    monkeypatch.setattr(discovery, "entry_points", lambda: EntryPoints([point]))
    assert discovery.find("NegGrad").module == "untrain.unlearners.neggrad"


@pytest.mark.parametrize("name", [p.name for p in discovery.index().values()])
def test_every_name_loads(name):
    assert discovery.load(name).__name__ == name


def test_an_unknown_name_is_an_error_with_the_nearest():
    with pytest.raises(SpecError, match="there is no 'WeigtedGrad'; did you mean 'WeightedGrad'"):
        discovery.load("WeigtedGrad")


@pytest.mark.parametrize("name", [".", "..", ".x", "x.", "a..b", "a b.c", "1.x", "x.y-z", "a/b.c", "x.\n"])
def test_what_is_no_dotted_name_is_refused_before_anything_is_imported(name):
    with pytest.raises(SpecError, match="is not a name"):
        discovery.load(name)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("from untrain import nothing_of_this_name", "ImportError: cannot import name"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_whose_own_code_fails_is_named_with_its_error(code, told, tmp_path, monkeypatch):
    (tmp_path / "under_work.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecError, match=f"under_work cannot be imported: {told}"):
        discovery.load("under_work.Fade")


def test_an_error_of_our_own_in_a_module_is_told_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "ill_made.py").write_text("from untrain.training.steps import Steps\nSteps(lr=-1.0)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SpecError, match=r"^Steps: lr=-1\.0"):
        discovery.load("ill_made.Fade")


def test_a_module_that_needs_what_is_not_installed_says_so(tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtra, match="needy needs no_such_library"):
        discovery.load("needy.Fade")


def test_a_module_that_is_not_there_is_not_taken_for_a_missing_library():
    with pytest.raises(SpecError, match=r"there is no module 'no_such_place\.deeper'"):
        discovery.load("no_such_place.deeper.Fade")


def test_what_a_module_prints_when_imported_goes_to_stderr(tmp_path, monkeypatch, capsys):
    (tmp_path / "talkative.py").write_text("print('hello')\nclass Loud:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    discovery.load("talkative.Loud")
    assert capsys.readouterr() == ("", "hello\n")
