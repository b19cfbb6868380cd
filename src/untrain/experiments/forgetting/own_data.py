"""The data of a checkpoint of somebody else as a scenario, so that models can be trained on all of them and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from untrain.data.examples import Examples
from untrain.data.fingerprint import print_of
from untrain.data.requests.base import ForgetSet, Request
from untrain.data.requests.verbs import covered
from untrain.data.splits import Data
from untrain.experiments.forgetting.opened_model import OpenedModel
from untrain.experiments.scenarios.base import Scenario
from untrain.training.base import Learner


class DrawnRows(Request):
    """Rows that were drawn before, by whatever request.

    Args:
        rows: of the training data, ascending.
        by: the request that drew them, which knows the held-out rows of their kind; None where ids were listed.

    Source: none; a request is drawn once.
    """

    rows: tuple[int, ...]
    by: Any = None

    def spell(self, spell: Callable[[Any], str]) -> str:
        """The spelling, in which a number stands for the rows."""
        return f"DrawnRows({len(self.rows)} rows)"

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """The rows."""
        return np.array(self.rows, dtype=np.int64)

    def covers(self, held_out: Examples) -> np.ndarray[Any, Any] | None:
        """The held-out rows of the kind to forget, as the request marks them."""
        return None if self.by is None else covered(self.by, held_out)


class OwnData(Scenario):
    """All data that a checkpoint was trained on, data that it has not seen, and how it is trained again.

    Args:
        train: the training data.
        test: the unseen data.
        by: trains the models.
        request: what is forgotten.

    Source: the user.
    """

    train: Any
    test: Any
    by: Any
    request: DrawnRows

    def spell(self, spell: Callable[[Any], str]) -> str:
        """The spelling, in which fingerprints stand for data."""
        train, test = (f"'{len(each)} examples {print_of(each)[:16]}'" for each in (self.train, self.test))
        return f"OwnData(train={train}, test={test}, by={spell(self.by)}, request={spell(self.request)})"

    def load(self) -> Data:
        """All of the training data; nothing is set apart."""
        return Data(self.train, self.train, self.test)

    def learner(self) -> Learner:
        """Trains the models."""
        learner: Learner = self.by
        return learner


def own_data(opened: OpenedModel, test: Examples, forget_set: ForgetSet, by: Request | None, learner: Learner) -> OwnData:
    """The scenario of a checkpoint, in which rows are numbered and no id, owner or input of a person is kept by name.

    Args:
        opened: the checkpoint with its data.
        test: data that it has not seen.
        forget_set: the rows to forget.
        by: the request that drew them; None where ids were listed.
        learner: trains models like the checkpoint.
    """
    count = len(opened.train)
    train = replace(opened.train, ids=np.arange(count), columns={}, owner=None)
    held_out = replace(test, ids=np.arange(count, count + len(test)), owner=None)
    return OwnData(train=train, test=held_out, by=learner, request=DrawnRows(rows=tuple(forget_set.rows), by=by))
