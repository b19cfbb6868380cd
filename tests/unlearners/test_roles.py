"""The chores of a role."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import BrokenPromise, DataError, MaskError, ModelError, NotFinite
from untrain.core.mask import Mask
from untrain.core.seeds import isolated_rng
from untrain.data.examples import Examples
from untrain.localizers.base import Localizer
from untrain.localizers.everything import Everything
from untrain.localizers.gradient import Gradient
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.architectures.convnet import ConvNet
from untrain.models.compatibility import check_fit
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.base import Unlearner, resolve_trainable
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.nothing import Nothing
from untrain.unlearners.recipes import DEL, SalUn
from untrain.unlearners.resetfinetune import ResetFinetune

BRIEF = Finetune(steps=Steps(lr=0.05, epochs=1, batch=16))


class Recorded(Unlearner):
    """Notes what it was given. Buffers stay.

    Source: planted.
    """

    def may_be_unchanged(self, problem):
        return True

    def unlearn(self, model, problem):
        SEEN[:] = [model, model.training, torch.initial_seed()]
        return model


SEEN: list = []


class Reset(Unlearner):
    """Adds one to all that may move. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        with torch.no_grad():
            for name, p in model.named_parameters():
                p += 1.0 if problem.trainable is None else problem.trainable.bits[name]
        model.train()
        for p in model.parameters():
            p.requires_grad_(False)
        return model


class Explodes(Unlearner):
    """Sets every weight to infinity. Buffers stay.

    Source: planted.
    """

    def unlearn(self, model, problem):
        with torch.no_grad():
            for p in model.parameters():
                p.fill_(float("inf"))
        return model


class Empty(Localizer):
    """Keeps nothing.

    Source: planted.
    """

    def localize(self, model, problem):
        return {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}


@pytest.fixture
def given():
    return small()


def zeros(model, digest=""):
    """A mask that holds nothing."""
    return Mask({n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}, digest)


def test_a_method_gets_a_copy_in_eval_mode_without_gradients(given):
    model, problem = given
    model.train()
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    Recorded()(model, problem)
    assert SEEN[0] is not model
    assert not SEEN[1]
    assert all(p.grad is None for p in SEEN[0].parameters())


def test_torch_is_seeded_by_the_problem(given):
    model, problem = given
    Recorded()(model, replace(problem, seed=77))
    assert SEEN[2] == 77


@pytest.mark.parametrize("training", [True, False])
def test_the_model_comes_back_in_the_mode_and_with_the_flags_of_the_one_that_went_in(given, training):
    model, problem = given
    model.train(training)
    next(model.parameters()).requires_grad_(False)
    forgot = Reset()(model, problem)
    assert [part.training for part in forgot.modules()] == [training] * len(list(model.modules()))
    assert [p.requires_grad for p in forgot.parameters()] == [p.requires_grad for p in model.parameters()]


def test_an_unlearner_brings_cost_guard_and_mask(given):
    model, problem = given
    outcome = (BRIEF @ WeightedGrad()).run(model, problem)
    located = sum(int(b.sum()) for b in outcome.mask.bits.values())
    assert outcome.guard.mask_share == located / sum(p.numel() for p in model.parameters())
    assert 0 < outcome.guard.moved_share <= outcome.guard.may_move
    # 12 forget examples to localize, 48 retain examples to finetune.
    assert (outcome.cost.forward, outcome.cost.backward) == (60, 60)


def test_a_mask_made_for_another_forget_set_is_refused(given):
    model, problem = given
    mask = WeightedGrad()(model, problem)
    other = replace(problem, forget=problem.retain, retain=problem.forget, digest="", mask=mask, effects=None)
    with pytest.raises(MaskError, match=f"made for the forget set {problem.digest}, this request is {other.digest}"):
        BRIEF(model, other)


def test_a_mask_made_for_this_forget_set_is_taken(given):
    model, problem = given
    mask = WeightedGrad()(model, problem)
    direct = BRIEF(model, replace(problem, mask=mask))
    joined = (BRIEF @ WeightedGrad())(model, problem)
    assert all(torch.equal(a, b) for a, b in zip(direct.parameters(), joined.parameters(), strict=True))


def test_two_masks_are_one_too_many(given):
    model, problem = given
    with pytest.raises(MaskError, match="use one of the two"):
        (BRIEF @ WeightedGrad())(model, replace(problem, mask=zeros(model)))


def test_under_an_empty_mask_the_head_alone_moves(given):
    model, problem = given
    forgot = dict((BRIEF @ Empty())(model, problem).named_parameters())
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, forgot[n])}
    assert moved == set(problem.task.head(model))


@pytest.mark.parametrize("head", ["masked", "frozen"])
def test_where_nothing_may_move_the_run_says_so(given, head):
    model, problem = given
    with pytest.raises(ModelError, match="no weight may move"):
        BRIEF(model, replace(problem, mask=zeros(model), head=head))


def test_a_frozen_head_stays_without_a_mask_too(given):
    model, problem = given
    forgot = dict(ResetFinetune()(model, replace(problem, head="frozen")).named_parameters())
    moved = {n for n, p in model.named_parameters() if not torch.equal(p, forgot[n])}
    assert moved == set(forgot) - set(problem.task.head(model))


