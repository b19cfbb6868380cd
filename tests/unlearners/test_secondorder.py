import numpy as np
import pytest
import torch
from torch import nn

from convex_problems import planted_logistic
from untrain.core.errors import ModelError, RunFailed, SpecError
from untrain.core.mask import Mask
from untrain.data.examples import Examples, take
from untrain.models.tasks.regression import Regression
from untrain.training.learners.convex import Convex
from untrain.training.problem import Problem
from untrain.training.toy import small
from untrain.unlearners import secondorder as module
from untrain.unlearners.firstorder import FirstOrder
from untrain.unlearners.newton import Newton
from untrain.unlearners.secondorder import SecondOrder

L2 = 1.0


@pytest.fixture
def logistic():
    """The optimum of a logistic regression whose penalty stays, and the request to forget 30 of 600 rows."""
    x, y = planted_logistic()
    data = Examples.labelled(torch.as_tensor(x), torch.as_tensor((y > 0).astype(np.int64)), np.arange(600), 2)
    learner = Convex(l2=L2, form="sum", bias="none")
    model = learner(data)
    return model, Problem(learner.task, take(data, np.arange(30)), take(data, np.arange(30, 600)), recipe=learner)


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_of_a_convex_objective_the_step_is_newtons(logistic):
    """The penalty of the sum is the damping of the mean."""
    model, problem = logistic
    ours = SecondOrder(damping=L2 / 570, products=100)(model, problem)
    assert torch.allclose(flat(ours), flat(Newton()(model, problem)), atol=1e-6)


def test_a_correction_is_a_step_by_what_comes_less_what_goes(logistic):
    model, problem = logistic
    flipped = problem.forget.with_targets(1 - problem.forget.y)
    fields = {n: torch.cat([flipped.fields[n], v]) for n, v in problem.retain.fields.items()}
    retain = Examples(fields, np.arange(600), problem.retain.categories)
    asked = Problem(problem.task, problem.forget, retain, recipe=problem.recipe, replacement=flipped)
    ours = SecondOrder(damping=L2 / 600, products=100)(model, asked)
    assert torch.allclose(flat(ours), flat(Newton()(model, asked)), atol=1e-6)


def test_within_a_mask_it_is_the_step_of_the_weights_that_may_move():
    """Of a quadratic the restricted step is the optimum of the free weights; here by the restricted Hessian of a network."""
    model, problem = small()
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    name = problem.task.head(model)[0]
    bits[name][0] = True
    masked = Problem(
        problem.task, problem.forget, problem.retain, problem.valid, init=problem.init, recipe=problem.recipe,
        mask=Mask(bits, problem.digest), head="masked",
    )  # fmt: skip
    moved = dict(SecondOrder()(model, masked).named_parameters())
    for n, p in model.named_parameters():
        assert torch.equal(moved[n][~bits[n]], p[~bits[n]])
    assert not torch.equal(moved[name], dict(model.named_parameters())[name])


def test_more_damping_makes_a_shorter_step_along_the_gradient():
    model, problem = small()
    steps = {d: flat(SecondOrder(damping=d)(model, problem)) - flat(model) for d in (1.0, 100.0, 1e4)}
    assert steps[1.0].norm() > 10 * steps[100.0].norm()
    assert torch.nn.functional.cosine_similarity(steps[100.0], steps[1e4], dim=0) > 0.99


def test_it_raises_the_loss_of_the_forget_set_and_hardly_that_of_the_rest():
    model, problem = small()
    after = SecondOrder()(model, problem)

    def loss(net, examples):
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(net(examples.x), examples.y))

    risen = [loss(after, each) - loss(model, each) for each in (problem.forget, problem.retain)]
    assert risen[0] > 0
    assert risen[0] > 2 * risen[1]


class Square(nn.Module):
    """Predicts the square of its one weight: of targets of 1 the loss curves downwards where the weight is small."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.full((1,), 0.1))

    def forward(self, x):
        return self.w.square().expand(len(x))


def test_a_loss_that_curves_downwards_is_refused_and_more_damping_helps():
    data = Examples({"x": torch.zeros(6, 1), "y": torch.ones(6)}, np.arange(6))
    problem = Problem(Regression(head_names=("w",)), take(data, np.arange(2)), take(data, np.arange(2, 6)))
    with pytest.raises(RunFailed, match="raise damping=1"):
        SecondOrder(damping=1.0)(Square(), problem)
    # The second derivative is -2 * (1 - w^2) + 4 w^2 = -1.94, and G is 2 / 4 of 2 w (1 - w^2) = 0.099.
    moved = SecondOrder(damping=2.0)(Square(), problem)
    assert moved.w.item() == pytest.approx(0.1 - 0.099 / 0.06, rel=1e-4)


def test_lissa_and_the_whole_hessian_find_the_step_of_conjugate_gradients(logistic):
    model, problem = logistic
    exact = flat(SecondOrder(damping=L2 / 570, solver="exact")(model, problem))
    assert torch.allclose(exact, flat(Newton()(model, problem)), atol=1e-12)
    for how in ({"scale": None}, {"scale": 0.03}):
        assert torch.allclose(
            flat(SecondOrder(damping=L2 / 570, products=400, solver="lissa", **how)(model, problem)), exact, atol=1e-5
        )


def test_lissa_of_batches_is_near_and_a_scale_that_is_too_small_is_refused(logistic):
    model, problem = logistic
    exact = flat(SecondOrder(damping=L2 / 570, solver="exact")(model, problem))
    step = exact - flat(model)
    noisy = flat(SecondOrder(damping=L2 / 570, products=400, solver="lissa", scale=0.1, batch=100)(model, problem))
    assert 0 < (noisy - exact).norm() < 0.2 * step.norm()
    with pytest.raises(RunFailed, match=r"LiSSA diverges: .* raise scale or damping"):
        SecondOrder(damping=L2 / 570, products=400, solver="lissa", scale=1e-3)(model, problem)


@pytest.mark.parametrize(
    ("how", "error", "said"),
    [
        ({"scale": 1.0}, SpecError, "scale and batch are of solver='lissa'"),
        ({"solver": "exact", "batch": 4}, SpecError, "scale and batch are of solver='lissa'"),
        ({"solver": "exact"}, ModelError, "weights may move, and solver='exact' writes down 8 at most"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(logistic, monkeypatch, how, error, said):
    monkeypatch.setattr(module, "WRITTEN", 8)
    with pytest.raises(error, match=said):
        SecondOrder(**how)(*logistic)


def test_a_correction_that_changes_no_gradient_moves_nothing(logistic):
    model, problem = logistic
    same = Problem(problem.task, problem.forget, problem.retain, recipe=problem.recipe, replacement=problem.forget)
    for method in (FirstOrder(), SecondOrder(), SecondOrder(solver="lissa"), SecondOrder(solver="exact")):
        assert torch.equal(flat(method(model, same)), flat(model))
