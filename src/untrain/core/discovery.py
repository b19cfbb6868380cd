"""Names and the places of their classes, read from source: a module is imported only when its class is needed."""

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
    "reader": ("data/readers",),
    "request": ("data/requests",),
    "noise": ("data/noise",),
    "augment": ("data/augmentations",),
    "architecture": ("models/architectures",),
    "learner": ("training/learners",),
    "keeper": ("training/keepers",),
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
    "choice": "localizers/_mask_units.py",
    "teaching": "training/distillation.py",
}


@dataclass(frozen=True)
class ClassLocation:
    """Location of a class: its role, its module, the first sentence of its docstring and its source reference."""

    name: str
    role: str
    module: str
    summary: str
    source: str


@lru_cache(maxsize=1)
def index() -> dict[str, ClassLocation]:
    """Index all names, by reading the package's own files and the entry points of plug-ins."""
    root = Path(__file__).parents[1]
    names: dict[str, ClassLocation] = {}
    for role, folders in FOLDERS.items():
        for file in sorted(file for folder in folders for file in (root / folder).glob("*.py")):
            for place in _classes(file, root, role):
                if place.name.lower() == file.stem:
                    names[place.name] = place
    for role, name in SHARED.items():
        for place in _classes(root / name, root, role):
            names[place.name] = place
    for role in (*FOLDERS, "recipe"):
        for point in entry_points(group=f"untrain.{role}"):
            names.setdefault(point.name, ClassLocation(point.name, role, point.module, "", f"plug-in {point.module}"))
    return names


def _classes(file: Path, root: Path, role: str) -> list[ClassLocation]:
    module = ".".join(("untrain", *file.relative_to(root).with_suffix("").parts))
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [
        ClassLocation(node.name, role, module, _summary(node), _source(node))
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_") and not _is_role(node)
    ]


def _is_role(node: ast.ClassDef) -> bool:
    return any(word.arg == "role" for word in node.keywords)


def _summary(node: ast.ClassDef) -> str:
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())


def _source(node: ast.ClassDef) -> str:
    _, mark, tail = (ast.get_docstring(node) or "").partition("Source:")
    return " ".join(tail.split("Departs:")[0].split()) if mark else ""


def find(name: str) -> ClassLocation | None:
    """Return the location of a name, or None.

    >>> find("WeightedGrad").role
    'localizer'
    """
    return index().get(name)


def of_role(*roles: str) -> list[ClassLocation]:
    """Return all names of some roles, in alphabetical order.

    >>> [place.name for place in of_role("localizer")][:2]
    ['CriticalNeurons', 'Deepest']
    """
    return sorted((p for p in index().values() if p.role in roles), key=lambda p: p.name.lower())


def load(name: str) -> type:
    """Load the class behind a name; a dotted name imports its module, which runs that module's code.

    Raises:
        SpecError: the name does not exist, or its module cannot be imported.
        MissingExtra: its file needs a library that is not installed.
    """
    place = find(name)
    if place is not None:
        module, attribute = place.module, place.name
    elif "." in check_name(name):
        module, _, attribute = name.rpartition(".")
    else:
        raise SpecError(f"there is no {name!r}{suggest(name, index()) or '; `untrain methods` lists what there is'}")
    cls = getattr(import_module(module, attribute), attribute, None)
    if not isinstance(cls, type):
        raise SpecError(f"{module} has no class {attribute!r}")
    return cls


def check_name(name: str) -> str:
    """Return the name after checking that it is one identifier or several joined by dots.

    >>> check_name("my_package.Fade")
    'my_package.Fade'

    Raises:
        SpecError: it is not.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise SpecError(f"{name!r} is not a name: write Name, or module.Name for a class of your own")
    return name


def import_module(module: str, wanted: str = "") -> ModuleType:
    """Import a module; its prints go to stderr, since stdout is for results.

    Args:
        module: its dotted name.
        wanted: name to take from it, for the message.

    Raises:
        SpecError: the module does not exist, or its own code fails.
        MissingExtra: it needs a library that is not installed.
    """
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(check_name(module))
    except UntrainError:
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise SpecError(f"there is no module {module!r}" + (f" to take {wanted!r} from" if wanted else "")) from None
        tail = ": pip install 'untrain[all]'" if module.startswith("untrain.") else ""
        raise MissingExtra(f"{module} needs {error.name}, which is not installed{tail}") from None
    except (Exception, SystemExit) as error:  # whatever the code of a module does when it is run
        raise SpecError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
