"""The code that a spec stands for, as a part of keys."""

from __future__ import annotations

import dataclasses
from typing import Any

from untrain.core.code_digest import code_digest, libraries_of
from untrain.core.code_reach import reach
from untrain.core.spec import Spec, spell, spelled_name


def sources(spec: Spec) -> dict[str, str]:
    """Digest the code behind each class that takes part in ``spec``, with its declared version and those of its libraries.

    The code of a class is that of its file, and all of its helpers; one that lies in no file, as in a notebook, or in the script
    that runs, is digested as it is in this process.
    """
    digests: dict[str, str] = {}

    def visit(value: Any) -> None:
        if isinstance(value, Spec):
            expand = getattr(value, "expand", None)
            if expand is not None:
                visit(expand())
                return
            digests[spelled_name(type(value))] = _code_of(type(value))
            for f in dataclasses.fields(value):  # type: ignore[arg-type]
                visit(getattr(value, f.name))
        elif isinstance(value, tuple):
            for v in value:
                visit(v)
        elif callable(value):
            name = spell(value, every=True)
            digests[name] = f"{digests.get(name, '')}{reach(value, values=False)}"

    visit(spec)
    return dict(sorted(digests.items()))


def _code_of(cls: type[Spec]) -> str:
    """Version, code and libraries of a class; of another package's also the constants that its code reads."""
    if cls.__module__.startswith("untrain."):
        code = code_digest(cls)
    else:
        file = "" if cls.__module__ == "__main__" else code_digest(cls)
        code = f"{file} {reach(cls, values=False)}"
    libraries = ", ".join(f"{name} {version}" for name, version in libraries_of(cls).items())
    return f"{cls.version}:{code}:{libraries}"
