"""Twins of rows to forget, which stay and teach a model the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from untrain.data.altered_copies import alike_texts, altered_copies
from untrain.data.examples import Examples, take
from untrain.data.near_duplicates import exact_twins, near_duplicates
from untrain.data.on_disk import OnDisk
from untrain.data.requests.base import ForgetSet

TEXT = "text"  # column of the texts of which tokens were made


def twins_left(train: Examples, forget_set: ForgetSet) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows that would stay although they are twins of a row that goes: exact ones, and near ones besides, ascending.

    Near ones are the nearest row of a forgotten one, within the distance of ``near_duplicates``, images that ``altered_copies``
    finds, and texts that differ in how they are typed alone.
    """
    gone = np.asarray(forget_set.rows)
    stays = np.setdiff1d(np.arange(len(train)), gone)
    forget, retain = take(train, gone), take(train, stays)
    exact = stays[exact_twins(retain.x, forget.x) >= 0]
    found = near_duplicates(forget, retain)
    near = [found.nearest[found.near]]
    if isinstance(forget.x, Tensor | OnDisk) and isinstance(retain.x, Tensor | OnDisk):
        near.append(altered_copies(forget.x, retain.x))
    if TEXT in train.columns:
        near.append(alike_texts(forget.columns[TEXT].tolist(), retain.columns[TEXT].tolist()))
    return exact, np.setdiff1d(stays[np.unique(np.concatenate(near))], exact)
