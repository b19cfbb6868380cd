"""Convex learners: one optimum, found by scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from untrain.core.errors import DataError, ModelError, RunFailed, SpecError
from untrain.core.spec import parse
from untrain.data.examples import Examples, batch_of, take
from untrain.experiments.scenarios.diabetes import Diabetes
from untrain.experiments.scenarios.digits import Digits
from untrain.models.inference import predict
from untrain.models.tasks.regression import Regression
from untrain.training.learners import scikitlearn
from untrain.training.learners.scikitlearn import ScikitLearn
from untrain.training.problem import problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.retrain import Retrain


def weights(model) -> tuple[np.ndarray, np.ndarray]:
    return model.linear.weight.detach().numpy(), model.linear.bias.detach().numpy()


def two_classes(n: int = 40) -> Examples:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, generator=draw)
    y = (x[:, 0] + torch.randn(n, generator=draw) > 0).long()
    return Examples.labelled(x, y, np.arange(n), 2)


def test_retraining_gives_scikit_learns_fit_on_the_retain_set():
    train, learner = Digits().load().train, ScikitLearn()
    posed = problem(train, train.ids[:100].tolist(), learner)
    forgot = Retrain()(learner(train, 0), posed)
    keep = take(train, np.arange(100, len(train)))
    # Another solver of theirs, by Newton's method with exact steps.
    x = keep.x.flatten(1).double().numpy()
    fit = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=100).fit(x, keep.y.numpy())
    for ours, theirs in zip(weights(forgot), (fit.coef_, fit.intercept_), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)


def test_two_classes_are_at_the_least_of_the_loss_over_both_vectors():
    examples = two_classes()
    model = ScikitLearn(penalty=0.5)(examples, 0)
    x, y = examples.x.double().numpy(), examples.y.numpy()

    def loss(flat):
        w = flat.reshape(2, 4)
        logits = x @ w[:, :3].T + w[:, 3]
        return (np.logaddexp(*logits.T) - logits[np.arange(len(y)), y]).sum() + 0.25 * (w[:, :3] ** 2).sum()

    best = minimize(loss, np.zeros(8), tol=1e-12).x.reshape(2, 4)
    weight, bias = weights(model)
    np.testing.assert_allclose(np.column_stack([weight, bias]), best, atol=1e-5)
    logits = predict(model, examples, ScikitLearn().task)["logits"]
    np.testing.assert_allclose(logits, x @ best[:, :3].T + best[:, 3], atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_of_the_documented_loss_is_zero(classes):
    plain = two_classes(60)
    examples = Examples.labelled(plain.x, torch.arange(60) % classes, np.arange(60), classes)
    learner = ScikitLearn(penalty=0.7)
    model, task = learner(examples, 0), learner.task.resolve(examples)
    loss = task.loss(model, batch_of(examples, np.arange(60))).sum() + 0.35 * (model.linear.weight**2).sum()
    loss.backward()
    assert max(float(p.grad.abs().max()) for p in model.parameters()) < 1e-6
    assert abs(float(model.linear.bias.sum().detach())) < 1e-9


@pytest.mark.parametrize(("penalty", "scale"), [(1.0, 1.0), (3.0, 0.7)])
def test_ridge_solves_its_normal_equations(penalty, scale):
    train = Diabetes().load().train
    model = ScikitLearn(estimator="Ridge", penalty=penalty, task=Regression(scale=scale))(train, 0)
    x = np.column_stack([train.x.double().numpy(), np.ones(len(train))])
    matrix = x.T @ x / scale**2 + penalty * np.diag([*np.ones(10), 0])
    wanted = np.linalg.solve(matrix, x.T @ train.y.double().numpy() / scale**2)
    weight, bias = weights(model)
    np.testing.assert_allclose(np.append(weight[0], bias), wanted, atol=1e-8)


def test_the_seed_changes_nothing():
    one, other = (ScikitLearn()(two_classes(), seed) for seed in (0, 1))
    assert ScikitLearn().deterministic
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_its_models_are_of_full_precision_and_methods_that_descend_move_them():
    examples, learner = two_classes(), ScikitLearn()
    model = learner(examples, 0)
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    steps = Steps(lr=0.1, epochs=1, batch=64, optimizer=SGD(momentum=0), schedule=Constant())
    forgot = GradAscent(steps=steps)(model, problem(examples, [0, 1, 2], learner))
    x, y = examples.x[:3].double(), examples.y[:3]
    slope = (model(x).detach().softmax(1) - torch.nn.functional.one_hot(y, 2)).T @ x / 3
    torch.testing.assert_close(forgot.linear.weight.detach(), model.linear.weight.detach() + 0.1 * slope, rtol=1e-12, atol=1e-14)


def test_uint8_images_are_scaled_as_the_task_scales_them():
    plain = two_classes()
    images = plain.with_inputs((plain.x * 20 + 128).clamp(0, 255).to(torch.uint8))
    scaled = plain.with_inputs(images.x.float() / 255)
    logits = [predict(ScikitLearn()(e, 0), e, ScikitLearn().task)["logits"] for e in (images, scaled)]
    np.testing.assert_array_equal(*logits)


def test_a_class_without_examples_is_refused():
    train = two_classes()
    with pytest.raises(DataError, match="there is no example of class 2"):
        ScikitLearn()(replace(train, categories=("0", "1", "2")), 0)


@pytest.mark.parametrize(
    ("learner", "data"), [(ScikitLearn(estimator="Ridge"), Digits), (ScikitLearn(task=Regression()), Diabetes)]
)
def test_an_estimator_of_another_task_is_refused(learner, data):
    with pytest.raises(SpecError, match="take the other of LogisticRegression and Ridge"):
        learner(data().load().train, 0)


def test_targets_of_another_task_are_refused():
    with pytest.raises(ModelError, match="these targets are 2 classes"):
        ScikitLearn(estimator="Ridge", task=Regression())(two_classes(), 0)


def test_an_optimum_that_was_not_reached_fails(monkeypatch):
    monkeypatch.setattr(scikitlearn, "MOST", 1)
    with pytest.raises(RunFailed, match="the optimum was not reached"):
        ScikitLearn()(two_classes(), 0)


def test_its_spelling_makes_it_again():
    made = parse('ScikitLearn(estimator="Ridge", penalty=2.0, task=Regression(scale=0.5))')
    assert parse(repr(made)) == made
