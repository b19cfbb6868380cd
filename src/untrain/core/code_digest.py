"""Digests of code: stored work becomes stale when the mathematics behind it changes."""

from __future__ import annotations

import ast
import gc
import hashlib
import inspect
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from untrain.core.libraries import INSTALLED, is_library, library_version


def code_digest(thing: Any) -> str:
    """Digest, in twelve hexadecimal digits, the code behind a class, a function or a module; ``'unknown'`` without source.

    It covers the module that defines ``thing`` and all that this imports, directly or not, unless it is a library: of the same
    package, of ours, and what lies beside it. It reads syntax trees without docstrings, so that a comment makes nothing stale.
    """
    module = inspect.getmodule(thing)
    return "unknown" if module is None else module_digest(module.__name__)


def module_digest(name: str) -> str:
    """Digest the code of an imported module and of all that it imports, as ``code_digest`` does."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return _digest_of(name, str(file)) if file else "unknown"


def libraries_of(thing: Any) -> dict[str, str]:
    """Versions, by name, of the libraries that the file behind a class or function imports when it is imported.

    >>> from untrain.core import mask
    >>> sorted(libraries_of(mask.Mask))
    ['torch']
    """
    file = getattr(inspect.getmodule(thing), "__file__", None)
    if not file or not Path(file).is_file():
        return {}
    tops = {n.partition(".")[0] for n in _imported_first(Path(file))}
    return {top: library_version(top) for top in sorted(tops) if top not in sys.stdlib_module_names and is_library(top)}


@lru_cache(maxsize=2048)
def _imported_first(file: Path) -> tuple[str, ...]:
    """Names of modules that a module imports by their full names, outside of functions."""
    statements = [node for node in _parsed(file).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in statements if isinstance(node, ast.Import) for alias in node.names]
    return (*names, *(str(node.module) for node in statements if isinstance(node, ast.ImportFrom) and not node.level))


@lru_cache(maxsize=2048)
def names_of_libraries(file: str) -> dict[str, str]:
    """Top-level modules of libraries by the names under which a file imports something of them; empty for what is not a file.

    >>> from untrain.core import mask
    >>> names_of_libraries(mask.__file__)["Tensor"]
    'torch'
    """
    path = Path(file)
    if path.suffix != ".py" or not path.is_file():
        return {}
    statements = [n for n in _statements(_parsed(path)) if isinstance(n, ast.ImportFrom) and not n.level and n.module]
    names = {alias.asname or alias.name: str(n.module).partition(".")[0] for n in statements for alias in n.names}
    return {name: top for name, top in names.items() if top not in sys.stdlib_module_names and is_library(top)}


def own_file_digest(name: str) -> str:
    """Digest one module's own file alone, by the module's name, without importing it."""
    file = _file(name)
    return "unknown" if file is None else _tree(file)[:12]


@lru_cache(maxsize=2048)
def _digest_of(name: str, file: str) -> str:
    if not Path(file).is_file():
        return "unknown"
    files, waiting = {name: Path(file)}, [name]
    while waiting:
        module = waiting.pop()
        for imported in _imports(files[module], module):
            path = None if imported in files else _file(imported, _root(files[module], module))
            if path is not None:
                files[imported] = path
                waiting.append(imported)
    return hashlib.sha256("".join(_tree(path) for _, path in sorted(files.items())).encode()).hexdigest()[:12]


@lru_cache(maxsize=2048)
def _parsed(file: Path) -> ast.Module:
    """The syntax tree of a file without docstrings."""
    with _no_collection():
        tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in (tree, *_statements(tree)):
        body = getattr(node, "body", None)
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body.pop(0)
    return tree


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection within: beside the millions of objects of torch it takes three quarters of the time of parsing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements, breadth first, with the clauses that hold some; expressions, which are most of a tree, hold none."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        for part in ("body", "handlers", "cases", "orelse", "finalbody"):
            inner = getattr(node, part, ())
            yield from inner
            waiting.extend(inner)


@lru_cache(maxsize=2048)
def _imports(file: Path, name: str) -> tuple[str, ...]:
    """Dotted names that a module imports, at any depth, and the packages that they lie in; ours look at our own alone."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    names = []
    for node in _statements(_parsed(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    whole = [".".join(n.split(".")[: i + 1]) for n in names for i in range(len(n.split(".")))]
    own = name.partition(".")[0]
    alone = own == "untrain" or not INSTALLED.isdisjoint(file.parts)  # beside an installed package lie libraries
    return tuple(dict.fromkeys(n for n in whole if n.partition(".")[0] in (own, "untrain") or not alone))


def _root(file: Path, name: str) -> Path:
    """The folder in which the topmost package of a module lies, or the module itself."""
    return file.parents[name.count(".") + (file.name == "__init__.py")]


def _file(name: str, beside: Path | None = None) -> Path | None:
    """The file of a module that is not a library, from where its package lies: the modules imported so far must not matter.

    Args:
        name: of the module.
        beside: where the importing one lies, in which its helpers are looked for first.
    """
    top, *rest = name.split(".")
    if top in sys.stdlib_module_names:
        return None
    package = getattr(sys.modules.get(top), "__path__", ()) if top == "untrain" or beside is None else ()
    if top == "untrain" and package:
        return _of_package(tuple(package), tuple(rest))
    return _first([Path(place) for place in package] or [place / top for place in _places(top, beside)], rest)


@lru_cache(maxsize=2**14)
def _of_package(places: tuple[str, ...], rest: tuple[str, ...]) -> Path | None:
    """The file of one of our own modules, of which none comes while a process runs; each is imported by many."""
    return _first(list(map(Path, places)), rest)


def _first(places: Sequence[Path], rest: Sequence[str]) -> Path | None:
    """The first file of a module by the places of its topmost package."""
    for place in places:
        stem = place.joinpath(*rest)
        for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if file.is_file():
                return file
    return None


def _places(top: str, beside: Path | None) -> list[Path]:
    """Folders in which a package may lie that is not a library of somebody else: where its importer does, and the path."""
    if beside is not None and any((beside / each).exists() for each in (top, f"{top}.py")):
        return [beside]
    return [place for place in map(Path, sys.path) if INSTALLED.isdisjoint(place.parts)]


@lru_cache(maxsize=2048)
def _tree(file: Path) -> str:
    """A digest of a file's syntax tree without docstrings."""
    return hashlib.sha256(ast.dump(_parsed(file)).encode()).hexdigest()
