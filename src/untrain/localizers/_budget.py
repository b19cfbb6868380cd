"""The budget of parameters, and messages when it cannot be met or stays unspent."""

from __future__ import annotations

import math

from untrain.core.errors import ModelError
from untrain.core.metering import add_note
from untrain.maths import selection


def check_budget(total: int, trainable: int, keep: float, count: int | None) -> int:
    """Return the number of parameters to choose; add a note where fewer can be chosen.

    Args:
        total: parameters of the model.
        trainable: those that are not frozen.
        keep: share of them all.
        count: a number instead of the share.

    Raises:
        ModelError: the model has fewer.
    """
    room = count or selection.budget(keep, total)
    if room > total:
        raise ModelError(f"a budget of {room} weights cannot be met: the model has {total}; ask for no more")
    if room > trainable:
        add_note(f"a budget of {room} of {total} weights cannot be met: {trainable} are not frozen")
    return room


def note_unspent(chosen: int, room: int, total: int, what: str, following: int | None = None) -> None:
    """Add a note where whole channels or tensors leave more than a tenth of the budget unspent.

    Args:
        chosen: number of chosen parameters.
        room: the budget.
        total: parameters of the model.
        what: 'channel' or 'tensor'.
        following: size of the best one left out, where known; None where none was.
    """
    if chosen < 0.9 * room and following is not None:
        size = f"the next has {following}" if following else "the next does not fit"
        add_note(f"a budget of {room} of {total} weights is not met: whole {what}s hold {chosen}, and {size}")


def smallest_budget(needed: int, total: int, count: int | None = None) -> str:
    """Advise a budget for ``needed`` of ``total``: a count where one was given, else a share in two digits, never rounded down.

    >>> smallest_budget(1, 3)
    'keep at least 0.34'
    """
    if count is not None:
        return f"a count of at least {needed}"
    scale = 10 ** (2 - math.ceil(math.log10(needed / total) + 1e-12))
    up = math.ceil(needed / total * scale - 1e-9) / scale
    return f"keep at least {min(up, 1.0):.6g}"
