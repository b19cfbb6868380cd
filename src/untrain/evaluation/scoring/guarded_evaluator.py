"""An evaluator whose failures are reasons of its own scores, and spoil no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import numpy as np

from untrain.core.errors import BrokenPromise, UntrainError
from untrain.core.process_state import foreign
from untrain.evaluation.base import Array, Curve, Evaluator, Measured, Prepared
from untrain.evaluation.observation import Observation

T = TypeVar("T")


def guarded(evaluator: Evaluator) -> Evaluator:
    """The evaluator, for this run: where it fails or leaves the process changed, none of its scores has a value.

    Errors in what it was given, of memory and of files are raised: they are not its own.
    """
    return evaluator if isinstance(evaluator, _Guarded) else cast(Evaluator, _Guarded(evaluator))


class _Guarded:
    """Forwards to an evaluator."""

    def __init__(self, evaluator: Evaluator):
        self.evaluator = evaluator
        self.failure = ""
        self._tried: set[str] = set()

    def __repr__(self) -> str:
        return repr(self.evaluator)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.evaluator, name)

    def prepare(self, observation: Observation) -> Array:
        """As the evaluator does; no columns where it fails."""
        return self._call("prepare", observation, np.zeros((observation.models, 0)))

    def evaluate(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """As the evaluator does; why it failed, for each score, where it did."""
        measured = {} if self.failure else self._call("evaluate", trial, cast(Mapping[str, Measured | str], {}))
        return dict.fromkeys(self.evaluator.scores, self.failure) if self.failure else measured

    def curves(self, trial: Prepared) -> Mapping[str, Curve]:
        """As the evaluator does; none where it fails."""
        return {} if self.failure else self._call("curves", trial, cast(Mapping[str, Curve], {}))

    def _call(self, verb: str, given: Any, otherwise: T) -> T:
        # Scores are computed on hundreds of splits: replaced functions are looked for the first time alone.
        first, _ = verb not in self._tried, self._tried.add(verb)
        try:
            with foreign(repr(self.evaluator), patches=first):
                return cast(T, getattr(self.evaluator, verb)(given))
        except (MemoryError, OSError):
            raise
        except Exception as error:
            if isinstance(error, UntrainError) and not isinstance(error, BrokenPromise):
                raise
            self.failure = " ".join(f"{self.evaluator!r} failed: {type(error).__name__}: {error}".split())
            return otherwise
