"""The role of an attributor: how much each training example raises each output."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from torch import nn

from untrain.core.errors import BrokenPromise, DataError, ModelError, NotFinite
from untrain.core.foreign import foreign
from untrain.core.precision import computing
from untrain.core.seeds import isolated_rng
from untrain.core.spec import Spec
from untrain.data.examples import Examples
from untrain.models import compatibility
from untrain.models.compatibility import check_fit
from untrain.models.tasks.base import Task
from untrain.models.wrappers import unwrap
from untrain.training import guard
from untrain.training.base import Learner

Array = np.ndarray[Any, Any]
Needs = Literal["population", "models"]
FEWEST_MODELS = 16  # of a population: with fewer, what one example does is lost in what all others do
FEWEST_EACH = 2  # models that saw an example, and that did not
NAMED = 3  # ids in a message


@dataclass(frozen=True, eq=False)
class TrainingEvidence:
    """Everything that an attributor may use: examples, and a population of models or models of all training data.

    A population is what ``train_subsets`` returns: ``outputs`` are its logits and ``seen`` its memberships.

    Args:
        train: the n training examples.
        asked: the examples whose outputs are attributed, training examples first, then any others.
        task: of the models, resolved on the training data.
        outputs: of m models that each saw a part of the training data, in eval mode on all of ``asked``, float32 (m, asked, c);
            logits, or any other numbers that are to be attributed. None where there is no population.
        seen: whether a model of the population was trained on a training example, bool (m, n).
        models: that were trained on all training data; empty where there are none.
    """

    train: Examples
    asked: Examples
    task: Task
    outputs: Array | None = None
    seen: Array | None = None
    models: tuple[nn.Module, ...] = ()

    def population(self) -> tuple[Array, Array]:
        """Outputs (m, asked, c) and memberships (m, n) of the population.

        Raises:
            DataError: there is none.
        """
        if self.outputs is None or self.seen is None:
            raise DataError(
                "a population of models that saw parts of the data is needed: give TrainingEvidence(outputs=..., seen=...)"
            )
        return self.outputs, self.seen


class Attributor(Spec, role=True):
    """Estimates what each training example does to each output: ``attributor(evidence, rows, asked_rows)`` gives (r, t, c).

    Values are in the units of the outputs, which are logits, and positive where training on the example raises the output: what
    models without the examples F would put out is estimated by the outputs less the sum of the values of F. ``needs`` says
    whether it works on the outputs of a 'population' or on 'models' themselves. Where ``scaled`` is False values have another
    scale, and correct nothing before multipliers are fitted. Where ``kept`` is True they take so long that runs keep
    those of all training examples, for other forget sets.
    """

    needs: ClassVar[Needs] = "population"
    scaled: ClassVar[bool] = True
    kept: ClassVar[bool] = False
    closed: ClassVar[tuple[str, ...]] = ("__init__", "__call__")

    @property
    def learner(self) -> Learner | None:
        """The learner whose models alone it takes; None where any will do."""
        return None

    @abstractmethod
    def attribute(self, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        """Values (r, t, c) of some training examples for the outputs on some of the queried examples.

        Models are in eval mode and stay as they are.

        Args:
            evidence: what there is; of population and models at least what it needs.
            rows: of ``evidence.train``, int64 (r,).
            asked_rows: of ``evidence.asked``, int64 (t,).
        """

    @final
    def __call__(
        self, evidence: TrainingEvidence, rows: Sequence[int] | Array | None = None, asked_rows: Sequence[int] | Array | None = None
    ) -> Array:
        """Values of training examples for outputs, float32 (r, t, c).

        Args:
            evidence: examples, and a population or models.
            rows: training examples whose values are wanted; None for all.
            asked_rows: examples whose outputs are attributed, by their places in ``evidence.asked``; None for all.

        Raises:
            DataError: there is no such row, arrays do not fit together, or the population is too small or does not cover a row.
            ModelError: models that it needs are missing, or do not take the examples.
            NotFinite: outputs or weights are NaN or infinite, or the values are.
            BrokenPromise: a model was written to, the process was left changed, or the values have another shape.
        """
        name = type(self).__name__
        chosen = check_rows(rows, len(evidence.train), "rows"), check_rows(asked_rows, len(evidence.asked), "asked_rows")
        if self.needs == "population":
            check_population(name, evidence, *chosen)
        elif not evidence.models:
            raise ModelError(f"{name} needs models that were trained on all training data: give TrainingEvidence(models=(...))")
        models = tuple(unwrap(model) for model in evidence.models) if self.needs == "models" else ()
        with ExitStack() as stack:
            stack.enter_context(foreign(self, evidence.task, *models))
            stack.enter_context(isolated_rng(nn.ModuleList(models), 0))
            stack.enter_context(computing())
            for model in models:
                compatibility.check_shaped(model)
                stack.enter_context(guard.read_only(name, model))
                check_fit(model.eval(), evidence.task, evidence.train)
            values = self.attribute(evidence, *chosen)
        return _checked(name, values, len(chosen[0]), len(chosen[1]))


def check_rows(rows: Sequence[int] | Array | None, n: int, name: str) -> Array:
    """Rows as int64 (r,), all of them for None.

    >>> check_rows(None, 3, "rows").tolist()
    [0, 1, 2]

    Raises:
        DataError: there is no such row, or none at all.
    """
    wanted = np.arange(n) if rows is None else np.asarray(rows)
    if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu" or wanted.min() < 0 or wanted.max() >= n:
        raise DataError(f"{name} holds something other than a row: one or more whole numbers from 0 to {n - 1} are needed")
    return wanted.astype(np.int64)


def check_population(name: str, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> None:
    """Check that a population is there, large enough, and covers each training example requested.

    Args:
        name: of the attributor, for messages.
        evidence: what there is.
        rows: training examples whose values are wanted.
        asked_rows: examples whose outputs are attributed.

    Raises:
        DataError: it is not.
        NotFinite: an output is NaN or infinite.
    """
    outputs, seen = evidence.population()
    n, asked = len(evidence.train), len(evidence.asked)
    if outputs.ndim != 3 or outputs.shape[1] != asked or seen.shape != (len(outputs), n) or seen.dtype != bool:
        raise DataError(
            f"outputs have shape {outputs.shape} and seen {seen.shape} of {seen.dtype}: for {n} training examples and {asked} "
            f"others, (models, {asked}, classes) and bool (models, {n}) are needed"
        )
    if len(seen) < FEWEST_MODELS:
        raise DataError(
            f"the population has {len(seen)} models: {name} needs {FEWEST_MODELS} or more, and hundreds to be worth much"
        )
    saw = np.asarray(seen[:, rows]).sum(0)
    bare = rows[(saw < FEWEST_EACH) | (len(seen) - saw < FEWEST_EACH)]
    if len(bare):
        ids = ", ".join(str(i) for i in evidence.train.ids[bare[:NAMED]]) + (", ..." if len(bare) > NAMED else "")
        raise DataError(
            f"the population does not cover {len(bare)} of {len(rows)} training examples (ids {ids}): {FEWEST_EACH} models that "
            f"saw each and {FEWEST_EACH} that did not are needed"
        )
    if not all(np.isfinite(row[asked_rows]).all() for row in outputs):
        raise NotFinite("outputs of the population hold NaN or infinite values: leave out the models that gave them")


def _checked(name: str, values: Array, rows: int, asked: int) -> Array:
    values = np.asarray(values, dtype=np.float32)
    if values.ndim != 3 or values.shape[:2] != (rows, asked):
        raise BrokenPromise(f"{name} gave values of shape {values.shape}: ({rows}, {asked}, classes) are needed")
    if not np.isfinite(values).all():
        raise NotFinite(f"{name} gave values that are NaN or infinite: raise its damping, or check the models")
    return values
