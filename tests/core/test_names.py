"""Names are found by reading source."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from untrain.core import names
from untrain.core.errors import SpecError


@pytest.fixture
def fresh():
    names.index.cache_clear()
    yield
    names.index.cache_clear()


def test_a_file_in_the_folder_of_a_role_is_its_registration():
    assert names.where("NegGrad").role == "unlearner"
    assert names.where("NegGrad").module == "untrain.unlearn.neggrad"


def test_a_class_beside_the_one_a_file_is_named_for_is_no_method():
    assert names.where("_Block") is None
    assert names.where("FOLDERS") is None


def test_listing_tells_formula_and_source_of_a_method():
    place = names.where("NegGrad")
    assert place.summary == "Minimise ``alpha * L(retain) - (1 - alpha) * L(forget)``."
    assert place.source.startswith("Kurmanji et al. 2023")
    assert "Departs" not in place.source


def test_names_of_a_role_come_in_alphabetical_order():
    found = [p.name for p in names.of_role("unlearner", "recipe")]
    assert found == sorted(found, key=str.lower)
    assert {"DEL", "NegGrad", "Nothing"} <= set(found)


def test_listing_imports_no_method():
    code = (
        "import sys; from untrain.core import names; names.index();"
        "print([m for m in sys.modules if m.startswith(('untrain.unlearn.', 'untrain.recipes', 'untrain.learn.'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_plug_in_joins_through_its_entry_point(fresh, monkeypatch, tmp_path):
    (tmp_path / "plugged_in.py").write_text("class Plugged:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("Plugged", "plugged_in:Plugged", "untrain.unlearner")
    monkeypatch.setattr(names, "entry_points", lambda group: [point] if group == "untrain.unlearner" else [])
    assert "Plugged" in [p.name for p in names.of_role("unlearner")]
    assert names.load("Plugged").__module__ == "plugged_in"


def test_a_plug_in_does_not_take_the_place_of_our_own(fresh, monkeypatch):
    point = EntryPoint("NegGrad", "elsewhere:NegGrad", "untrain.unlearner")
    monkeypatch.setattr(names, "entry_points", lambda group: [point])
    assert names.where("NegGrad").module == "untrain.unlearn.neggrad"


@pytest.mark.parametrize("name", [p.name for p in names.index().values()])
def test_every_name_loads(name):
    assert names.load(name).__name__ == name


def test_an_unknown_name_is_an_error_with_the_nearest():
    with pytest.raises(SpecError, match="there is no 'WeigtedGrad'; did you mean 'WeightedGrad'"):
        names.load("WeigtedGrad")
