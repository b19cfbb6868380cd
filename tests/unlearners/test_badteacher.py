"""Two teachers, one of whom knows nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError, SpecError
from untrain.core.seeds import derive_seed
from untrain.data.examples import Examples
from untrain.models.state import state
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, AdamW, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.badteacher import BadTeacher


class Noting(Choice):
    """Classification that notes which model it asks, whether it stands still, and the inputs."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        NOTED.append((id(model), all(not p.requires_grad for p in model.parameters()), batch.x[:, 0].tolist()))
        return model(batch.x)


NOTED: list = []


def ignorant(seed):
    """A linear model that gives every class the same."""
    made = nn.Linear(2, 3)
    torch.nn.init.zeros_(made.weight)
    torch.nn.init.zeros_(made.bias)
    return made


def posed(n=40):
    """A linear model that is sure, examples to forget at (1, 0) and to retain at (0, 1)."""
    model = nn.Linear(2, 3)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[4.0, 0.0], [0.0, 4.0], [0.0, 0.0]]))
        model.bias.zero_()
    forget = Examples.labelled(torch.tensor([[1.0, 0.0]]).repeat(n, 1), torch.zeros(n).long(), np.arange(n), 3)
    retain = Examples.labelled(torch.tensor([[0.0, 1.0]]).repeat(n, 1), torch.ones(n).long(), np.arange(n, 2 * n), 3)
    return model, Problem(Classification(), forget, retain, init=ignorant)


def test_on_forget_it_answers_as_who_knows_nothing_and_on_retain_as_before():
    model, problem = posed()
    forgot = BadTeacher(share=1.0, steps=Steps(lr=0.05, epochs=60, batch=16, optimizer=AdamW()))(model, problem)
    unknown, known = (forgot(side.x[:1]).softmax(1)[0] for side in (problem.forget, problem.retain))
    assert torch.allclose(unknown, torch.full((3,), 1 / 3), atol=0.02)
    assert torch.allclose(known, model(problem.retain.x[:1]).softmax(1)[0], atol=0.02)


def test_one_step_is_the_mean_difference_from_the_teacher_of_each_side():
    model, problem = posed(4)
    steps = Steps(lr=0.3, epochs=1, batch=8, optimizer=SGD(momentum=0.0), schedule=Constant())
    forgot = BadTeacher(share=1.0, steps=steps)(model, problem)
    # The gradient of KL by the answers is what is given less what is wanted; on retain it is zero.
    pull = (model(problem.forget.x[:1]).softmax(1) - 1 / 3)[0] / 2
    assert torch.allclose(forgot.bias, model.bias - 0.3 * pull, atol=1e-6)


def test_at_another_temperature_the_difference_is_that_of_tempered_answers():
    model, problem = posed(4)
    steps, heat = Steps(lr=0.3, epochs=1, batch=8, optimizer=SGD(momentum=0.0), schedule=Constant()), 2.0
    forgot = BadTeacher(share=1.0, temperature=heat, steps=steps)(model, problem)
    # heat ** 2 times the divergence, each of whose gradients by the answers is divided by heat.
    pull = heat * ((model(problem.forget.x[:1]) / heat).softmax(1) - 1 / 3)[0] / 2
    assert torch.allclose(forgot.bias, model.bias - 0.3 * pull, atol=1e-6)


def test_labels_have_no_part_in_it():
    model, problem = small()
    one = BadTeacher()(model, problem)
    spoiled = [side.with_fields(y=(side.y + 1) % 3) for side in (problem.forget, problem.retain)]
    other = BadTeacher()(model, replace(problem, forget=spoiled[0], retain=spoiled[1]))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_share_of_retain_is_drawn_once():
    n = 40
    sides = [
        Examples.labelled(
            torch.arange(at, at + n).float()[:, None].expand(n, 2) / 100, torch.zeros(n).long(), np.arange(at, at + n), 3
        )
        for at in (0, n)
    ]
    NOTED.clear()
    made = BadTeacher(share=0.25, steps=Steps(lr=1e-3, epochs=3, batch=25))
    made(nn.Linear(2, 3), Problem(Noting(), *sides, init=ignorant))
    seen = [round(100 * x) for _, still, xs in NOTED[1:] if not still for x in xs]
    assert len(seen) == 3 * (40 + 10)
    assert len({x for x in seen if x >= n}) == 10
    assert {x for x in seen if x < n} == set(range(n))


def test_both_teachers_and_the_original_stand_still():
    model, problem = small()
    before = state(model)
    NOTED.clear()
    BadTeacher(steps=Steps(lr=0.01, epochs=2, batch=16))(model, replace(problem, task=Noting()))
    assert len({who for who, still, _ in NOTED if still}) == 2
    assert all(torch.equal(v, before[n]) for n, v in state(model).items())


def test_the_untrained_teacher_is_not_the_models_own_start():
    model, problem = small()
    asked = []
    made = BadTeacher()
    made(model, replace(problem, init=lambda seed: asked.append(seed) or small()[0], seed=7))
    assert asked == [derive_seed(7)]


def test_without_a_way_to_make_an_untrained_model_it_says_what_to_give():
    model, problem = small()
    with pytest.raises(ModelError, match=r"give Problem\(init="):
        BadTeacher()(model, replace(problem, init=None))


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.1}, {"temperature": 0.0}])
def test_a_field_out_of_range_is_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        BadTeacher(**wrong)
