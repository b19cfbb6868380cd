"""Words for where code comes from: a library by its version, other modules by their code."""

from __future__ import annotations

import sys
from typing import Any

from untrain.core.code_digest import module_digest
from untrain.core.libraries import is_library, library_version


def imported_word(name: str, package: str) -> str:
    """The word for a module that a function imports when it runs."""
    module = sys.modules.get(name) or sys.modules.get(f"{package}.{name}")
    return module_word(name if module is None else module.__name__)


def module_word(name: str) -> str:
    """A library by its version, another module by its code."""
    top = name.partition(".")[0]
    return f"{name} {library_version(top)}" if is_library(name) else f"{name} {module_digest(name)}"


def place_of(made: Any) -> str:
    """The place of a class or a function of a library."""
    module = str(made.__module__)
    return f"{module}.{made.__qualname__} {library_version(module.partition('.')[0])}"
