"""Libraries, which their version stands for, as against code of ours or of the user's, which its content stands for."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

INSTALLED = frozenset(("site-packages", "dist-packages"))


def is_library(module: str) -> bool:
    """Return whether a module is Python's own or an installed one of somebody else; nothing is imported.

    >>> is_library("torch.nn"), is_library("json"), is_library("untrain.core"), is_library("__main__")
    (True, True, False, False)
    """
    top = module.partition(".")[0]
    if top in ("untrain", "__main__"):
        return False
    if top in sys.stdlib_module_names:
        return True
    loaded = sys.modules.get(top)
    file = getattr(loaded, "__file__", None) or next(iter(getattr(loaded, "__path__", ())), None)
    return file is not None and not INSTALLED.isdisjoint(Path(file).parts)


@lru_cache(maxsize=256)
def library_version(top: str) -> str:
    """The version of the library that a top-level module belongs to; Python's own have that of Python, to the minor one.

    >>> import numpy
    >>> library_version("numpy") == numpy.__version__
    True
    """
    if top in sys.stdlib_module_names:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        return version(top)
    except PackageNotFoundError:  # its distribution has another name
        named = packages_distributions().get(top, ())
        return " ".join(version(name) for name in sorted(set(named))) or "unknown"
