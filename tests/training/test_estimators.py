"""scikit-learn's estimators as models and back: predictions, and the learner that they approximate."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, LogisticRegressionCV, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import untrain as ut
from untrain.core.errors import DataError, ModelError
from untrain.models.tasks.regression import Regression
from untrain.training.estimators import from_estimator, to_estimator
from untrain.training.learners.convex import Convex, weights_of

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(150, 5))
Y = X @ np.array([1.0, -2.0, 0.5, 0.0, 0.0]) + 1 + DRAW.normal(size=150)
TWO = np.where(Y > 0, "yes", "no")
THREE = np.digitize(Y, [-1.0, 2.0]) * 10
EXACT = {
    "logistic": (LogisticRegression(C=0.7, tol=1e-12, max_iter=5000), TWO),
    "multinomial": (LogisticRegression(C=0.7, tol=1e-12, max_iter=5000, solver="newton-cg"), THREE),
    "no intercept": (LogisticRegression(C=0.7, tol=1e-12, fit_intercept=False, max_iter=5000), TWO),
    "elastic logistic": (LogisticRegression(C=0.1, l1_ratio=0.4, solver="saga", tol=1e-12, max_iter=100_000), TWO),
    "liblinear": (LogisticRegression(C=0.7, solver="liblinear", tol=1e-12, max_iter=5000), TWO),
    "ridge": (Ridge(alpha=3.0, solver="cholesky"), Y),
    "lasso": (Lasso(alpha=0.1, tol=1e-12, max_iter=100_000), Y),
    "elastic net": (ElasticNet(alpha=0.1, l1_ratio=0.3, tol=1e-12, max_iter=100_000), Y),
    "svc": (LinearSVC(C=0.5, dual=False, tol=1e-12, max_iter=100_000), TWO),
    "svc, absolute": (LinearSVC(C=0.5, penalty="l1", dual=False, tol=1e-7, max_iter=100_000), TWO),
}
NOT_EXACT = {
    "hinge": (LinearSVC(C=0.5, loss="hinge", max_iter=100_000), TWO, "has a kink at the margin"),
    "scaled intercept": (LinearSVC(intercept_scaling=2.0), TWO, "intercept_scaling is not 1"),
    "one against the rest": (LinearSVC(), THREE, "each one against the rest, which are 3 objectives"),
    "sgd hinge": (SGDClassifier(random_state=0), TWO, "of its loss 'hinge' there is no exact learner"),
    "sgd, three classes": (SGDClassifier(loss="log_loss", random_state=0), THREE, "each one against the rest"),
    "weights of classes": (LogisticRegression(class_weight="balanced"), TWO, "class_weight gives examples different weights"),
    "positive": (Lasso(positive=True), Y, "positive=True"),
    "two numbers": (Ridge(), np.column_stack([Y, -Y]), "it predicts 2 numbers"),
    "two penalties": (Ridge(alpha=[1.0]), Y[:, None], "an alpha for each target"),
}


def same(one, other, x=X):
    for name in ("predict", "decision_function", "predict_proba", "predict_log_proba"):
        if hasattr(one, name):
            mine, theirs = getattr(one, name)(x), getattr(other, name)(x)
            if mine.dtype.kind == "f":
                np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)
            else:
                assert (mine == theirs).all()


@pytest.mark.parametrize("name", EXACT)
def test_the_learner_finds_what_the_estimator_approximates(name):
    estimator, y = EXACT[name]
    fitted = clone(estimator).fit(X, y)
    made = from_estimator(fitted, tuned=False)
    assert made.exact.tuned is False
    examples = made.examples(X, y)
    exact = to_estimator(made.exact(examples), made.estimator)
    np.testing.assert_allclose(exact.coef_, fitted.coef_, atol=2e-5)
    np.testing.assert_allclose(exact.intercept_, fitted.intercept_, atol=2e-5)
    # Its own optimum has the smaller gradient.
    objective, intercept = made.exact.objective(examples), made.exact.bias != "none"
    ours, theirs = (np.linalg.norm(objective.at(weights_of(m, intercept)).slope) for m in (made.exact(examples), made.model))
    assert ours < 1e-10
    assert ours <= theirs + 1e-13


@pytest.mark.parametrize("name", [*EXACT, *NOT_EXACT])
def test_what_goes_in_and_comes_out_predicts_the_same(name):
    estimator, y = (EXACT | {key: value[:2] for key, value in NOT_EXACT.items()})[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = clone(estimator).fit(X, y)
    made = from_estimator(fitted)
    same(to_estimator(made.model, fitted), fitted)
    assert type(to_estimator(made.model, fitted)) is type(fitted)
    if made.classes is not None and np.ndim(fitted.decision_function(X)) == 2:
        logits = made.model(made.examples(X, y).x).detach().numpy()
        np.testing.assert_allclose(logits, fitted.decision_function(X), atol=1e-12)
    elif made.classes is not None:
        logits = made.model(made.examples(X, y).x).detach().numpy()
        np.testing.assert_allclose(logits[:, 1] - logits[:, 0], fitted.decision_function(X), atol=1e-12)


@pytest.mark.parametrize("name", NOT_EXACT)
def test_what_has_no_exact_learner_says_why(name):
    estimator, y, says = NOT_EXACT[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = from_estimator(clone(estimator).fit(X, y))
    assert made.learner is None
    with pytest.raises(ModelError, match=says):
        made.exact  # noqa: B018


def test_probabilities_are_the_softmax_of_the_models_logits():
    for y in (TWO, THREE):
        fitted = LogisticRegression().fit(X, y)
        made = from_estimator(fitted)
        logits = made.model(made.examples(X, y).x)
        np.testing.assert_allclose(logits.softmax(1).detach().numpy(), fitted.predict_proba(X), atol=1e-12)


def test_a_pipeline_keeps_its_steps_and_forgets_in_its_last():
    data = X * np.array([1, 10, 100, 1, 1]) + 5
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=2.0)).fit(data, TWO)
    made = from_estimator(fitted, tuned=False)
    same(to_estimator(made.model, fitted), fitted, data)
    examples = made.examples(data, TWO)
    model = made.exact(examples)
    posed = ut.problem(examples, list(range(10)), made.exact)
    forgot = to_estimator(ut.Retrain()(model, posed), fitted)
    assert isinstance(forgot, Pipeline)
    scaled = fitted[0].transform(data)[10:]
    wanted = LogisticRegression(C=2.0, tol=1e-12, max_iter=1000).fit(scaled, TWO[10:])
    np.testing.assert_allclose(forgot[-1].coef_, wanted.coef_, atol=1e-6)
    assert not np.shares_memory(forgot[0].mean_, fitted[0].mean_)


def test_sparse_inputs_of_a_pipeline_stay_sparse():
    matrix = sparse.csr_array(X * (np.abs(X) > 1))
    made = from_estimator(LogisticRegression().fit(matrix, TWO))
    examples = made.examples(matrix, TWO)
    assert type(examples.x).__name__ == "Sparse"
    assert np.linalg.norm(made.exact.objective(examples).at(weights_of(made.exact(examples), True)).slope) < 1e-10


def test_averages_that_sgd_would_go_on_from_hold_nothing_of_the_old_weights():
    fitted = SGDClassifier(loss="log_loss", average=True, random_state=0).fit(X, TWO)
    made = from_estimator(fitted)
    exact = to_estimator(made.exact(made.examples(X, TWO)), fitted)
    for name in ("coef_", "_standard_coef", "_average_coef"):
        np.testing.assert_array_equal(np.ravel(getattr(exact, name)), exact.coef_[0])
    for name in ("intercept_", "_standard_intercept", "_average_intercept"):
        np.testing.assert_array_equal(np.ravel(getattr(exact, name)), exact.intercept_)
    exact.partial_fit(X[:10], TWO[:10])


def test_models_of_untrain_become_fitted_estimators():
    learner = Convex(form="sum", l2=2.0)
    examples = from_estimator(LogisticRegression().fit(X, TWO)).examples(X, TWO)
    made = to_estimator(learner(examples), LogisticRegression(C=0.5), classes=["no", "yes"])
    same(made, LogisticRegression(C=0.5, tol=1e-14, solver="newton-cholesky").fit(X, TWO))
    numbers = from_estimator(Ridge().fit(X, Y)).examples(X, Y)
    line = to_estimator(Convex(loss="squared", form="sum", l2=1.0, task=Regression())(numbers), Ridge())
    same(line, Ridge(solver="cholesky").fit(X, Y))
    three = Convex()(from_estimator(LogisticRegression().fit(X, THREE)).examples(X, THREE))
    assert to_estimator(three, LinearSVC()).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: from_estimator(LogisticRegression()), "is not fitted"),
        (lambda: from_estimator(RandomForestClassifier().fit(X, TWO)), "not one of the linear estimators"),
        (
            lambda: from_estimator(GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}).fit(X, Y)),
            "take best_estimator_ and leave tuned=True",
        ),
        (lambda: to_estimator(from_estimator(Ridge().fit(X, Y)).model, make_pipeline(StandardScaler(), Ridge())), "is not fitted"),
        (lambda: to_estimator(from_estimator(Ridge().fit(X, Y)).model, Ridge().fit(X[:, :2], Y)), "give one of the same shape"),
        (lambda: to_estimator(from_estimator(LogisticRegression().fit(X, TWO)).model, Ridge()), "predicts numbers"),
        (lambda: to_estimator(from_estimator(LogisticRegression().fit(X, TWO)).model, LinearSVC(), ["a"]), "1 labels were given"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ModelError, match=says):
        make()


def test_a_subclass_is_not_taken_for_its_parent():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        searched = LogisticRegressionCV(Cs=2, cv=2, use_legacy_attributes=False).fit(X, TWO)
    with pytest.raises(ModelError, match="LogisticRegressionCV is not one of"):
        from_estimator(searched)


def test_labels_that_the_estimator_does_not_know_are_refused():
    with pytest.raises(DataError, match="'maybe' is not among those of the estimator"):
        from_estimator(LogisticRegression().fit(X, TWO)).examples(X[:1], ["maybe"])
