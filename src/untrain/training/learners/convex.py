"""Linear models at the optimum of a convex objective, to the digits that float64 has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import DataError, ModelError, RunFailed, SpecError
from untrain.core.fields import NonNegative, Positive
from untrain.core.metering import leave_uncounted
from untrain.data.examples import Examples
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import MANY, NONE, Optimum, optimum
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import LinearLoss
from untrain.models.binary_linear import BinaryLinear
from untrain.models.compatibility import check_fit
from untrain.models.convex_model import ConvexModel
from untrain.models.linear import LinearModel
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner
from untrain.training.convex_rows import rows_of
from untrain.training.gradients import put
from untrain.training.keepers.base import Keeper, epoch_ended

Array = np.ndarray[Any, Any]
CLASSES = ("logistic", "squared_hinge")  # losses of classes; the others are of numbers


class Convex(Learner):
    """Minimise ``mean of losses + l2 / 2 * |w|^2 + l1 * |w|_1`` over linear models; with ``form='sum'`` the sum of losses.

    The loss is a function of the score ``f = w x + b``, y is +1 for the second of two classes and -1 for the first:

    - 'logistic': ``log(1 + exp(-y f))``; of more classes the cross-entropy of the softmax of one score each, where biases, and
      weights without a penalty, add up to 0 over the classes;
    - 'squared_hinge': ``max(0, 1 - y f)^2``, of two classes;
    - 'squared': ``r^2 / 2`` with ``r = (f - y) / scale``, the scale being that of ``Regression``;
    - 'huber': ``r^2 / 2`` up to the threshold, and ``threshold * (|r| - threshold / 2)`` beyond it.

    There is one optimum, so every seed gives the same model, and retraining without the forget set gives the exact answer that
    unlearning is to reach. It is found in float64 by Newton's method, and the gradient of the objective itself decides whether
    it is one; what is none is refused. A mean has penalties that shrink with the data, each row carrying its share; a sum has the
    same ones however many rows are left. Inputs are flattened, and are as the task shows them: uint8 images scaled to [0, 1].

    >>> from untrain.models.tasks.regression import Regression
    >>> line = Examples({"x": torch.tensor([[1.0], [2.0]]), "y": torch.tensor([5.0, 7.0])}, np.arange(2))
    >>> model = Convex(loss="squared", l2=0.0, task=Regression())(line)  # y = 2 x + 3
    >>> round(model.linear.weight.item(), 9), round(model.linear.bias.item(), 9)
    (2.0, 3.0)

    Args:
        loss: of one example.
        l2: weight of the squared penalty.
        l1: weight of the absolute penalty: with 'squared' the lasso, with l2 the elastic net.
        form: whether losses are averaged or added up.
        bias: without penalties ('free'), with those of the weights ('penalised'), or left at 0 ('none').
        threshold: of 'huber', in units of the scale.
        tuned: whether the other fields were chosen by looking at the data. Only with False can a certificate be given: where
            the data decide them, so do the examples that are to be forgotten.
        tolerance: largest length of the objective's gradient at an optimum; with l1, of its shortest subgradient.
        task: task of the models: classes for 'logistic' and 'squared_hinge', numbers for the others.
        keepers: what is saved in training for unlearners that need it, such as ``HessianFactor()``.

    Source: Suriyakumar and Wilson 2022, arXiv 2209.12269 (mean); Warnecke et al. 2023, arXiv 2108.11577 (sum); Huber 1964.
    """

    loss: Literal["logistic", "squared_hinge", "squared", "huber"] = "logistic"
    l2: NonNegative = 1e-3
    l1: NonNegative = 0.0
    form: Literal["mean", "sum"] = "mean"
    bias: Literal["free", "penalised", "none"] = "free"
    threshold: Positive = 1.35
    tuned: bool = True
    tolerance: Positive = 1e-10
    task: Task = Classification()
    keepers: tuple[Keeper, ...] = ()

    @property
    def deterministic(self) -> bool:
        """True: the objective has one optimum."""
        return True

    @property
    def counted(self) -> bool:
        """False: the work is done by NumPy."""
        return False

    def init(self, examples: Examples, seed: int) -> nn.Module:
        """The model with all weights 0."""
        return self.blank(math.prod(self.task.input_shape(examples)), self.task.outputs_needed(examples)).to(examples.x.device)

    def blank(self, inputs: int, outputs: int) -> LinearModel | BinaryLinear:
        """A model of all weights 0 for so many inputs and outputs; a bias that stays 0 is frozen."""
        model = BinaryLinear(inputs) if self.loss in CLASSES and outputs == 2 else LinearModel(inputs, outputs)
        model.line.bias.requires_grad_(self.bias != "none")
        return model

    def learn(self, examples: Examples, seed: int) -> nn.Module:
        """The model at the optimum.

        Raises:
            SpecError: the loss is not one for this task or so many classes.
            DataError: a class has no example, numbers are not finite, or no single optimum exists.
            RunFailed: the optimum was not reached to the tolerance.
        """
        return self.at_optimum(examples, lambda objective: objective)

    def at_optimum(self, examples: Examples, tilt: Callable[[ConvexObjective], ConvexObjective]) -> nn.Module:
        """The model at the optimum of what ``tilt`` makes of the objective; raises what ``learn`` does."""
        model = self.init(examples, 0)
        check_fit(model.eval(), self.task.resolve(examples), examples)
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        objective = tilt(self.objective(examples))
        model = self.filled(model, objective, self.reached(objective)).eval()
        epoch_ended(model, 1, 1)
        return model

    def without_keepers(self) -> Convex:
        """The same objective, of which nothing is saved: what decides the model."""
        return replace(self, keepers=())

    def objective(self, examples: Examples) -> ConvexObjective:
        """The objective on these examples."""
        self.check_loss(examples)
        return self.objective_of(rows_of(examples, self.task.resolve(examples), self.bias != "none"), examples)

    def objective_of(self, rows: DesignMatrix, examples: Examples) -> ConvexObjective:
        """The objective on given inputs and the examples' targets."""
        classes = self.task.outputs_needed(examples)
        y = examples.y[:].cpu().numpy()
        name = "multinomial" if self.loss == "logistic" and classes > 2 else self.loss
        loss = LinearLoss(name, getattr(self.task, "scale", 1.0), self.threshold if self.loss == "huber" else math.inf)
        targets = (2.0 * y - 1) if loss.signed else y if name == "multinomial" else y.astype(np.float64)
        outputs = classes if name == "multinomial" else 1
        return ConvexObjective(rows, targets, loss, outputs, self.l2, self.l1, self.form == "mean", self.bias == "penalised")

    def check_loss(self, examples: Examples) -> None:
        """Refuse data for which the loss is not made.

        Raises:
            SpecError: the loss is not one for this task or so many classes.
            DataError: a class has no example, so that its free bias has no optimum.
        """
        task = self.task.resolve(examples)
        if ("classes" in task.signals) != (self.loss in CLASSES):
            raise SpecError(
                f"loss={self.loss!r} does not fit {type(task).__name__}: classes take one of {', '.join(CLASSES)}, and numbers, "
                "with task=Regression(), squared or huber"
            )
        task.check_examples(examples)
        classes = task.outputs_needed(examples)
        if self.loss not in CLASSES:
            return
        if self.loss == "squared_hinge" and classes > 2:
            raise SpecError(f"'squared_hinge' is a loss of labels -1 and +1, and there are {classes} classes: take 'logistic'")
        lacking = np.setdiff1d(np.arange(classes), examples.y[:].cpu().numpy())
        if len(lacking) and self.bias == "free":
            raise DataError(f"there is no example of class {lacking[0]}: without one its bias has no optimum")

    def reached(self, objective: ConvexObjective) -> Optimum:
        """The optimum.

        Raises:
            DataError: no single one exists.
            RunFailed: it was not reached.
        """
        found = optimum(objective, self.tolerance)
        if found.failure in (NONE, MANY):
            raise DataError(f"{self!r} has no optimum on these {objective.rows.rows} examples: {found.failure}")
        if found.failure:
            raise RunFailed(
                f"{self!r} did not reach its optimum: {found.failure}; tolerance is {self.tolerance:g}: standardise the inputs, "
                "take form='mean', or raise the tolerance"
            )
        return found

    def filled(self, model: nn.Module, objective: ConvexObjective, at: Optimum) -> nn.Module:
        """A model with the weights of an optimum."""
        put(model, placed(model, objective, at.weights), None)
        return model


