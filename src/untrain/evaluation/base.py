"""The role of an evaluator, and the records that it returns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from untrain.core.spec import Spec
from untrain.evaluation.observation import PROBE, Observation

Array = np.ndarray[Any, Any]
T = TypeVar("T")
Population = Literal["unlearned", "oracle", "both"]
_BLOCK = 2**16  # numbers of several splits that are worked on together


@dataclass(frozen=True)
class ScoreInfo:
    """The one text on a score that the report, the docs and ``untrain show`` share.

    Args:
        means: what it measures.
        unit: its unit.
        ideal: the best value, in words.
        weak: its known weakness.
        low: least possible value.
        high: greatest possible value.
        below: what a value below the oracles' band means; empty when it means no harm.
        above: what a value above it means; empty when it means no harm.
        margin: a difference to retraining up to which models count as equal, in the score's unit; None where the score is not
            tested by itself.
        verdict_of: the score whose verdict this one shares, as a gap shares that of the score it is computed from.
        side: the side that the score is of, where not every run has examples of it; without them the score is left out.
    """

    means: str
    unit: str
    ideal: str
    weak: str
    low: float = 0.0
    high: float = 1.0
    below: str = ""
    above: str = ""
    margin: float | None = None
    verdict_of: str = ""
    side: str = ""


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
    """A score as the sum of signed means of tables, or a quantile over the examples of one table.

    Args:
        parts: the tables.
        quantile: of the means over models of the one table; None for means.
        joint: whether a model's row depends on the other models of either population, as where an attack is fitted on some of
            the models and tested on others. Then floors and tests evaluate anew for each split of the models.
    """

    parts: tuple[Part, ...]
    quantile: float | None = None
    joint: bool = False


@dataclass(frozen=True, eq=False)
class Rate:
    """A score read off ROC curves: the mean over models of the true-positive rate at a false-positive rate.

    A model's threshold is the least that at most a share ``fpr`` of its non-members exceed.

    Args:
        population: whose models the rows are.
        members: attack scores of members, larger for more certain ones, (m, n of the side 'forget').
        others: attack scores of non-members, (m, n of the side 'test').
        fpr: the false-positive rate.
        weights: of the non-members, (n of the side 'test',); None for equal ones.
    """

    population: Population
    members: Array
    others: Array
    fpr: float
    weights: Array | None = None


@dataclass(frozen=True, eq=False)
class Formula:
    """A score computed from other measures.

    Args:
        terms: the measures.
        combine: maps arrays of the terms' values to one array of the same shape.
        unit: of the terms; where it is 'fraction' or 'probability' the interval allows for errors too rare to be in the sample.
    """

    terms: tuple[Measure | Rate, ...]
    combine: Callable[..., Array]
    unit: str = ""


Measured = Measure | Rate | Formula


@dataclass(frozen=True, eq=False)
class Prepared:
    """Arrays (m, n, ...) that an evaluator prepared from each population, all on the same n examples.

    ``original`` is for attacks that need models which saw the forget set. ``only`` names the scores to compute; the others
    may be left out where that saves work. ``kept`` holds what ``once`` made, for all splits of the same populations.
    """

    unlearned: Array
    oracle: Array
    side: Array
    noisy: bool
    original: Array | None = None
    only: frozenset[str] | None = None
    kept: MutableMapping[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what depends on the originals and sides alone, made for the first split that asks."""
        if key not in self.kept:
            self.kept[key] = make()
        value: T = self.kept[key]
        return value

    def asks(self, name: str) -> bool:
        """True if a score is to be computed."""
        return self.only is None or name in self.only


