"""From a request to the forget set and the retain set."""

from __future__ import annotations

import numpy as np

from untrain.core.errors import RequestError
from untrain.core.metering import metered
from untrain.data.examples import Examples, joined, take, to_device
from untrain.data.fingerprint import request_digest
from untrain.data.requests.base import ForgetSet, Request
from untrain.data.requests.verbs import drawn, replaced


def request(train: Examples, by: Request) -> ForgetSet:
    """Draw the forget set of a request from the training data, rows in ascending order.

    >>> from untrain.data.readers.convert import examples
    >>> from untrain.data.requests.ids import Ids
    >>> request(examples([[0.0], [1.0], [2.0]], [0, 1, 0]), Ids(ids=(1,))).rows
    (1,)

    Args:
        train: the training data.
        by: the request.

    Returns:
        The rows, the id of each, the fingerprint of ids, inputs and corrections, the same that a ``Problem`` makes, and notes
        on how the request was read.

    Raises:
        RequestError: the request names no examples, deletes all of them, or names rows that do not exist.
        BrokenPromise: its code changed something in the process, which was put back.
    """
    name = repr(by)
    with metered() as meter:
        rows = drawn(by, train)
    name = name if len(name) <= 100 else f"{name[:96]} ..."
    if rows.size == 0:
        raise RequestError(f"{name} names none of the {len(train)} training examples: name at least one")
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise RequestError(f"{name} drew {rows.dtype} of shape {rows.shape}: row numbers (k,) are needed")
    rows = np.sort(rows.astype(np.int64))
    if rows[0] < 0 or rows[-1] >= len(train) or (np.diff(rows) == 0).any():
        raise RequestError(f"{name} drew rows from {rows[0]} to {rows[-1]}: each of range({len(train)}) may be named once")
    forget = take(train, rows)
    replacement = replaced(by, train, rows)
    if len(rows) == len(train) and replacement is None:
        raise RequestError(f"{name} names all {len(train)} training examples: nothing would be left to train on")
    digest = request_digest(forget, replacement)
    return ForgetSet(tuple(rows.tolist()), tuple(forget.ids.tolist()), digest, replacement, tuple(meter.notes))


def remaining(train: Examples, forget: ForgetSet) -> Examples:
    """The retain set of a request: the other rows of the training data, and the replacements of those that it corrects."""
    retain = take(train, np.setdiff1d(np.arange(len(train)), np.asarray(forget.rows)))
    if forget.replacement is None:
        return retain
    return joined(retain, to_device(forget.replacement, train.x.device))
