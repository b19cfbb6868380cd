"""Imports go one way and in no circle, each foreign library has one place, files stay small, all that is public is documented."""

import ast
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import untrain

ROOT = Path(untrain.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
# Each package may import those before it, and no other.
ORDER = (
    *("core", "maths", "data", "models", "training", "attribution", "localizers", "unlearners", "evaluation", "reports"),
    *("runtime", "experiments", "service", "commands", "__main__"),
)
APART = {"runtime": {"reports"}}  # packages that do not know each other, although the order would let them
TOP = {"__init__.py", "__init__.pyi", "__main__.py", "py.typed", *ORDER[:-1]}
EVERYWHERE = {"untrain", "torch", "numpy", "scipy", "sklearn", "pydantic", "safetensors", *sys.stdlib_module_names}
# Library -> the only places that import it.
PLACES = {
    "accelerate": {"training/process_group.py"},
    "threadpoolctl": {"runtime/threads.py"},
    "datasets": {"data/readers/datasets.py", "data/readers/dataset_columns.py", "data/readers/dataset_tables.py"},
    "pyarrow": {
        "data/readers/datasets.py",
        "data/readers/dataset_tables.py",
        "data/readers/arrow_columns.py",
        "data/readers/arrow_stream.py",
    },
    "PIL": {"data/readers/pillow.py"},
    "transformers": {"models/transformers", "training/trainers/transformers.py"},
    "lightning": {"training/trainers/lightning.py"},
    "pytorch_lightning": {"training/trainers/lightning.py"},
    "peft": {"models/transformers/adapters.py"},
    "timm": {"models/timm_networks.py"},
    "torchvision": {"models/torchvision_networks.py"},
    "skops": {"models/skops_files.py"},
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
    "cleanlab": {"experiments/mislabelled/cleanlab.py"},
    "tensorboard": {"runtime/loggers/tensorboard.py"},
    "mlflow": {"runtime/loggers/mlflow.py"},
    "trackio": {"runtime/loggers/trackio.py"},
    "wandb": {"runtime/loggers/wandb.py"},
    "optuna": {"experiments/search/optuna.py"},
    "sqlalchemy": {"runtime/database.py"},
    "cryptography": {"service/signing.py"},
    "starlette": {"service/web.py"},
    "uvicorn": {"commands/serve.py"},
}
LIMIT = 300


def name(file):
    """Where a file is, as the tests list it."""
    return file.relative_to(ROOT).as_posix()


def package(file):
    """The package, or the file at the top, to which a file belongs."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def text(file):
    """What a file holds; every rule reads the same text."""
    return file.read_text(encoding="utf-8")


@cache
def nodes(file):
    """Every node of a file's syntax tree, the module first."""
    return list(ast.walk(ast.parse(text(file))))


@cache
def imports(file):
    """Dotted names that a file imports, at any depth and for types too; for ``from a import b`` both ``a`` and ``a.b``."""
    found = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)} imports relatively"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@cache
def modules(file):
    """Files of our own that a file imports; the ``__init__`` of a package holds nothing but its docstring."""
    paths = (ROOT.joinpath(*each.split(".")[1:]).with_suffix(".py") for each in imports(file) if each.startswith("untrain."))
    return {path for path in paths if path.exists()}


def outside(file, allowed):
    """Packages that a file imports and may not."""
    return {package(each) for each in modules(file)} - set(allowed)


def broken(rule, files=FILES):
    """File -> what breaks a rule there, for each file where something does; ``rule`` gives what it finds."""
    assert files
    return {name(file): found for file in files if (found := rule(file))}


def test_imports_go_one_way():
    def rule(file):
        return outside(file, set(ORDER[: ORDER.index(package(file)) + 1]) - APART.get(package(file), set()))

    assert broken(rule, [f for f in FILES if package(f) != "__init__"]) == {}


def test_no_imports_go_in_a_circle():
    graph = {file: modules(file) - {file} for file in FILES if file.name != "__init__.py"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(map(name, error.args[1])))


def test_nothing_else_lies_at_the_top():
    assert {path.name for path in ROOT.iterdir()} - {"__pycache__"} <= TOP


def test_a_package_holds_its_docstring_and_no_code():
    packages = [f for f in FILES if f.name == "__init__.py" and f.parent != ROOT]
    assert broken(lambda file: nodes(file)[0].body[1:], packages) == {}


