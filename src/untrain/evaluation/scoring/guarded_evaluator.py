"""An evaluator whose failures are reasons of its own scores, and spoil no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar, cast

from untrain.core.errors import OutOfMemory, RunFailed, UntrainError
from untrain.core.foreign import foreign
from untrain.core.ownership import is_ours
from untrain.evaluation.base import Array, Curve, Evaluator, Measured, Prepared, Splits
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.splits import compared

T = TypeVar("T")


class EvaluatorFailed(RunFailed):
    """An evaluator failed, tried to end the process, or left it changed."""

    def __init__(self, evaluator: Evaluator, why: str):
        super().__init__(why)
        self.evaluator = evaluator


def guarded(evaluator: Evaluator) -> Evaluator:
    """The evaluator; what it does wrong is an ``EvaluatorFailed``.

    Errors in what it was given and of memory are raised as they are: they are not its own. Nor are those of files of one of ours.
    """
    return evaluator if isinstance(evaluator, _Guarded) else cast(Evaluator, _Guarded(evaluator))


def without_culprits(score: Callable[[Sequence[T]], Any], cases: Sequence[T], evaluator_of: Callable[[T], Evaluator]) -> Any:
    """Score some cases, without those whose evaluator fails.

    Args:
        score: scores the cases that it is given, all together.
        cases: each with an evaluator.
        evaluator_of: gives it.

    Returns:
        What ``score`` returns for the cases that are left, and why each score of the others has no value.
    """
    reasons: dict[str, str] = {}
    while True:
        try:
            return score(cases), reasons
        except EvaluatorFailed as error:
            reasons |= dict.fromkeys(error.evaluator.scores, str(error))
            cases = [case for case in cases if evaluator_of(case) is not error.evaluator]


class _Guarded:
    """Forwards to an evaluator; one of this package, which its tests hold to leaving the process as it was, is not watched."""

    def __init__(self, evaluator: Evaluator):
        self.evaluator = evaluator
        self._watched = not is_ours(evaluator)
        self._evaluated = False

    def __repr__(self) -> str:
        return repr(self.evaluator)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.evaluator, name)

    def prepare(self, observation: Observation) -> Array:
        """As the evaluator does."""
        return self._call(self.evaluator.prepare, observation)

    def evaluate(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """As the evaluator does; called for hundreds of splits, it is the first time that replaced functions are looked for."""
        first, self._evaluated = not self._evaluated, True
        return self._call(self.evaluator.evaluate, trial, first)

    def in_splits(self, splits: Splits) -> Mapping[str, Array] | None:
        """As the evaluator does; of one of others the first split is scored by itself too, and has to come out the same."""

        def checked(splits: Splits) -> Mapping[str, Array] | None:
            at_once = self.evaluator.in_splits(splits)
            return at_once if at_once is None or not self._watched else compared(self.evaluator, splits, at_once)

        return self._call(checked, splits)

    def curves(self, trial: Prepared) -> Mapping[str, Curve]:
        """As the evaluator does; none where it fails."""
        try:
            return self._call(self.evaluator.curves, trial)
        except EvaluatorFailed:
            return {}

    def _call(self, verb: Callable[[Any], T], given: Any, patches: bool = True) -> T:
        try:
            with foreign(self.evaluator, patches=patches) if self._watched else nullcontext():
                return verb(given)
        except (MemoryError, OutOfMemory):
            raise
        except Exception as error:
            if isinstance(error, OSError) and not self._watched:  # of the store, which an evaluator of ours reads
                raise
            if isinstance(error, UntrainError) and not isinstance(error, RunFailed):
                raise
            what = f"{error}" if isinstance(error, RunFailed) else f"{self.evaluator!r} failed: {type(error).__name__}: {error}"
            raise EvaluatorFailed(cast(Evaluator, self), " ".join(what.split())) from error