def test_settling_keeps_the_localizers_own_mask_apart(given):
    model, problem = given
    settled = resolve_trainable(model, replace(problem, mask=zeros(model, problem.digest)))
    assert not any(bool(b.any()) for b in settled.mask.bits.values())
    assert {n for n, b in settled.trainable.bits.items() if bool(b.any())} == set(problem.task.head(model))


def test_without_a_mask_settling_leaves_all_free(given):
    model, problem = given
    settled = resolve_trainable(model, problem)
    assert settled.trainable is None
    assert settled.mask is None


def test_a_localizer_says_what_becomes_of_the_head():
    assert (WeightedGrad().classifier, Gradient().classifier, WeightedGrad(head="frozen").classifier) == (
        "full",
        "masked",
        "frozen",
    )


def test_weights_that_become_infinite_fail_the_run(given):
    with pytest.raises(NotFinite, match=r"Explodes\(\) left NaN or infinite"):
        Explodes()(*given)


def test_a_model_with_nan_is_refused_before_anything_is_done(given):
    model, problem = given
    with torch.no_grad():
        next(model.parameters())[0] = torch.nan
    with pytest.raises(NotFinite, match="before anything was done"):
        Nothing()(model, problem)


def test_a_model_without_parameters_is_refused(given):
    with pytest.raises(ModelError, match="Flatten has no parameters"):
        Nothing()(nn.Flatten(), given[1])


def test_examples_that_do_not_fit_the_model_are_refused(given):
    with pytest.raises(ModelError, match=r"Linear cannot take examples of shape \(1, 6, 6\)"):
        check_fit(nn.Linear(5, 3), Classification(), given[1].forget)


def test_a_model_that_knows_fewer_classes_is_refused(given):
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    with pytest.raises(ModelError, match=r"gives outputs of shape \(1, 2\); 3 classes need \(batch, 3\)"):
        check_fit(model, Classification(), given[1].forget)


def test_nothing_leaves_the_model(given):
    model, problem = given
    outcome = Nothing().run(model, problem)
    assert outcome.guard.moved_share == 0
    assert outcome.guard.buffer_drift == 0


@pytest.mark.parametrize("method", [Finetune(steps=Steps(epochs=0)), Finetune(steps=Steps(epochs="0%"))])
def test_zero_steps_may_leave_the_model_as_it_is(given, method):
    assert method.run(*given).guard.moved_share == 0


def test_zero_steps_after_a_reset_still_move(given):
    assert ResetFinetune(steps=Steps(epochs=0)).run(*given).guard.moved_share > 0


def test_a_method_that_moves_nothing_fails_the_run(given):
    class Still(Unlearner):
        """Still. Buffers stay."""

        def unlearn(self, model, problem):
            return model

    with pytest.raises(BrokenPromise, match="moved no parameter"):
        Still()(*given)


def test_a_recipe_does_what_its_expansion_does(given):
    steps = Steps(lr=0.05, epochs=1)
    one, other = DEL(steps=steps)(*given), DEL(steps=steps).expand()(*given)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_localizer_refuses_train_mode(given):
    model, problem = given
    with pytest.raises(ModelError, match="eval mode"):
        WeightedGrad()(model.train(), problem)


def test_a_mask_bears_the_digest_of_the_forget_set(given):
    assert Everything()(*given).digest == given[1].digest


def test_sealed_leaves_torchs_random_state_and_seeds_within():
    model = nn.Linear(1, 1)
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with isolated_rng(model, 5):
            draws.append(torch.rand(3))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*draws)


def test_a_learner_refuses_an_empty_training_set():
    none = Examples.labelled(torch.zeros(0, 1, 6, 6), torch.zeros(0).long(), np.arange(0), 3)
    with pytest.raises(DataError, match="nothing to learn from"):
        Train(model=ConvNet())(none)


def test_a_forget_set_of_one_works(given):
    model, problem = given
    one = Examples.labelled(problem.forget.x[:1], problem.forget.y[:1], problem.forget.ids[:1], 3)
    alone = Problem(problem.task, one, problem.retain, init=problem.init, recipe=problem.recipe)
    assert DEL(steps=Steps(lr=0.05, epochs=1)).run(model, alone).guard.moved_share > 0


def test_the_stricter_of_problem_and_localizer_decides_about_the_head():
    model, problem = small()
    forgot = DEL(steps=Steps(lr=0.05, epochs=1))(model, replace(problem, head="frozen"))
    names = problem.task.head(model)
    assert all(torch.equal(dict(forgot.named_parameters())[n], dict(model.named_parameters())[n]) for n in names)


def test_a_masked_head_needs_no_name():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    _, problem = small()
    assert SalUn(steps=Steps(lr=0.05, epochs=1)).run(model.eval(), problem).guard.moved_share > 0


def test_a_model_with_lazy_parameters_is_refused_in_one_line():
    _, problem = small()
    with pytest.raises(ModelError, match="run the model on one batch first"):
        Finetune()(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), problem)
