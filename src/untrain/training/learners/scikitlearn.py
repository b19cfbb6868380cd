"""Linear models by scikit-learn: one optimum, whatever the seed."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

from untrain.core.errors import DataError, RunFailed, SpecError
from untrain.core.fields import Positive
from untrain.core.metering import leave_uncounted
from untrain.data.examples import Examples, batch_of
from untrain.models.compatibility import check_fit
from untrain.models.linear import LinearModel
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner

Array = np.ndarray[Any, Any]
MOST = 10_000  # iterations, which no well-posed problem needs


class ScikitLearn(Learner):
    """Minimise ``sum of losses + penalty / 2 * |weights|^2`` over linear models; biases are not penalised.

    The loss is the task's: cross-entropy for 'LogisticRegression', squared error for 'Ridge'. Each class has a vector of
    weights, with two classes as well, where the two add up to 0; biases of classes, which matter up to a constant, add up to 0.
    There is one optimum, so every seed gives the same model, and retraining without the forget set gives the exact answer that
    unlearning is to reach. Inputs are flattened, and are as the task shows them: uint8 images scaled to [0, 1].

    Args:
        estimator: whose optimum it is.
        penalty: weight of the squared length of the weights: 1 / C of scikit-learn's classifiers, with two classes 2 / C, as theirs
            has one vector; alpha of its Ridge at scale 1.
        tolerance: largest entry of the gradient at which 'LogisticRegression' stops.
        task: task of the models: classes for 'LogisticRegression', numbers for 'Ridge'.

    Source: Pedregosa et al. 2011, scikit-learn; Hoerl and Kennard 1970 (ridge).
    """

    estimator: Literal["LogisticRegression", "Ridge"] = "LogisticRegression"
    penalty: Positive = 1.0
    tolerance: Positive = 1e-10
    task: Task = Classification()

    @property
    def deterministic(self) -> bool:
        """True: the loss has one optimum."""
        return True

    @property
    def counted(self) -> bool:
        """False: scikit-learn does the work."""
        return False

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model with all weights 0."""
        return self._zero(examples)

    def _zero(self, examples: Examples) -> LinearModel:
        model = LinearModel(math.prod(self.task.input_shape(examples)), self.task.outputs_needed(examples))
        return model.to(examples.x.device)

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The optimum.

        Raises:
            SpecError: the estimator is not one for this task.
            DataError: a class has no example, so its bias has no optimum.
            RunFailed: the optimum was not reached.
        """
        task, model = self.task.resolve(examples), self._zero(examples).eval()
        if ("classes" in task.signals) != (self.estimator == "LogisticRegression"):
            raise SpecError(f"{self.estimator} does not fit {type(task).__name__}: take the other of LogisticRegression and Ridge")
        check_fit(model, task, examples)
        leave_uncounted("operations of scikit-learn are not counted, its seconds are")
        batch = batch_of(examples, np.arange(len(examples)))
        x = task.inputs(batch).flatten(1).double().cpu().numpy()
        y = batch.y.cpu().numpy()
        made = self._classifier(x, y, task.outputs_needed(examples)) if self.estimator == "LogisticRegression" else None
        weight, bias = self._line(x, y, getattr(task, "scale", 1.0)) if made is None else made
        model.fill(weight, bias)
        return model.eval()

    def _classifier(self, x: Array, y: Array, classes: int) -> tuple[Array, Array]:
        lacking = np.setdiff1d(np.arange(classes), y)
        if len(lacking):
            raise DataError(f"there is no example of class {lacking[0]}: without one its bias has no optimum")
        # Two classes are told apart by one vector w, which scikit-learn fits; as (-w/2, w/2) it costs half as much.
        strength = self.penalty if classes > 2 else self.penalty / 2
        estimator = LogisticRegression(C=1 / strength, solver="newton-cg", tol=self.tolerance, max_iter=MOST)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                estimator.fit(x, y)
            except ConvergenceWarning:
                raise RunFailed(f"the optimum was not reached: raise penalty={self.penalty} or tolerance") from None
        if classes > 2:
            return estimator.coef_, estimator.intercept_
        weight, bias = estimator.coef_[0] / 2, estimator.intercept_[0] / 2
        return np.stack([-weight, weight]), np.array([-bias, bias])

    def _line(self, x: Array, y: Array, scale: float) -> tuple[Array, Array]:
        estimator = Ridge(alpha=self.penalty * scale**2, solver="cholesky").fit(x, y.astype(np.float64))
        return estimator.coef_[None], np.atleast_1d(estimator.intercept_)
