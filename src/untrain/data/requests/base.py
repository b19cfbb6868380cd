"""The role of a request: chooses the examples to forget."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from untrain.core.notebook import html_facts
from untrain.core.spec import Spec
from untrain.data.examples import MEMORIZATION, Examples


@dataclass(frozen=True)
class Ensemble:
    """Models that each see a random half of the training data, and what is made of them.

    Args:
        models: their number.
        seed: of halves and training.
        column: of the training data in which ``draw`` finds a score of each example, made of these models: 'memorization', or
            'component K', the coordinate along the K-th principal component of what examples do to each other's margins.
    """

    models: int
    seed: int
    column: str = MEMORIZATION


@dataclass(frozen=True)
class ForgetSet:
    """The examples to forget.

    Args:
        rows: of the training data, ascending.
        ids: of these rows.
        digest: fingerprint of ids and inputs, and of the replacement where there is one.
        replacement: examples that replace the rows, where they are corrected and not deleted.
        notes: on how the request was read: what was skipped, guessed or converted.
    """

    rows: tuple[int, ...]
    ids: tuple[Any, ...]
    digest: str
    replacement: Examples | None = field(default=None, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    def _repr_html_(self) -> str:
        corrected = None if self.replacement is None else f"{len(self.replacement):,}"
        facts = {"rows": f"{len(self.rows):,}", "distinct ids": f"{len(set(self.ids)):,}", "corrected to": corrected}
        return html_facts("Request to forget", facts | {"digest": self.digest}, self.notes)


class Request(Spec, role=True):
    """Chooses the examples to forget; drawn once, whatever the training seeds."""

    @abstractmethod
    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Draw rows of ``train`` to forget, without repetition."""

    def replacement(self, train: Examples, rows: np.ndarray[Any, Any]) -> Examples | None:
        """Examples that replace ``rows``; None where they are deleted."""
        return None

    def everywhere(self, examples: Examples, replacement: Examples | None) -> Examples:
        """Validation or test examples after the request, such as without a feature that nobody may use.

        Args:
            examples: held out from training.
            replacement: what came instead of training rows; None where they are deleted. Held-out examples get the same values.
        """
        return examples

    def covers(self, held_out: Examples) -> np.ndarray[Any, Any] | None:
        """Mark the held-out examples of the kind to forget, bool (n,); None where the request names training examples alone.

        By these, test accuracy on what was forgotten is scored, such as on a class or a part of one.
        """
        return None

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """Rows that must not be set apart before training; none where the request draws from whatever is left to train on."""
        return self.draw(examples)

    def ensemble(self) -> Ensemble | None:
        """Models to train before the request can be drawn; None where the data are enough.

        ``draw`` finds their scores in a column of the training data, which ``Ensemble.column`` names.
        """
        return None


def corrects(by: Request) -> bool:
    """Return whether a request says what comes instead of the rows that it names, and does not delete them."""
    return type(by).replacement is not Request.replacement


def chooses(rows: Request | None) -> Request | None:
    """A request for a field that says which rows, and not what comes in their place.

    Raises:
        ValueError: it corrects.
    """
    if rows is not None and corrects(rows):
        raise ValueError("corrects examples itself: take a request that only chooses, such as Ids or Where")
    return rows
