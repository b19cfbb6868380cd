"""Recognition of exhausted memory, and a second try with half the batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import torch

from untrain.core.errors import OutOfMemory
from untrain.core.metering import add_note

T = TypeVar("T")
# Of CUDA and its libraries, torch's allocators, C++ and the system; oneDNN says no more than what it could not make.
WORDS = (
    r"out of memory|not enough memory|can(no|')t allocate memory|alloc_failed|bad_alloc|fail at alloc_cpu"
    r"|could not (create a memory|create a primitive(?! descriptor)|execute a primitive)"
)


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on a GPU or on the host.

    >>> out_of_memory(MemoryError()), out_of_memory(ValueError("wrong shape"))
    (True, False)
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return bool(re.search(WORDS, str(error), re.IGNORECASE))


def in_halves(work: Callable[[int], T], size: int, what: str) -> T:
    """Return ``work(size)``; start it again with half the size whenever memory runs out.

    Args:
        work: does all of it, ``size`` examples at a time; its result does not depend on ``size`` but for rounding.
        size: examples at a time, to begin with.
        what: name of the work, for the note.

    Raises:
        OutOfMemory: memory is too small for a single example.
    """
    while True:
        try:
            return work(size)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            reason = (str(error) or "out of memory").splitlines()[0]
        if size == 1:
            raise OutOfMemory(f"out of memory with one example at a time ({reason}): take a smaller model or another machine")
        size = -(-size // 2)
        add_note(f"out of memory: {what} takes {size} examples at a time")
        if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()