def test_mathematics_knows_nothing_of_us():
    assert broken(lambda file: outside(file, {"maths"}), [f for f in FILES if package(f) == "maths"]) == {}


def test_scores_do_not_know_the_protocols_that_judge_by_them():
    files = [f for f in FILES if name(f).startswith("evaluation/") and not name(f).startswith("evaluation/protocols/")]
    assert broken(lambda file: [each for each in imports(file) if each.startswith("untrain.evaluation.protocols")], files) == {}


def test_evaluators_get_arrays_and_never_models():
    files = [f for f in FILES if name(f).startswith(("evaluation/attacks", "evaluation/metrics", "evaluation/scoring"))]
    assert broken(lambda file: outside(file, {"core", "maths", "data", "evaluation"}) | ({"torch.nn"} & imports(file)), files) == {}


def test_each_foreign_library_is_imported_in_its_place_alone():
    def rule(file):
        libraries = {each.split(".")[0] for each in imports(file)} - EVERYWHERE
        return {lib for lib in libraries if not any(f"{name(file)}/".startswith(f"{place}/") for place in PLACES.get(lib, ()))}

    assert broken(rule) == {}


@cache
def attributes_called(file):
    """``(x, y)`` of every call ``….x.y(…)`` in a file, and ``("", y)`` of those of a plain name."""
    calls = [node.func for node in nodes(file) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return {(getattr(call.value, "attr", getattr(call.value, "id", "")), call.attr) for call in calls}


def test_optimizers_are_named_in_steps_made_by_descend_and_stepped_nowhere_else():
    # Which see to it that foreign code leaves them as they are, and which takes an average of models apart.
    watched = {"core/patches.py", "core/process_settings.py", "models/wrappers.py"}
    named = {name(f) for f in FILES if "torch.optim" in text(f)} - watched
    made = {name(f) for f in FILES if ("optimizer", "make") in attributes_called(f)}
    stepped = {name(f) for f in FILES if ("optimizer", "step") in attributes_called(f)}
    assert named == {"training/steps.py", "training/eager_optimizers.py"}
    assert made == stepped == {"training/descend.py"}
    # Whatever it is called there, nothing in the file that constructs optimizers steps one.
    assert "step" not in {verb for _, verb in attributes_called(ROOT / "training/steps.py")}


def test_no_file_is_long():
    assert broken(lambda file: max(0, len(text(file).splitlines()) - LIMIT + 1)) == {}


def test_no_function_body_is_over_sixty_lines():
    def length(node):
        first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
        return node.end_lineno - first.lineno

    def rule(file):
        return [node.name for node in nodes(file) if isinstance(node, ast.FunctionDef) and length(node) >= 60]

    assert broken(rule) == {}


def test_all_that_is_public_has_a_docstring():
    def rule(file):
        tree = nodes(file)[0]
        lacking, todo = [] if ast.get_docstring(tree) else ["the module"], list(tree.body)
        while todo:
            node = todo.pop()
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                lacking += [] if ast.get_docstring(node) else [node.name]
                todo += node.body if isinstance(node, ast.ClassDef) else []
        return lacking

    assert broken(rule) == {}


def test_no_file_is_a_drawer():
    assert broken(lambda file: {file.stem} & {"utils", "util", "helpers", "common", "misc"}) == {}


def test_only_the_command_line_prints_or_reads_the_environment():
    def rule(file):
        prints = [n.lineno for n in nodes(file) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "print"]
        reads = [n.lineno for n in nodes(file) if isinstance(n, ast.Attribute) and n.attr in {"environ", "getenv"}]
        return prints + ([] if name(file) == "core/environment.py" else reads)

    assert broken(rule, [f for f in FILES if not name(f).startswith("commands/cli/")]) == {}


def test_no_code_asserts_in_place_of_an_error():
    assert broken(lambda file: [node.lineno for node in nodes(file) if isinstance(node, ast.Assert)]) == {}


def test_a_class_name_is_unique_in_the_package():
    places: dict[str, list[str]] = {}
    for file in FILES:
        for node in nodes(file):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name(file))
    assert {cls: files for cls, files in places.items() if len(files) > 1} == {}