def weights_of(model: nn.Module, intercept: bool) -> Array:
    """Weights of a linear model as an objective has them, flat, the intercept last in each score."""
    line = line_of(model)
    parts = (line.weight, line.bias[:, None]) if intercept else (line.weight,)
    return np.asarray(torch.cat(parts, dim=1).detach().cpu().numpy().ravel())


def weights_for(learner: Convex, model: nn.Module, objective: ConvexObjective) -> Array:
    """Weights of a model of the learner, as an objective of it has them, flat.

    Raises:
        ModelError: the model has another number of weights.
    """
    weights = weights_of(model, objective.rows.intercept)
    if len(weights) != objective.size:
        raise ModelError(f"the model has {len(weights)} weights, and the objective of {learner!r} has {objective.size}")
    return weights


def placed(model: nn.Module, objective: ConvexObjective, weights: Array) -> dict[str, Tensor]:
    """Flat weights of an objective as values of a linear model's parameters, by name; without intercepts biases are 0."""
    line, folded = line_of(model), torch.as_tensor(objective.folded(weights))
    columns = objective.rows.columns
    bias = folded[:, columns] if objective.rows.intercept else torch.zeros_like(line.bias)
    values = {id(line.weight): folded[:, :columns], id(line.bias): bias}
    return {name: values[id(p)] for name, p in model.named_parameters()}


def line_of(model: nn.Module) -> nn.Linear:
    """The linear layer of a model that a convex learner made.

    Raises:
        SpecError: it is of another kind.
    """
    if not isinstance(model, ConvexModel):
        raise SpecError(f"{type(model).__name__} is not a linear model, as Convex makes")
    return model.line
