"""Steps along what a request changes of the gradient."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from convex_problems import planted_logistic
from untrain.core.mask import Mask
from untrain.data.examples import Examples, batch_of, joined, take
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.problem import Problem
from untrain.training.toy import small
from untrain.unlearners.firstorder import FirstOrder
from untrain.unlearners.newton import Newton

LEARNER = Convex(l2=1.0, form="sum", bias="none")


def flat(model):
    return weights_of(model, intercept=False)


def signs(x, y):
    return Examples.labelled(torch.as_tensor(x), torch.as_tensor((y > 0).astype(np.int64)), np.arange(len(y)), 2)


def test_of_flipped_labels_the_step_is_the_sum_of_inputs_by_their_old_labels():
    x, y = planted_logistic()
    data = signs(x, y)
    model, flipped = LEARNER(data), signs(x[:30], -y[:30])
    rest = joined(take(data, np.arange(30, 600)), flipped)
    asked = Problem(LEARNER.task.resolve(data), take(data, np.arange(30)), rest, recipe=LEARNER, replacement=flipped)
    moved = flat(FirstOrder(rate=0.02)(model, asked)) - flat(model)
    assert moved == pytest.approx(-0.02 * (y[:30, None] * x[:30]).sum(0), abs=1e-13)


def test_a_removal_is_a_step_up_the_loss_of_what_goes_and_asks_for_nothing_else():
    model, problem = small()
    batch = batch_of(problem.forget, np.arange(len(problem.forget)))
    made = model.eval(), FirstOrder()(model, Problem(problem.task, problem.forget))
    with torch.no_grad():
        before, after = (problem.task.loss(each, batch).mean() for each in made)
    assert after > before


def test_within_a_mask_the_rest_keeps_its_bits():
    model, problem = small()
    name = problem.task.head(model)[0]
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    bits[name][0] = True
    masked = Problem(
        problem.task, problem.forget, problem.retain, init=problem.init, recipe=problem.recipe, mask=Mask(bits, problem.digest),
        head="masked",
    )  # fmt: skip
    whole, moved = (dict(FirstOrder()(model, each).named_parameters()) for each in (problem, masked))
    for n, p in model.named_parameters():
        assert torch.equal(moved[n][~bits[n]], p[~bits[n]])
    assert torch.equal(moved[name][0], whole[name][0])


@pytest.fixture(scope="module")
def copies():
    """4,000 rows of which the first 128 are one point, so that what is edited adds up; the model, and rows with their signs."""
    draw = np.random.default_rng(4)
    x = draw.normal(size=(4000, 20)) / np.sqrt(20)
    beta, uniform = draw.normal(size=20), draw.uniform(size=4000)
    y = np.where(uniform < expit(3 * x @ beta), 1.0, -1.0)
    x[:128], y[:128] = x[0], y[0]
    return x, y, LEARNER(signs(x, y))


@pytest.mark.parametrize(
    ("k", "none", "first", "second", "bound"),
    [
        (2, 6.54081e-2, 6.31042e-2, 7.81434e-6, 4.82521e-5),
        (8, 2.61632e-1, 2.52466e-1, 1.23233e-4, 7.71241e-4),
        (32, 1.04653, 1.01065, 1.84350e-3, 1.22719e-2),
        (128, 4.18612, 4.05528, 1.92598e-2, 1.86415e-1),
    ],
)
def test_what_is_left_of_the_gradient_grows_with_the_request_for_one_and_with_its_square_for_the_other(
    copies, k, none, first, second, bound
):
    """The table of the specification of arXiv 2108.11577, D6, and its computable bound."""
    x, y, model = copies
    edited = x.copy()
    edited[:k, :5] = 0.0
    new = signs(edited[:k], y[:k])
    data = signs(x, y)
    rest = joined(take(data, np.arange(k, 4000)), new)
    asked = Problem(LEARNER.task.resolve(data), take(data, np.arange(k)), rest, recipe=LEARNER, replacement=new)
    after = LEARNER.objective(rest)
    made = [flat(each) for each in (model, FirstOrder(rate=1e-3)(model, asked), Newton()(model, asked))]
    left = [float(np.linalg.norm(after.at(w).slope)) for w in made]
    assert left == pytest.approx([none, first, second], rel=1e-5)
    # A third derivative of the logistic loss is at most 1 / (6 sqrt 3).
    moved = rest.x.numpy() @ (made[2] - made[0])
    computed = (moved**2 * np.linalg.norm(rest.x.numpy(), axis=1)).sum() / (12 * np.sqrt(3))
    assert computed == pytest.approx(bound, rel=1e-5)
    assert left[2] <= computed
