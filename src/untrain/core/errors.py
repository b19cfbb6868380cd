"""Every error that untrain raises on purpose.

::

    UntrainError
    |-- BadInput (ValueError)     wrong input of the user; exit code 2
    |   |-- SpecError             a spelling, a name or a field
    |   |-- DataError             examples, labels, ids, files
    |   |   `-- FileChanged       a file is not the one that was opened
    |   |-- RequestError          what to forget
    |   |-- ModelError            a model without what a method needs
    |   |-- MaskError             a mask made for something else
    |   `-- StoreError            a store that cannot be used
    |-- RunFailed (RuntimeError)  the work began and did not succeed; exit code 1
    |   |-- NotFinite             a loss or a weight became NaN or infinite
    |   |-- BrokenPromise         a method did what no method may do
    |   |-- OutOfMemory           memory is too small for one example at a time
    |   |-- Crashed               a method failed in a way that may be the machine's: the next start tries again
    |   |-- WorkerDied            the process that did the work died, again and again
    |   `-- DamageAlarm           a model got worse than is allowed, and nothing was written; exit code 3
    `-- MissingExtra (ImportError) an optional library is not installed; exit code 2
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class UntrainError(Exception):
    """Root of the tree; its message is one line that a user can act on."""


class BadInput(UntrainError, ValueError):
    """The user's input is wrong; nothing was done."""


class SpecError(BadInput):
    """A spelling, a name or a field is wrong."""


class DataError(BadInput):
    """Examples, labels, ids or a file of them are wrong."""


class FileChanged(DataError):
    """A file was written anew or cut short since it was opened; with the file as it was, the work would have gone on."""


class RequestError(BadInput):
    """A request to forget cannot be met."""


class ModelError(BadInput):
    """A model lacks what a method needs."""


class MaskError(BadInput):
    """A mask belongs to another request or another model."""


class StoreError(BadInput):
    """A store is of another version, read-only, full or damaged."""


class RunFailed(UntrainError, RuntimeError):
    """The work was begun and did not succeed."""


class NotFinite(RunFailed):
    """A loss or a weight is NaN or infinite."""


class BrokenPromise(RunFailed):
    """A method broke one of the promises of every run.

    Args:
        message: what it did.
        promise: the promise as ``untrain check`` lists it, or the words that it ends with; empty where it lists none of the kind.
    """

    def __init__(self, message: str, promise: str = ""):
        super().__init__(message)
        self.promise = promise


class OutOfMemory(RunFailed):
    """Memory does not hold one example at a time; on another machine, or a less busy one, it may."""


class Crashed(RunFailed):
    """A method failed in a way that may be the machine's, such as an error of the system; at the next start it may not."""


class WorkerDied(RunFailed):
    """The process that did the work died, again and again."""


class DamageAlarm(RunFailed):
    """A model got worse than is allowed: nothing was written.

    Args:
        message: which number fell, how far, and what to try.
        document: all that was measured.
    """

    def __init__(self, message: str, document: dict[str, Any] | None = None):
        super().__init__(message)
        self.document = document or {}


class MissingExtra(UntrainError, ImportError):
    """An optional library is needed and not installed."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the end of a message, or nothing when no known word is near.

    >>> suggest("finetun", ["Finetune", "NegGrad"])
    "; did you mean 'Finetune'?"
    """
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=5, cutoff=0.6)
    if not near:
        return ""
    # Of equally near words the one of the same letters, then of about the same length: DLE is DEL with two letters swapped, and
    # neither KDE nor part of IdFile.
    ratio, letters = difflib.SequenceMatcher(None, b=word.lower()), sorted(word.lower())
    best = max(near, key=lambda name: (_ratio(ratio, name), sorted(name) == letters, -abs(len(name) - len(word))))
    return f"; did you mean {lowered[best]!r}?"


def _ratio(matcher: difflib.SequenceMatcher[str], name: str) -> float:
    matcher.set_seq1(name)
    return matcher.ratio()


def require_whole_numbers(**values: Any) -> None:
    """Refuse values that are not whole numbers.

    >>> require_whole_numbers(seeds=1.5)
    Traceback (most recent call last):
    ...
    untrain.core.errors.BadInput: seeds=1.5: a whole number is needed
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadInput(f"{name}={value!r}: a whole number is needed")
