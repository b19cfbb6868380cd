"""Which names exist and where they live, found by reading source: nothing is imported until it is asked for."""

from __future__ import annotations

import ast
import importlib
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from untrain.core.errors import MissingExtra, SpecError, UntrainError, suggest

FOLDERS = {
    "request": ("data/requests",),
    "noise": ("data/noise",),
    "augment": ("data/augmentations",),
    "architecture": ("models/architectures",),
    "learner": ("training/learners",),
    "localizer": ("localizers",),
    "unlearner": ("unlearners",),
    "observer": ("evaluation/observers",),
    "evaluator": ("evaluation/attacks", "evaluation/metrics"),
    "scenario": ("experiments/scenarios",),
    "task": ("models/tasks",),
    "executor": ("runtime/executors",),
}
SHARED = {
    "recipe": "unlearners/recipes.py",
    "part": "training/steps.py",
    "choice": "localizers/_selection.py",
    "teaching": "training/distillation.py",
    "source": "data/readers/parquet.py",
}


@dataclass(frozen=True)
class ClassLocation:
    """Where a name is defined: its role, its module, the first sentence of its docstring and its source reference."""

    name: str
    role: str
    module: str
    summary: str
    source: str


@lru_cache(maxsize=1)
def index() -> dict[str, ClassLocation]:
    """All names, by reading the package's own files and the entry points of plug-ins."""
    root = Path(__file__).parents[1]
    found: dict[str, ClassLocation] = {}
    for role, folders in FOLDERS.items():
        for file in sorted(file for folder in folders for file in (root / folder).glob("*.py")):
            for place in _classes(file, root, role):
                if place.name.lower() == file.stem:
                    found[place.name] = place
    for role, name in SHARED.items():
        for place in _classes(root / name, root, role):
            found[place.name] = place
    for role in (*FOLDERS, "recipe"):
        for point in entry_points(group=f"untrain.{role}"):
            found.setdefault(point.name, ClassLocation(point.name, role, point.module, "", f"plug-in {point.module}"))
    return found


def _classes(file: Path, root: Path, role: str) -> list[ClassLocation]:
    module = ".".join(("untrain", *file.relative_to(root).with_suffix("").parts))
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [
        ClassLocation(node.name, role, module, _summary(node), _source(node))
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_")
    ]


def _summary(node: ast.ClassDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())


def _source(node: ast.ClassDef) -> str:
    _, mark, tail = (ast.get_docstring(node) or "").partition("Source:")
    return " ".join(tail.split("Departs:")[0].split()) if mark else ""


def where(name: str) -> ClassLocation | None:
    """The place of a name, or None."""
    return index().get(name)


def of_role(*roles: str) -> list[ClassLocation]:
    """All names of some roles, in the order of the alphabet."""
    return sorted((p for p in index().values() if p.role in roles), key=lambda p: p.name.lower())


def load(name: str) -> type:
    """The class behind a name; a dotted name is imported from there, which runs the code of that module.

    Raises:
        SpecError: there is no such name, or its module cannot be imported.
        MissingExtra: its file needs a library that is not installed.
    """
    place = where(name)
    if place is not None:
        module, attribute = place.module, place.name
    elif "." in spelled(name):
        module, _, attribute = name.rpartition(".")
    else:
        raise SpecError(f"there is no {name!r}{suggest(name, index()) or '; `untrain methods` lists what there is'}")
    found = getattr(imported(module, attribute), attribute, None)
    if not isinstance(found, type):
        raise SpecError(f"{module} has no class {attribute!r}")
    return found


def spelled(name: str) -> str:
    """The name, if it is one or several joined by dots.

    Raises:
        SpecError: it is not.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise SpecError(f"{name!r} is no name: write Name, or module.Name for a class of your own")
    return name


def imported(module: str, wanted: str = "") -> ModuleType:
    """The module of a name, imported; what it prints goes to stderr, since stdout is for answers.

    Args:
        module: its dotted name.
        wanted: what is to be taken from it.

    Raises:
        SpecError: there is no such module, or its own code fails.
        MissingExtra: it needs a library that is not installed.
    """
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(spelled(module))
    except UntrainError:
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise SpecError(f"there is no module {module!r}" + (f" to take {wanted!r} from" if wanted else "")) from None
        tail = ": pip install 'untrain[all]'" if module.startswith("untrain.") else ""
        raise MissingExtra(f"{module} needs {error.name}, which is not installed{tail}") from None
    except (Exception, SystemExit) as error:  # whatever the code of a module does when it is run
        raise SpecError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
