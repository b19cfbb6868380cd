"""The role of a request: what to forget."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from untrain.core.spec import Spec
from untrain.data.examples import Examples


@dataclass(frozen=True)
class Ensemble:
    """Models that each see a random half of the training data: how many, and the seed of halves and training."""

    models: int
    seed: int


@dataclass(frozen=True)
class ForgetSet:
    """What to forget.

    Args:
        rows: of the training data, ascending.
        ids: of these rows.
        digest: fingerprint of ids and inputs, and of the replacement where there is one.
        replacement: examples that stand in the place of the rows, where they are corrected and not deleted.
    """

    rows: tuple[int, ...]
    ids: tuple[Any, ...]
    digest: str
    replacement: Examples | None = field(default=None, compare=False)


class Request(Spec, role=True):
    """Chooses what to forget; drawn once, whatever the training seeds."""

    @abstractmethod
    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of ``train`` to forget, without repetition."""

    def replacement(self, train: Examples, rows: np.ndarray[Any, Any]) -> Examples | None:
        """Examples that stand in the place of ``rows``; None where they are deleted."""
        return None

    def everywhere(self, examples: Examples) -> Examples:
        """Validation or test examples as they are after the request, such as without a feature that nobody may use."""
        return examples

    def named(self, given: Examples) -> np.ndarray[Any, Any]:
        """Rows that must not be set apart before training; none where whatever is left to train on is drawn from."""
        return self.draw(given)

    def ensemble(self) -> Ensemble | None:
        """The models that have to be asked before this can be drawn; None where the data are enough.

        What they tell is a column of the training data when ``draw`` gets them: ``data.examples.MEMORIZATION``.
        """
        return None
