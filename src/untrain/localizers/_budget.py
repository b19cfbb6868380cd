"""How many parameters may be chosen, and what to say when they cannot be."""

from __future__ import annotations

import math

from untrain.core.errors import ModelError
from untrain.core.metering import add_note
from untrain.maths import selection


def check_budget(total: int, free: int, keep: float, count: int | None) -> int:
    """The number of parameters that may be chosen; where fewer can be, the reader of the result is told.

    Args:
        total: parameters of the model.
        free: those that are not frozen.
        keep: share of them all.
        count: a number in its place.

    Raises:
        ModelError: more are asked for than there are.
    """
    room = count or selection.budget(keep, total)
    if room > total:
        raise ModelError(f"a budget of {room} weights cannot be met: the model has {total}; ask for no more")
    if room > free:
        add_note(f"a budget of {room} of {total} weights cannot be met: {free} are not frozen")
    return room


def note_unspent(kept: int, room: int, total: int, what: str, following: int | None = None) -> None:
    """Tell the reader of the result where whole channels or tensors leave more than a tenth of the budget unspent.

    Args:
        kept: parameters that were chosen.
        room: how many might have been.
        total: parameters of the model.
        what: 'channel' or 'tensor'.
        following: size of the best one that was left out, where known; None where none was.
    """
    if kept < 0.9 * room and following is not None:
        size = f"the next has {following}" if following else "the next does not fit"
        add_note(f"a budget of {room} of {total} weights is not met: whole {what}s hold {kept}, and {size}")


def smallest_budget(needed: int, total: int, count: int | None = None) -> str:
    """What would hold ``needed`` of ``total``: a count where one was given, else a share, in two digits, never rounded down."""
    if count is not None:
        return f"a count of at least {needed}"
    scale = 10 ** (2 - math.ceil(math.log10(needed / total) + 1e-12))
    up = math.ceil(needed / total * scale - 1e-9) / scale
    return f"keep at least {min(up, 1.0):.6g}"
