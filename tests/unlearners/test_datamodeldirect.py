"""Predictions of datamodels in place of outputs."""

import torch

from untrain.data.batching import in_order
from untrain.data.examples import batch_of
from untrain.models.inference import logits
from untrain.training.toy import small
from untrain.unlearners._matching import outputs_on
from untrain.unlearners.datamodeldirect import DatamodelDirect


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
