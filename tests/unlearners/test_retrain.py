"""Exact unlearning."""

from dataclasses import replace

import pytest
import torch

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.models.architectures.convnet import ConvNet
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.resetfinetune import ResetFinetune
from untrain.unlearners.retrain import Retrain


def equal(a, b):
    """Whether two models hold the same bits, buffers included."""
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


class Stepless(Learner):
    """A learner without steps.

    Source: planted.
    """

    def init(self, examples, seed):
        return small()[0]

    def learn(self, examples, seed):
        return small()[0]


def test_it_is_the_recipe_on_retain_bit_for_bit():
    model, problem = small()
    assert equal(Retrain()(model, problem), problem.recipe(problem.retain, 3))


def test_neither_the_model_nor_the_forget_set_has_a_part_in_it():
    model, problem = small()
    one = Retrain()(model, problem)
    with torch.no_grad():
        for held in model.parameters():
            held.mul_(2)
    spoiled = replace(problem, forget=problem.forget.with_fields(x=problem.forget.x * 100 + 7))
    assert equal(one, Retrain()(model, spoiled))


def test_its_cost_is_that_of_training():
    model, problem = small()
    assert Retrain().run(model, problem).cost.backward == 48 * problem.recipe.steps.epochs


def test_under_a_mask_it_resets_and_trains_the_mask_only():
    model, problem = small()
    bits = {n: torch.rand(p.shape, generator=torch.Generator().manual_seed(1)) < 0.3 for n, p in model.named_parameters()}
    problem = replace(problem, mask=Mask(bits, ""))
    assert equal(Retrain()(model, problem), ResetFinetune(steps=problem.recipe.steps)(model, problem))


def test_without_a_recipe_it_says_what_to_give():
    model, problem = small()
    with pytest.raises(ModelError, match=r"give Problem\(recipe=Train"):
        Retrain()(model, replace(problem, recipe=None))


def test_a_recipe_without_steps_cannot_be_confined():
    model, problem = small()
    ones = Mask({n: torch.ones_like(p, dtype=torch.bool) for n, p in model.named_parameters()}, "")
    with pytest.raises(ModelError, match="Stepless has no steps to repeat under a mask"):
        Retrain()(model, replace(problem, recipe=Stepless(), mask=ones))


def test_weights_that_the_recipe_itself_freezes_leave_retraining_exact():
    def half_frozen():
        made = ConvNet(width=4).build((1, 6, 6), 3)
        made[0].weight.requires_grad_(False)
        torch.nn.init.constant_(made[0].weight, 0.1)
        return made

    _, problem = small()
    learner = Train(model=half_frozen, steps=Steps(lr=0.05, epochs=2, batch=16))
    model = learner(problem.retain, seed=0)
    outcome = Retrain().run(model, replace(problem, recipe=learner, init=lambda s: learner.init(problem.retain, s), seed=4))
    oracle = learner(problem.retain, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(outcome.model.state_dict().values(), oracle.state_dict().values(), strict=True))
    assert outcome.mask is None


def test_weights_that_the_recipe_freezes_as_it_drew_them_stay_as_they_are():
    def half_frozen():
        made = ConvNet(width=4).build((1, 6, 6), 3)
        made[0].weight.requires_grad_(False)
        return made

    _, problem = small()
    learner = Train(model=half_frozen, steps=Steps(lr=0.05, epochs=2, batch=16))
    model = learner(problem.retain, seed=0)
    problem = replace(problem, recipe=learner, init=lambda s: learner.init(problem.retain, s), seed=4)
    outcome = Retrain().run(model, problem)
    assert torch.equal(outcome.model[0].weight, model[0].weight)
    assert outcome.guard.moved_share > 0.5
