"""Predictions of datamodels in place of outputs."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import DataError
from untrain.data.batching import in_order
from untrain.data.examples import Examples, batch_of
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification
from untrain.training.effects import Effects
from untrain.training.problem import Problem
from untrain.training.toy import small
from untrain.unlearners._matching import outputs_on
from untrain.unlearners.datamodeldirect import DatamodelDirect
from untrain.unlearners.datamodelmatch import DatamodelMatch


def test_exact_effects_give_the_outputs_of_the_retrained_model():
    model, problem = small()
    forgot = DatamodelDirect()(model, problem)
    for part in (problem.forget, problem.rest):
        oracle = outputs_on(problem.oracles[0], part, problem.task)
        assert torch.allclose(torch.from_numpy(logits(forgot, part, problem.task)), oracle, atol=1e-5)


def test_what_is_no_training_example_has_the_outputs_that_it_had():
    model, problem = small()
    forgot = DatamodelDirect()(model, problem)
    other = problem.forget.with_inputs(problem.forget.x + 1e-3)
    assert torch.equal(outputs_on(forgot, other, problem.task), outputs_on(model, other, problem.task))


def test_the_scale_is_that_of_the_correction():
    model, problem = small()
    batch = batch_of(problem.forget, next(in_order(len(problem.forget), 64)))
    with torch.no_grad():
        before = model(batch.x)
        moved = [before - DatamodelDirect(scale=scale)(model, problem)(batch.x) for scale in (0.5, 1.0)]
    assert torch.allclose(2 * moved[0], moved[1], atol=1e-5)


def test_the_model_can_be_pickled_and_still_corrects():
    model, problem = small()
    forgot = DatamodelDirect()(model, problem)
    again = pickle.loads(pickle.dumps(forgot))
    outputs = [outputs_on(each, problem.forget, problem.task) for each in (again, forgot, model)]
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("method", [DatamodelDirect(), DatamodelMatch()], ids=repr)
@pytest.mark.parametrize("shape", [(1,), ()])
def test_effects_that_are_not_of_each_logit_are_refused(method, shape):
    model, problem = small()
    wrong = Effects(torch.ones(len(problem.forget), *shape), torch.ones(len(problem.rest), *shape))
    with pytest.raises(DataError, match=rf"effects on the forget set have shape .*: one for each logit, \({len(problem.forget)}, "):
        method(model, replace(problem, effects=wrong))


def test_effects_on_more_outputs_than_the_model_has_are_refused():
    model, problem = small()
    wrong = replace(problem, effects=Effects(torch.ones(len(problem.forget), 9), torch.ones(len(problem.rest), 9)))
    with pytest.raises(DataError, match=r"effects have shape \(\d+, 9\): one for each output, \("):
        DatamodelMatch()(model, wrong)
    with pytest.raises(DataError, match=r"effects have shape \(9,\): one for each output, \("):
        outputs_on(DatamodelDirect()(model, wrong), problem.forget, problem.task)


def test_effects_of_a_group_by_woodburys_identity_are_those_of_retraining_a_ridge():
    draw = np.random.default_rng(0)
    n, d, gone = 200, 20, 50
    x, y = draw.normal(size=(n, d)), draw.integers(0, 2, n)
    weights = [
        np.linalg.solve(x[rows].T @ x[rows] + np.eye(d), x[rows].T @ np.eye(2)[y[rows]]) for rows in (slice(n), slice(gone, n))
    ]
    inverse = np.linalg.inv(x.T @ x + np.eye(d))
    group, residuals = x[:gone], np.eye(2)[y[:gone]] - x[:gone] @ weights[0]
    effects = x @ inverse @ group.T @ np.linalg.solve(np.eye(gone) - group @ inverse @ group.T, residuals)
    model = nn.Linear(d, 2, bias=False).double()
    model.weight.data = torch.from_numpy(weights[0].T.copy())
    parts = [
        Examples.labelled(torch.from_numpy(x[rows]), torch.from_numpy(y[rows]), np.arange(n)[rows], 2)
        for rows in (slice(gone), slice(gone, n))
    ]
    values = torch.from_numpy(effects)
    problem = Problem(Classification(), *parts, effects=Effects(values[:gone], values[gone:]))
    forgot = DatamodelDirect()(model, problem)
    with torch.no_grad():
        for part, rows in zip(parts, (slice(gone), slice(gone, n)), strict=True):
            assert np.abs(forgot(part.x).numpy() - x[rows] @ weights[1]).max() < 1e-11
