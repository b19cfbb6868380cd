"""Digests of code: stored work becomes stale when the mathematics behind it changes."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any


def code_digest(thing: Any) -> str:
    """Digest, in twelve hexadecimal digits, the code behind a class, a function or a module; ``'unknown'`` without source.

    It covers the module that defines ``thing`` and all that this imports, directly or not, of the same package and
    of ours. It reads syntax trees without docstrings, so that a comment makes nothing stale.
    """
    module = inspect.getmodule(thing)
    if module is None or not getattr(module, "__file__", None):
        return "unknown"
    return _digest_of(module.__name__, str(module.__file__))


def file_digest(name: str) -> str:
    """Digest one module's own file alone, by the module's name, without importing it."""
    file = _file(name)
    return "unknown" if file is None else _tree(file)[:12]


@lru_cache(maxsize=512)
def _digest_of(name: str, file: str) -> str:
    if not Path(file).is_file():
        return "unknown"
    files, waiting = {name: Path(file)}, [name]
    while waiting:
        module = waiting.pop()
        for imported in _imports(files[module], module, (name.partition(".")[0], "untrain")):
            path = None if imported in files else _file(imported)
            if path is not None:
                files[imported] = path
                waiting.append(imported)
    return hashlib.sha256("".join(_tree(path) for _, path in sorted(files.items())).encode()).hexdigest()[:12]


@lru_cache(maxsize=512)
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@lru_cache(maxsize=512)
def _imports(file: Path, name: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Dotted names that a module imports of some packages, at any depth, and the packages that they lie in."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    names = []
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    whole = [".".join(n.split(".")[: i + 1]) for n in names for i in range(len(n.split(".")))]
    return tuple(dict.fromkeys(n for n in whole if n.partition(".")[0] in packages))


def _file(name: str) -> Path | None:
    """The file of a module, from where its package lies: the modules imported so far must not matter."""
    top, *rest = name.split(".")
    places = list(getattr(sys.modules.get(top), "__path__", ()))
    for place in places:
        stem = Path(place).joinpath(*rest)
        for file in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if file.is_file():
                return file
    return None


@lru_cache(maxsize=512)
def _tree(file: Path) -> str:
    """A digest of a file's syntax tree without docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body.pop(0)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
