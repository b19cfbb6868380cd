"""From training data, a request and a learner to the problem that an unlearner sees."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.core.records import Examples, ForgetRequest, Problem, Task, take
from untrain.core.roles import Learner, Request
from untrain.data.readers.convert import examples
from untrain.data.requests.resolve import request
from untrain.data.requests.these import These
from untrain.models.tasks.classification import Classification


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
        RequestError: ``forget`` is no request and no list of ids, an id is not in the data or is named
            twice, or nothing would be left.
    """
    held = train if isinstance(train, Examples) else examples(train)
    if not isinstance(forget, ForgetRequest):
        forget = request(held, forget if isinstance(forget, Request) else These(ids=_ids(forget)))
    rows = np.asarray(forget.rows)
    return Problem(
        task=task_of(learner),
        forget=take(held, rows),
        retain=take(held, np.setdiff1d(np.arange(len(held)), rows)),
        valid=None if valid is None else examples(valid),
        init=lambda s: learner.init(held, s),
        recipe=learner,
        digest=forget.digest,
        seed=seed,
        origin=origin,
    )


def _ids(given: Any) -> tuple[Any, ...]:
    held = list(given) if isinstance(given, Set) else given
    if isinstance(held, str | bytes) or np.ndim(held) != 1:
        raise RequestError(f"{given!r} says not what to forget: give a list of ids, such as [3, 7], or Random(fraction=0.1)")
    return tuple(np.asarray(held).tolist())


def task_of(learner: Learner) -> Task:
    """How the models of a learner are asked: as it says, or as classifiers."""
    return getattr(learner, "task", None) or Classification()
