"""Imports go one way and in no circle, each foreign library has one place, files stay small, all that is public is documented."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import untrain

ROOT = Path(untrain.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# Each package may import those before it, and no other.
ORDER = (
    *("core", "maths", "data", "models", "training", "attribution", "localizers", "unlearners", "evaluation", "reports"),
    *("runtime", "experiments", "commands", "__main__"),
)
APART = {"runtime": {"reports"}}  # packages that do not know each other, although the order would let them
TOP = {"__init__.py", "__init__.pyi", "__main__.py", "py.typed", *ORDER[:-1]}
EVERYWHERE = {"untrain", "torch", "numpy", "scipy", "sklearn", "pydantic", "safetensors", *sys.stdlib_module_names}
# Library -> the only places that import it.
PLACES = {
    "accelerate": {"training/process_group.py"},
    "threadpoolctl": {"runtime/threads.py"},
    "datasets": {"data/readers/datasets.py"},
    "pyarrow": {"data/readers/datasets.py", "data/readers/arrow_columns.py"},
    "PIL": {"data/readers/pillow.py"},
    "transformers": {"models/transformers"},
    "peft": {"models/transformers/adapters.py"},
    "tokenizers": {"data/readers/tokenizers.py"},
    "plotly": {"reports/html/plotly.py"},
    "jinja2": {"reports/html", "data/readers/chat_template.py"},
    "markupsafe": {"reports/html"},
    "rich": {"reports/terminal.py", "reports/fitting_table.py", "commands/cli"},
    "click": {"commands/cli"},
    "typer": {"commands/cli"},
    "ray": {"runtime/executors/_ray_pool.py"},
    "grpc": {"runtime/executors/_ray_pool.py"},
    "submitit": {"runtime/executors/_slurm_pool.py"},
    "tqdm": {"runtime/executors/_tqdm.py"},
    "optuna": {"experiments/search/optuna.py"},
}
LIMIT = 300


def name(file):
    """Where a file is, for the listing of tests."""
    return file.relative_to(ROOT).as_posix()


def package(file):
    """The package, or the file at the top, to which a file belongs."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file):
    """Dotted names that a file imports, at any depth and for types too; for ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)} imports relatively"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(file):
    """Files of our own that a file imports; the ``__init__`` of a package holds nothing but its docstring."""
    for each in imports(file):
        path = ROOT.joinpath(*each.split(".")[1:]).with_suffix(".py")
        if each.startswith("untrain.") and path.exists():
            yield path


@pytest.mark.parametrize("file", [f for f in FILES if package(f) != "__init__"], ids=name)
def test_imports_go_one_way(file):
    here = ORDER.index(package(file))
    known = set(ORDER[: here + 1]) - APART.get(package(file), set())
    assert {package(each) for each in modules(file)} <= known


def test_no_imports_go_in_a_circle():
    graph = {file: set(modules(file)) - {file} for file in FILES if file.name != "__init__.py"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(map(name, error.args[1])))


def test_nothing_else_lies_at_the_top():
    assert {path.name for path in ROOT.iterdir()} - {"__pycache__"} <= TOP


@pytest.mark.parametrize("file", [f for f in FILES if f.name == "__init__.py" and f.parent != ROOT], ids=name)
def test_a_package_holds_its_docstring_and_no_code(file):
    assert len(ast.parse(file.read_text(encoding="utf-8")).body) == 1


@pytest.mark.parametrize("file", [f for f in FILES if package(f) == "maths"], ids=name)
def test_mathematics_knows_nothing_of_us(file):
    assert {package(each) for each in modules(file)} <= {"maths"}


SCORES = [f for f in FILES if name(f).startswith(("evaluation/attacks", "evaluation/metrics", "evaluation/scoring"))]


def test_scores_do_not_know_the_protocols_that_judge_by_them():
    for file in FILES:
        if name(file).startswith("evaluation/") and not name(file).startswith("evaluation/protocols/"):
            assert not [each for each in imports(file) if each.startswith("untrain.evaluation.protocols")], name(file)


@pytest.mark.parametrize("file", SCORES, ids=name)
def test_evaluators_get_arrays_and_never_models(file):
    assert {package(each) for each in modules(file)} <= {"core", "maths", "data", "evaluation"}
    assert "torch.nn" not in set(imports(file))


@pytest.mark.parametrize("file", FILES, ids=name)
def test_each_foreign_library_is_imported_in_its_place_alone(file):
    for library in {each.split(".")[0] for each in imports(file)} - EVERYWHERE:
        assert library in PLACES, f"{library} has no place yet"
        assert any(name(file) == place or name(file).startswith(f"{place}/") for place in PLACES[library]), library


def attributes_called(file):
    """``(x, y)`` of every call ``….x.y(…)`` in a file, and ``("", y)`` of those of a plain name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            yield getattr(owner, "attr", getattr(owner, "id", "")), node.func.attr


def test_optimizers_are_named_in_steps_made_by_descend_and_stepped_nowhere_else():
    # Which see to it that foreign code leaves them as they are, and which takes an average of models apart.
    watched = {"core/patches.py", "core/process_settings.py", "models/wrappers.py"}
    named = {name(f) for f in FILES if "torch.optim" in f.read_text(encoding="utf-8")} - watched
    made = {name(f) for f in FILES if ("optimizer", "make") in set(attributes_called(f))}
    stepped = {name(f) for f in FILES if ("optimizer", "step") in set(attributes_called(f))}
    assert named == {"training/steps.py"}
    assert made == stepped == {"training/descend.py"}
    # Whatever it is called there, nothing in the file that constructs optimizers steps one.
    assert "step" not in {verb for _, verb in attributes_called(ROOT / "training/steps.py")}


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


@pytest.mark.parametrize("file", [f for f in FILES if not name(f).startswith("commands/cli/")], ids=name)
def test_only_the_command_line_prints_or_reads_the_environment(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
        known = name(file) == "core/environment.py" or not isinstance(node, ast.Attribute)
        assert known or node.attr not in {"environ", "getenv"}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_code_asserts_in_place_of_an_error(file):
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def test_a_class_name_is_unique_in_the_package():
    places: dict[str, list[str]] = {}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name(file))
    assert {cls: files for cls, files in places.items() if len(files) > 1} == {}
