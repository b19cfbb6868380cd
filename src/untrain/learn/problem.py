"""From training data, a request and a learner to the problem that an unlearner sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.core.records import Examples, ForgetRequest, Problem, take
from untrain.core.roles import Learner, Request
from untrain.data.examples import examples
from untrain.data.request import request
from untrain.data.requests.these import These
from untrain.tasks.classify import Classify


def problem(
    train: Any,
    forget: Request | ForgetRequest | Sequence[Any],
    learner: Learner,
    valid: Any = None,
    seed: int = 0,
    origin: int | None = None,
) -> Problem:
    """What to forget, of which training data, and how the model was made.

    Args:
        train: the data the model was trained on: Examples, or anything that ``examples`` takes.
        forget: a request such as ``Random(fraction=0.1)``, or ids; an id names every row that bears it.
        learner: what trained the model, such as ``Train(model=Net, steps=Steps(...))``.
        valid: held-out data to tune on.
        seed: of every draw that a method makes.
        origin: seed of the model's own initialisation, where known.

    Raises:
        RequestError: an id is not in the data, is named twice, or nothing would be left.
    """
    held = train if isinstance(train, Examples) else examples(train)
    if not isinstance(forget, ForgetRequest):
        by = forget if isinstance(forget, Request) else These(ids=tuple(np.asarray(forget).tolist()))
        forget = request(held, by)
    rows = np.asarray(forget.rows)
    return Problem(
        task=getattr(learner, "task", None) or Classify(),
        forget=take(held, rows),
        retain=take(held, np.setdiff1d(np.arange(len(held)), rows)),
        valid=None if valid is None else examples(valid),
        init=lambda s: learner.init(held, s),
        recipe=learner,
        digest=forget.digest,
        seed=seed,
        origin=origin,
    )
