"""Hold a plug-in to what its role promises."""

from __future__ import annotations

from untrain.commands.run import Document


def check(name: str) -> list[Document]:
    """Hold a plug-in to what its role promises.

    A dotted name is imported, which runs the code of its module.

    Args:
        name: a class's name, or the dotted name of a module or class of your own.
    """
    from untrain.commands.promises import named, verdicts

    return [
        {"method": cls.__name__, "promise": verdict.promise, "error": str(verdict.error) if verdict.error else None}
        for cls in named(name)
        for verdict in verdicts(cls)
    ]