@dataclass(frozen=True, eq=False)
class Splits:
    """Ways to cut the same models into two groups, each of which could be the trial of an evaluator.

    ``pool`` is what was prepared of all models, (p, n, ...); ``ours`` (b, m) and ``theirs`` (b, k) are rows of those that count as
    unlearned and as oracles in each split; ``like`` is a trial of which all but the models holds for each.
    """

    pool: Array
    ours: Array
    theirs: Array
    like: Prepared

    def __len__(self) -> int:
        return len(self.ours)

    def trial(self, at: int) -> Prepared:
        """The trial of one split."""
        return replace(self.like, unlearned=self.pool[self.ours[at]], oracle=self.pool[self.theirs[at]])

    def asks_only(self, name: str) -> bool:
        """True if no other score is to be computed."""
        return self.like.only == frozenset((name,))

    def blocks(self, numbers: int) -> Iterator[Splits]:
        """Some splits at a time, of so many numbers per model that the processor's cache holds them."""
        step = max(1, _BLOCK // (numbers * (self.ours.shape[1] + self.theirs.shape[1])))
        for at in range(0, len(self), step):
            yield replace(self, ours=self.ours[at : at + step], theirs=self.theirs[at : at + step])


@dataclass(frozen=True)
class Verdict:
    """Result of testing a score, by an interval on its difference to the score of retraining.

    Args:
        says: 'indistinguishable' from retraining, 'distinguishable', or 'too few models' to tell.
        difference: unlearned minus oracles; of a divergence, its excess over its floor. Where there is no interval, its excess
            over the mean of mixed splits, which is smaller.
        low: lower end of the interval of the difference; None where there is none. It lies within the margin where models are
            indistinguishable; it ends at 0 or before, and leaves it out, where they are distinguishable; else it holds 0.
        high: upper end.
        p: share of the splits of all models into groups of these sizes that show a difference as large, in any of the scores
            that are tested together.
        margin: the difference up to which models count as equal; of an endpoint of a protocol, the larger of a number of spreads
            and an absolute size.
        level: share of false alarms that the test allows, over all scores tested together.
        why: what the difference means, or what a decision would take, in words.
        blind: whether the test cannot distinguish the original from the oracles either, so that it has little power.
    """

    says: Literal["indistinguishable", "distinguishable", "too few models"]
    difference: float
    low: float | None
    high: float | None
    p: float
    margin: float
    level: float
    why: str = ""
    blind: bool = False


@dataclass(frozen=True)
class Score:
    """A number with its evidence.

    Args:
        value: the score; None when it cannot be computed.
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
        floor: score of two disjoint groups of oracles against each other; its absolute value where the ideal is 0.
        ceiling: score of the original against the oracles.
        ideal: the best value.
        reason: why the value is None, or else None.
        resampled: units that the interval resampled: 'examples', 'models and examples'.
        band: where the value would lie, 19 times in 20, were the unlearned models further oracles.
        note: a warning in words, or None.
        verdict: result of its test; None where it is not tested.
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
    verdict: Verdict | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """The ROC curve of an attack, for a chart.

    Args:
        title: the attack in a few words, such as 'Loss attack'.
        fpr: false-positive rates, ascending to 1, (p,).
        tpr: the true-positive rate of each model at each of them, (m, p), or (1, p) where models are pooled.
        against: the non-members: 'test' examples on the same models, or the same examples on 'oracle' models. In the latter
            case retrained models themselves score like guessing.
    """

    title: str
    fpr: Array
    tpr: Array
    against: Literal["test", "oracle"]


class Evaluator(Spec, role=True):
    """Turns outputs of models into scores; it never sees a model.

    ``prepare`` does the work that depends on one population alone, once; ``evaluate`` compares two populations in
    tables whose means are the scores, so that intervals come from resampling tables and never from refitting an attack.
    ``needs`` names the outputs and signals that ``prepare`` takes from an ``Observation``, 'spread' where scores compare how models
    differ from seed to seed, and 'probe:NAME' where it reads ``observation.probes[NAME]``. Where one of them is missing, each score
    has no value and that as its reason; who asks for a probe that the data lack is refused before anything is trained.
    """

    scores: ClassVar[Mapping[str, ScoreInfo]] = {}
    needs: ClassVar[frozenset[str]] = frozenset({"margin"})

    @property
    def probes(self) -> frozenset[str]:
        """Names of the probes that it needs."""
        return frozenset(name.removeprefix(PROBE) for name in self.needs if name.startswith(PROBE))

    @abstractmethod
    def prepare(self, observation: Observation) -> Array:
        """Compute what ``evaluate`` needs of one population, (m, n, ...)."""

    @abstractmethod
    def evaluate(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Compute the scores by name; a reason in words for one that cannot be computed."""

    def in_splits(self, splits: Splits) -> Mapping[str, Array] | None:
        """Values of what ``evaluate`` scores in each split, (b,), NaN for a reason; None where each is scored by itself."""

    def curves(self, trial: Prepared) -> Mapping[str, Curve]:
        """ROC curves of the unlearned models, for an attack that scores single examples; none by default.

        Returns:
            Name -> curve, for each attack that can be computed; ``<name>_auc`` is the score that belongs to it.
        """
        return {}
