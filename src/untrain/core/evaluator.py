"""The role of an evaluator, and the records in which it answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from untrain.core.records import Observation
from untrain.core.spec import Spec

Array = np.ndarray[Any, Any]
Population = Literal["unlearned", "oracle", "both"]


@dataclass(frozen=True)
class About:
    """The one text on a score that the report, the docs and ``untrain show`` share.

    Args:
        means: what it measures.
        unit: its unit.
        ideal: the best value, in words.
        weak: its known weakness.
        low: least possible value.
        high: greatest possible value.
        below: what is the matter when the value lies below the oracles' band; empty when nothing is.
    """

    means: str
    unit: str
    ideal: str
    weak: str
    low: float = 0.0
    high: float = 1.0
    below: str = ""


@dataclass(frozen=True, eq=False)
class Part:
    """A table whose mean enters a score.

    Args:
        sign: +1 or -1, the weight of the mean.
        population: whose models the rows are; 'both' when a row compares the two populations.
        side: whose examples the columns are.
        values: (m, n of that side).
    """

    sign: float
    population: Population
    side: str
    values: Array


@dataclass(frozen=True, eq=False)
class Measure:
    """A score as the sum of signed means of tables, or a quantile over the examples of one table."""

    parts: tuple[Part, ...]
    quantile: float | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """What an evaluator needs of each population, side by side: arrays (m, n, ...) on the same n examples."""

    unlearned: Array
    oracle: Array
    side: Array
    noisy: bool


@dataclass(frozen=True)
class Score:
    """A number with its evidence.

    Args:
        value: the score; None when it cannot be computed.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
        floor: what two disjoint groups of oracles score against each other; the size of it where the ideal is 0.
        ceiling: what the original scores against the oracles.
        ideal: the best value.
        reason: why the value is None, or else None.
        resampled: what the interval resampled: 'examples', 'models and examples'.
        band: where the value would lie, 19 times in 20, were the unlearned models further oracles.
        note: a warning in words, or None.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    ideal: float | None = None
    reason: str | None = None
    resampled: str | None = None
    band: tuple[float, float] | None = None
    note: str | None = None


class Evaluator(Spec, role=True):
    """Turns what models answered into numbers; it never sees a model.

    ``prepare`` does the work that depends on one population alone, once; ``evaluate`` compares two populations in
    tables whose means are the scores, so that intervals come from resampling tables and never from refitting an attack.
    """

    scores: ClassVar[Mapping[str, About]] = {}

    @abstractmethod
    def prepare(self, seen: Observation) -> Array:
        """What is needed of one population, (m, n, ...)."""

    @abstractmethod
    def evaluate(self, trial: Prepared) -> dict[str, Measure | str]:
        """The scores by name; a reason in words for one that cannot be computed."""
