"""Names and the places of their classes, read from source: a module is imported only when its class is needed."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from untrain.core.environment import searching
from untrain.core.errors import MissingExtra, RunFailed, SpecError, UntrainError, suggest

FOLDERS = {
    "reader": ("data/readers",),
    "request": ("data/requests",),
    "noise": ("data/noise",),
    "augment": ("data/augmentations",),
    "architecture": ("models/architectures",),
    "learner": ("training/learners",),
    "keeper": ("training/keepers",),
    "attributor": ("attribution/attributors",),
    "localizer": ("localizers",),
    "unlearner": ("unlearners",),
    "observer": ("evaluation/observers",),
    "evaluator": ("evaluation/attacks", "evaluation/metrics"),
    "scenario": ("experiments/scenarios",),
    "task": ("models/tasks",),
    "executor": ("runtime/executors",),
    "logger": ("runtime/loggers",),
}
SHARED = {
    "recipe": "unlearners/recipes.py",
    "part": "training/steps.py",
    "choice": "localizers/_mask_units.py",
    "teaching": "training/distillation.py",
    "criterion": "evaluation/protocols/protocol.py",
    "estimation": "attribution/estimation.py",
    "matching": "unlearners/_matching.py",
    "perturbation": "training/input_noise.py",
    "subspace": "training/gradient_subspace.py",
    "forgetting": "training/bounded_ascent.py",
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
    points = entry_points()  # which reads those of every installed package, so once
    for role in (*FOLDERS, "recipe"):
        for point in points.select(group=f"untrain.{role}"):
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


def finds(cls: type) -> bool:
    """Return whether the bare name of a class leads to this class, and to no other one of that name."""
    place = find(cls.__name__)
    if place is None:
        return False
    return place.module == cls.__module__ or getattr(sys.modules.get(place.module), place.name, None) is cls


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
    cls, module, attribute = _named(name)
    if not isinstance(cls, type):
        raise SpecError(f"{module} has no class {attribute!r}")
    return cls


def load_value(name: str) -> type | FunctionType:
    """Load the class behind a name, or the function behind a dotted one, such as a factory of models.

    Raises:
        SpecError: the name does not exist, or its module cannot be imported.
        MissingExtra: its file needs a library that is not installed.
    """
    thing, module, attribute = _named(name)
    if not isinstance(thing, type | FunctionType):
        raise SpecError(f"{module} has no class {attribute!r}, and no function of that name")
    return thing


def _named(name: str) -> tuple[Any, str, str]:
    """The meaning of a name, with its module and its name there; None where the module has nothing of that name."""
    place = find(name)
    if place is not None:
        module, attribute = place.module, place.name
    elif "." in check_name(name):
        module, attribute = _split(name)
    else:
        raise SpecError(f"there is no {name!r}{suggest(name, index()) or '; `untrain methods` lists what there is'}")
    thing: Any = import_module(module, attribute)
    for part in attribute.split("."):
        thing = getattr(thing, part, None)
    return thing, module, attribute


def _split(name: str) -> tuple[str, str]:
    """Module and name within it: of a class within a class that was imported, more than the last word."""
    parts = name.split(".")
    loaded = (i for i in range(len(parts) - 1, 0, -1) if ".".join(parts[:i]) in sys.modules)
    cut = next(loaded, len(parts) - 1)
    if cut < len(parts) - 1 and not hasattr(sys.modules[".".join(parts[:cut])], parts[cut]):
        cut = len(parts) - 1  # a module of a package, not yet imported
    return ".".join(parts[:cut]), ".".join(parts[cut:])


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

    A module that is not ours is looked for in the working folder too, which is on the path of modules for so long alone; what it
    imports later, when its functions run, has to be installed, or imported by then.

    Args:
        module: its dotted name.
        wanted: name to take from it, for the message.

    Raises:
        SpecError: the module does not exist, its own code fails, or it leaves the process changed.
        MissingExtra: it needs a library that is not installed.
    """
    try:
        if check_name(module) in sys.modules or module.partition(".")[0] == "untrain":
            return importlib.import_module(module)
        return _import_foreign(module)
    except UntrainError:
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise SpecError(f"there is no module {module!r}" + (f" to take {wanted!r} from" if wanted else "")) from None
        tail = ": pip install 'untrain[all]'" if module.startswith("untrain.") else ""
        raise MissingExtra(f"{module} needs {error.name}, which is not installed{tail}") from None
    except Exception as error:  # whatever the code of a module does when it is run
        raise SpecError(f"{module} cannot be imported: {type(error).__name__}: {error}") from error


_plugins: dict[str, str] = {}


def plugins() -> dict[str, str]:
    """Modules that were imported from the working folder, and the folder: other processes import them first."""
    return dict(_plugins)


def import_plugins(folders: Mapping[str, str]) -> None:
    """Import in this process what another one has imported from its working folder."""
    for module, folder in folders.items():
        if module not in sys.modules:
            _import_foreign(module, folder)


def _import_foreign(module: str, folder: str | None = None) -> ModuleType:
    # Torch looks for libraries that it can do without; it is not to find them in the working folder.
    import torch  # noqa: F401

    from untrain.core.foreign import foreign

    try:
        with foreign(module, draws=True), searching(folder) as place:
            imported = importlib.import_module(module)
    except RunFailed as error:
        why = error if error.__cause__ is None else f"{type(error.__cause__).__name__}: {error.__cause__}"
        sys.modules.pop(module, None)
        raise SpecError(f"{module} cannot be imported: {why}") from error
    except BaseException:
        sys.modules.pop(module, None)  # or it would be there the next time, with what it changed put back
        raise
    if place is not None and Path(place) in Path(getattr(imported, "__file__", None) or "/").parents:
        _plugins[module] = place
    return imported
