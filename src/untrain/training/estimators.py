"""Fitted linear estimators of scikit-learn as models, and models as fitted estimators again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted
from torch import nn

from untrain.core.errors import DataError, ModelError
from untrain.data.examples import Examples
from untrain.data.sparse import matrix_examples
from untrain.models.binary_linear import BinaryLinear
from untrain.models.linear import LinearModel
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.regression import Regression
from untrain.training.learners.convex import Convex, line_of

Array = np.ndarray[Any, Any]
AVERAGES = ("standard", "average")  # of SGDClassifier: weights that it goes on from, which remember the old ones


@dataclass(frozen=True, eq=False)
class Estimated:
    """A fitted estimator as a model.

    Args:
        model: with the estimator's weights; of two classes with one score, its decision function.
        learner: finds the optimum of what the estimator approximates; None where there is no exact learner of it.
        obstacle: why there is none; empty where there is one.
        classes: what the model's classes are called by the estimator, (c,); None where targets are numbers.
        estimator: a copy of the fitted estimator, with the steps of a pipeline before it.
    """

    model: LinearModel | BinaryLinear
    learner: Convex | None
    obstacle: str
    classes: Array | None
    estimator: Any

    @property
    def exact(self) -> Convex:
        """The learner.

        Raises:
            ModelError: there is none.
        """
        if self.learner is None:
            raise ModelError(f"there is no exact learner of {self.estimator!r}: {self.obstacle}")
        return self.learner

    def examples(self, x: Any, y: Any, ids: Any = None) -> Examples:
        """Examples as the model is shown them: inputs after the steps of the pipeline, targets as numbers of classes.

        What the steps learned from their data, such as means, stays in them, whatever is unlearned behind them.

        Args:
            x: what the estimator takes, (n, ...); where the last step gets sparse rows they stay sparse.
            y: labels among ``classes``, or numbers, (n,).
            ids: one per row; rows are numbered from 0 when there are none.

        Raises:
            DataError: a label is not among the classes, or numbers of rows differ.
        """
        inputs = self.estimator[:-1].transform(x) if isinstance(self.estimator, Pipeline) and len(self.estimator) > 1 else x
        if self.classes is None:
            return matrix_examples(inputs, np.asarray(y, dtype=np.float64), ids, ())
        place = {label: at for at, label in enumerate(self.classes.tolist())}
        labels = np.asarray(y).tolist()
        strange = [label for label in labels if label not in place]
        if strange:
            raise DataError(f"the label {strange[0]!r} is not among those of the estimator, {self.classes.tolist()}")
        return matrix_examples(inputs, np.array([place[label] for label in labels]), ids, tuple(map(str, self.classes.tolist())))


def from_estimator(estimator: Any, tuned: bool = True) -> Estimated:
    """A fitted estimator of scikit-learn, or a pipeline that ends in one, as a model with the learner that it approximates.

    Whether it was fitted with weights of samples, an estimator does not keep: its learner gives each the same weight.

    >>> fitted = Ridge(alpha=2.0).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    >>> made = from_estimator(fitted, tuned=False)
    >>> made.learner.loss, made.learner.l2, made.learner.form
    ('squared', 2.0, 'sum')
    >>> float(abs(to_estimator(made.model, made.estimator).predict([[7.0]]) - fitted.predict([[7.0]]))[0])
    0.0

    Args:
        estimator: LogisticRegression, Ridge, Lasso, ElasticNet, LinearSVC or SGDClassifier, fitted.
        tuned: whether its parameters were chosen by looking at the data, as a search over them does.

    Raises:
        ModelError: it is of another class, or not fitted.
    """
    last = _last(estimator)
    coef, bias = _weights(last)
    classes = np.asarray(last.classes_) if hasattr(last, "classes_") else None
    two = classes is not None and len(classes) == 2
    model = BinaryLinear(coef.shape[1]) if two else LinearModel(coef.shape[1], len(coef))
    model.fill(coef, bias)
    obstacle = _common_obstacle(last, classes, coef)
    made = obstacle or KINDS[type(last)](last, tuned)
    if isinstance(made, str):
        return Estimated(model.eval(), None, made, classes, deepcopy(estimator))
    model.line.bias.requires_grad_(made.bias != "none")
    return Estimated(model.eval(), made, "", classes, deepcopy(estimator))


def to_estimator(model: nn.Module, like: Any, classes: Sequence[Any] | None = None) -> Any:
    """A fitted estimator with the weights of a linear model; its predictions are the model's.

    Args:
        model: as ``Convex`` or ``from_estimator`` make it.
        like: an estimator, or a pipeline that ends in one, of which it is a copy but for the weights. It may be unfitted, and
            then has no pipeline.
        classes: labels of the model's classes; None takes those of ``like``, or numbers from 0 where it has none.

    Raises:
        ModelError: the model does not have the shape of the estimator, or that is of a class that is not known.
    """
    weight, bias = (p.detach().cpu().numpy().astype(np.float64) for p in line_of(model).parameters())
    last = like.steps[-1][1] if isinstance(like, Pipeline) else like
    if not hasattr(last, "coef_"):
        if isinstance(like, Pipeline):
            raise ModelError("the pipeline is not fitted, and a model knows nothing of its steps: give a fitted one")
        return _fitted(like, model, weight, bias, classes)
    _last(like)
    made = deepcopy(like)
    last = made.steps[-1][1] if isinstance(made, Pipeline) else made
    if weight.shape != np.atleast_2d(last.coef_).shape:
        raise ModelError(f"the model has weights {weight.shape}, and the estimator {last.coef_.shape}: give one of the same shape")
    _check_kind(last, model, weight, classes, several=len(weight) > 1)
    if classes is not None:
        last.classes_ = np.asarray(classes)
    last.coef_ = weight.reshape(last.coef_.shape)
    last.intercept_ = bias.reshape(np.shape(last.intercept_)) if np.ndim(last.intercept_) else float(bias[0])
    for name, value in ((f"_{kind}_{part}", value) for kind in AVERAGES for part, value in (("coef", weight), ("intercept", bias))):
        if getattr(last, name, None) is not None:
            setattr(last, name, value.reshape(np.shape(getattr(last, name))).copy())
    return made


def _fitted(like: Any, model: nn.Module, weight: Array, bias: Array, classes: Sequence[Any] | None) -> Any:
    """An unfitted estimator with weights."""
    _check_known(like)
    made = clone(like)
    made.n_features_in_, made.n_iter_ = weight.shape[1], 0
    _check_kind(made, model, weight, classes, several=False)
    if isinstance(made, CLASSIFIERS):
        made.classes_ = np.arange(_count(model, weight)) if classes is None else np.asarray(classes)
        made.coef_, made.intercept_ = weight, bias
    else:
        made.coef_, made.intercept_ = weight[0], float(bias[0])
    return made


def _count(model: nn.Module, weight: Array) -> int:
    """Number of classes of a model; 1 of one that predicts a number."""
    return 2 if isinstance(model, BinaryLinear) else len(weight)


def _check_kind(estimator: Any, model: nn.Module, weight: Array, classes: Sequence[Any] | None, several: bool) -> None:
    """Refuse a classifier for a model of numbers, an estimator of numbers for one of classes, and labels of another number.

    Args:
        estimator: the linear one itself.
        model: a linear model.
        weight: its weights, (k, d).
        classes: labels that were given.
        several: whether an estimator of numbers may have several.
    """
    name, count = type(estimator).__name__, _count(model, weight)
    if not isinstance(estimator, CLASSIFIERS):
        if isinstance(model, BinaryLinear) or (count > 1 and not several):
            raise ModelError(f"{name} predicts numbers, and the model has classes: give LogisticRegression or LinearSVC")
        return
    if count == 1:
        raise ModelError(f"{name} predicts classes, and the model a number: give Ridge, Lasso or ElasticNet")
    if classes is not None and len(classes) != count:
        raise ModelError(f"the model has {count} classes, and {len(classes)} labels were given")


def _last(estimator: Any) -> Any:
    """The fitted linear estimator itself.

    Raises:
        ModelError: it is of another class, or not fitted.
    """
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    _check_known(last)
    try:
        check_is_fitted(last, "coef_")
    except NotFittedError:
        raise ModelError(f"{type(last).__name__} is not fitted: call its fit first") from None
    return last


def _check_known(estimator: Any) -> None:
    if type(estimator) not in KINDS:
        names = ", ".join(kind.__name__ for kind in KINDS)
        hint = "; of a search, take best_estimator_ and leave tuned=True" if hasattr(estimator, "best_estimator_") else ""
        raise ModelError(f"{type(estimator).__name__} is not one of the linear estimators {names}{hint}")


def _weights(last: Any) -> tuple[Array, Array]:
    """Weights (k, d) and biases (k,)."""
    coef = last.coef_.toarray() if sparse.issparse(last.coef_) else np.asarray(last.coef_)
    coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
    return coef, np.broadcast_to(np.asarray(last.intercept_, dtype=np.float64), (len(coef),)).copy()


def _common_obstacle(last: Any, classes: Array | None, coef: Array) -> str:
    if getattr(last, "class_weight", None) is not None:
        return "its class_weight gives examples different weights"
    if getattr(last, "positive", False):
        return "positive=True confines weights to positive ones"
    if classes is None and len(coef) > 1:
        return f"it predicts {len(coef)} numbers, and Regression one"
    if classes is not None and len(classes) > 2 and not isinstance(last, LogisticRegression):
        return f"of {len(classes)} classes it sets each one against the rest, which are {len(classes)} objectives"
    return ""


def _logistic(last: LogisticRegression, tuned: bool) -> Convex | str:
    ratio = {"l2": 0.0, "l1": 1.0}.get(str(last.penalty), float(getattr(last, "l1_ratio", 0.0) or 0.0))
    strength = 0.0 if last.penalty is None else 1 / last.C
    if last.solver != "liblinear":
        return _made("logistic", strength, ratio, "sum", "free" if last.fit_intercept else "none", tuned)
    if len(last.classes_) > 2:
        return "liblinear sets each class against the rest"
    return _made("logistic", strength, ratio, "sum", _bias(last), tuned)


def _svc(last: LinearSVC, tuned: bool) -> Convex | str:
    if last.multi_class != "ovr":
        return f"multi_class={last.multi_class!r} has an objective of its own"
    if last.loss != "squared_hinge":
        return "its loss 'hinge' has a kink at the margin, where no gradient shows an optimum: fit it with loss='squared_hinge'"
    return _made("squared_hinge", 1 / last.C, float(last.penalty == "l1"), "sum", _bias(last), tuned)


def _sgd(last: SGDClassifier, tuned: bool) -> Convex | str:
    losses = {"log_loss": "logistic", "squared_hinge": "squared_hinge"}
    if last.loss not in losses:
        return f"of its loss {last.loss!r} there is no exact learner: fit it with one of {', '.join(losses)}"
    ratio = {"l2": 0.0, "l1": 1.0, "elasticnet": last.l1_ratio}.get(last.penalty, 0.0)
    strength = 0.0 if last.penalty is None else last.alpha
    return _made(losses[last.loss], strength, ratio, "mean", "free" if last.fit_intercept else "none", tuned)


def _regression(ratio: Callable[[Any], float], form: str) -> Callable[[Any, bool], Convex | str]:
    def made(last: Any, tuned: bool) -> Convex | str:
        if np.ndim(last.alpha):
            return "it has an alpha for each target"
        return _made("squared", float(last.alpha), ratio(last), form, "free" if last.fit_intercept else "none", tuned)

    return made


def _bias(last: Any) -> str:
    """The bias of liblinear, whose intercept is a weight like others; empty where it is scaled."""
    if not last.fit_intercept:
        return "none"
    return "penalised" if last.intercept_scaling == 1 else ""


def _made(loss: Any, strength: float, ratio: float, form: Any, bias: Any, tuned: bool) -> Convex | str:
    if not bias:
        return "its intercept_scaling is not 1, so that the intercept has a penalty of its own"
    task = Regression() if loss == "squared" else Classification()
    return Convex(loss=loss, l2=strength * (1 - ratio), l1=strength * ratio, form=form, bias=bias, tuned=tuned, task=task)


CLASSIFIERS = (LogisticRegression, LinearSVC, SGDClassifier)
KINDS: dict[type, Callable[[Any, bool], Convex | str]] = {
    LogisticRegression: _logistic,
    Ridge: _regression(lambda last: 0.0, "sum"),
    Lasso: _regression(lambda last: 1.0, "mean"),
    ElasticNet: _regression(lambda last: float(last.l1_ratio), "mean"),
    LinearSVC: _svc,
    SGDClassifier: _sgd,
}
