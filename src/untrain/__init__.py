"""Make a trained model forget chosen training data, and measure against retraining whether it did.

Every name that ``untrain methods`` and its siblings list is here too (``untrain.DEL``), beside the commands. Names are
imported when they are first used.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

_HOMES = {
    "run": "untrain.commands",
    "report": "untrain.commands",
    "search": "untrain.commands",
    "demo": "untrain.commands",
    "audit": "untrain.commands",
    "price": "untrain.commands",
    "localize": "untrain.commands",
    "memorize": "untrain.commands",
    "check": "untrain.commands",
    "parse": "untrain.core.spec",
    "Problem": "untrain.core.records",
    "Examples": "untrain.core.records",
    "ForgetRequest": "untrain.core.records",
    "Mask": "untrain.core.records",
    "examples": "untrain.data.examples",
    "problem": "untrain.learn.problem",
    "populate": "untrain.population.populate",
    "revive": "untrain.population.populate",
    "leave_out": "untrain.population.leaveout",
    "unfinished": "untrain.population.leaveout",
    "many_sets": "untrain.maths.manysets",
    "Bases": "untrain.maths.manysets",
    "Unlearned": "untrain.maths.manysets",
    "Subsets": "untrain.population.subsets",
    "Population": "untrain.core.population",
    "memorization": "untrain.population.uses",
    "influence": "untrain.population.uses",
    "shadows": "untrain.population.uses",
    "observations": "untrain.population.uses",
    "Store": "untrain.store",
    "UntrainError": "untrain.core.errors",
    "together": "untrain.core.together",
    "unwrap": "untrain.core.together",
    "BadInput": "untrain.core.errors",
    "RunFailed": "untrain.core.errors",
}


class Verb(ModuleType):
    """A folder that bears the name of a command: called, it does what the command does."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the command gives."""
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(_HOMES[name]), name)(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("untrain")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    from untrain.core import names

    place = names.where(name)
    if place is None:
        raise AttributeError(f"module 'untrain' has no attribute {name!r}")
    return names.load(name)


def __dir__() -> list[str]:
    from untrain.core import names

    return sorted([*_HOMES, *names.index(), "__version__"])
