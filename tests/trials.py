"""One evaluator on three populations, as tests of evaluators score it."""

from __future__ import annotations

from dataclasses import dataclass

from untrain.evaluation.base import Evaluator, Score
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.intervals import compare


@dataclass(frozen=True, eq=False)
class TrialObservations:
    """The populations that an evaluator compares: each an Observation on the same examples."""

    original: Observation
    unlearned: Observation
    oracle: Observation


def score(evaluator: Evaluator, trial: TrialObservations, draws: int = 1000, seed: int = 0) -> dict[str, Score]:
    """All scores of one evaluator, with intervals from ``draws`` resamples."""
    ready = {name: evaluator.prepare(getattr(trial, name)) for name in ("original", "unlearned", "oracle")}
    return compare(evaluator, ready, trial.oracle, draws, seed)
