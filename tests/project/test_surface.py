"""Editors and type checkers see every public name, from the place where it is defined."""

import ast
import importlib
import importlib.util
from pathlib import Path

import untrain
from untrain.core import discovery

ROOT = Path(__file__).parents[2]
STUB = Path(untrain.__file__).with_suffix(".pyi")
PLUG_INS = {place.name for place in discovery.index().values() if not place.module.startswith("untrain.")}
IMPORTS = {
    alias.asname: (node.module, alias.name)
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}


def test_the_stub_names_all_that_is_exported_and_nothing_else():
    assert {*IMPORTS, "__version__"} == set(dir(untrain)) - PLUG_INS


def test_each_name_is_the_same_thing_at_the_top_and_in_its_place():
    for name, (module, attribute) in IMPORTS.items():
        assert attribute == name
        thing = getattr(untrain, name)
        assert thing is getattr(importlib.import_module(module), name), name
        assert thing.__module__ in (module, "typing"), f"{name} is only passed on by {module}"  # typing: an alias of types


def test_the_stub_is_fresh():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.stub() == STUB.read_text(encoding="utf-8"), "run `python docs/generate.py`"


def test_the_package_says_that_it_is_typed():
    assert (STUB.parent / "py.typed").exists()
