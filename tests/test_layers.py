"""Imports go one way, foreign libraries stay behind their adapters, files stay small, and all that is public is told."""

import ast
import sys
from pathlib import Path

import pytest

import untrain

ROOT = Path(untrain.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
ORDER = (
    *("core", "maths", "adapters", "data", "tasks", "models", "learn", "attribute", "acquire", "localize", "unlearn", "recipes"),
    *(
        "observe",
        "evaluate",
        "scenarios",
        "ledger",
        "store",
        "overlaps",
        "parcel",
        "crew",
        "progress",
        "jobs",
        "worker",
        "runs",
        "observing",
        "masking",
        "population",
        "choosing",
        "conduct",
        "looks",
        "results",
        "describe",
        "pages",
        "publish",
        "audits",
        "pricing",
        "tune",
    ),
    *(
        "promises",
        "checks",
        "asked",
        "course",
        "auditing",
        "located",
        "memorizing",
        "listing",
        "commands",
        "tables",
        "terminal",
        "options",
        "cliaudit",
        "clilocalize",
        "climemorize",
        "cli",
        "__main__",
    ),
)
EVERYWHERE = {"untrain", "torch", "numpy", "scipy", "sklearn", "pydantic", "safetensors", *sys.stdlib_module_names}
ALSO = {
    "adapters": None,
    "cli": {"typer", "rich", "click"},
    "terminal": {"typer"},
    "options": {"typer"},
    "cliaudit": {"typer"},
    "clilocalize": {"typer"},
    "climemorize": {"typer"},
    "tables": {"rich"},
    "pages": {"jinja2", "markupsafe"},
}
LIMIT = 300


def name(file):
    """Where a file is, for the listing of tests."""
    return str(file.relative_to(ROOT))


def layer(file):
    """The folder, or the file at the top, to which a file belongs."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file):
    """Dotted names that a file imports, at any depth; for ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)} imports relatively"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(file):
    """Layers of our own that a file imports."""
    found = {each.split(".")[1] for each in imports(file) if each.startswith("untrain.")}
    return {each for each in found if (ROOT / each).is_dir() or (ROOT / f"{each}.py").exists()}


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) != "__init__"], ids=name)
def test_imports_go_one_way(file):
    here = ORDER.index(layer(file))
    assert {each for each in ours(file) if ORDER.index(each) > here} == set()


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) == "core"], ids=name)
def test_core_stands_alone(file):
    assert ours(file) <= {"core"}


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) == "maths"], ids=name)
def test_mathematics_knows_nothing_of_us(file):
    assert ours(file) <= {"maths"}


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) == "evaluate"], ids=name)
def test_evaluators_get_arrays_and_never_models(file):
    assert ours(file) <= {"core", "maths", "adapters", "evaluate"}
    assert "torch.nn" not in set(imports(file))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_foreign_libraries_stay_behind_their_adapters(file):
    also = ALSO.get(layer(file), set())
    foreign = {each.split(".")[0] for each in imports(file)} - EVERYWHERE
    assert also is None or foreign <= also


@pytest.mark.parametrize("file", [f for f in FILES if f.name != "descend.py"], ids=name)
def test_only_descend_steps_an_optimizer(file):
    assert "torch.optim" not in file.read_text(encoding="utf-8").replace("Source: torch.optim", "").replace(
        "2019 (AdamW), torch.optim", ""
    )


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_file_is_long(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < LIMIT


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_function_body_is_over_sixty_lines(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.body[0].lineno
            assert node.end_lineno - start < 60, node.name


@pytest.mark.parametrize("file", FILES, ids=name)
def test_all_that_is_public_has_a_docstring(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module"
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
            todo += node.body if isinstance(node, ast.ClassDef) else []


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_file_is_a_drawer(file):
    assert file.stem not in {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("file", [f for f in FILES if layer(f) not in ("cli", "terminal")], ids=name)
def test_only_the_command_line_prints_or_reads_the_environment(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
        assert not (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_code_asserts_in_place_of_an_error(file):
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def test_every_layer_has_its_place_in_the_order():
    assert {layer(f) for f in FILES} - {"__init__"} <= set(ORDER)
