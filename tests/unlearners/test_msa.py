"""Model state arithmetic."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from one_step import LR, PLAIN, close, network, posed
from untrain.core.errors import ModelError, RequestError
from untrain.training.keepers.checkpoint import Checkpoint
from untrain.training.learners.train import Train
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.msa import MSA


def earlier(model):
    """A state of the model that is not its own."""
    torch.manual_seed(3)
    return {name: value + 0.3 * torch.randn_like(value) for name, value in model.state_dict().items()}


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (1.5, 1.0)])
def test_what_a_step_changes_at_the_checkpoint_is_taken_from_the_model(alpha, beta):
    model, problem = posed()
    start = earlier(model)
    forgot = MSA(alpha=alpha, beta=beta, steps=PLAIN)(model, replace(problem, kept={"Checkpoint": start}))
    # theta_D - alpha (theta_1 - theta_0) + beta (theta_2 - theta_0), of one step of gradient descent each.
    clean = network()
    clean.load_state_dict(start)
    forget, retain = (
        torch.autograd.grad(F.cross_entropy(clean(e.x), e.y), list(clean.parameters())) for e in (problem.forget, problem.retain)
    )
    wanted = deepcopy(model)
    with torch.no_grad():
        for p, f, r in zip(wanted.parameters(), forget, retain, strict=True):
            p += alpha * LR * f - beta * LR * r
    assert close(forgot, wanted)


def test_a_linear_gain_of_the_forget_set_is_undone():
    # Where training adds the gradients at one point, the change that the forget set makes is exactly what it added.
    torch.manual_seed(0)
    model, problem = posed(lambda: nn.Linear(4, 3))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    sets = [problem.forget, problem.retain]
    pulls = []
    for part in sets:
        loss = F.cross_entropy(model(part.x), part.y)
        pulls.append(torch.autograd.grad(loss, list(model.parameters())))
    trained, oracle = deepcopy(model), deepcopy(model)
    with torch.no_grad():
        for p, q, f, r in zip(trained.parameters(), oracle.parameters(), *pulls, strict=True):
            p -= LR * (f + r)
            q -= LR * r
    forgot = MSA(steps=PLAIN)(trained, replace(problem, kept={"Checkpoint": start}))
    assert close(forgot, oracle)


def test_it_starts_from_what_training_kept_and_leaves_it_alone():
    _, problem = small()
    learner = Train(model=problem.recipe.model, steps=Steps(lr=0.05, epochs=3, batch=16), keepers=(Checkpoint(at=2),))
    trained, kept = learner.run(problem.retain, 1)
    before = {name: value.clone() for name, value in kept["Checkpoint"].items()}
    forgot = MSA(steps=replace(PLAIN, epochs=2))(trained, replace(problem, kept=kept))
    assert not torch.equal(next(forgot.parameters()), next(trained.parameters()))
    assert all(torch.equal(value, kept["Checkpoint"][name]) for name, value in before.items())
    buffers = dict(trained.named_buffers())
    assert buffers
    assert all(torch.equal(value, buffers[name]) for name, value in forgot.named_buffers())


def test_without_beta_it_needs_no_retain_set():
    model, problem = small()
    alone = replace(problem, retain=None, valid=None)
    assert not torch.equal(next(MSA()(model, alone).parameters()), next(model.parameters()))
    with pytest.raises(RequestError, match="the problem has no retain set"):
        MSA(beta=1.0)(model, alone)


def test_without_a_checkpoint_it_says_how_to_keep_one():
    model, problem = small()
    with pytest.raises(RequestError, match=r"train the model with keepers=\(Checkpoint\(\),\)"):
        MSA()(model, replace(problem, kept={}))


def test_a_checkpoint_of_another_model_is_refused():
    model, problem = posed()
    with pytest.raises(ModelError, match=r"the checkpoint that was kept is of another model: '0.weight' differs"):
        MSA()(model, replace(problem, kept={"Checkpoint": nn.Linear(4, 3).state_dict()}))


def test_initial_values_are_the_start_without_a_keeper():
    model, problem = posed()
    alone = replace(problem, origin=7, kept={})
    forgot = MSA(start="initial", steps=PLAIN)(model, alone)
    fresh = problem.init(7)
    assert not close(fresh, model)
    assert close(forgot, MSA(steps=PLAIN)(model, replace(problem, kept={"Checkpoint": fresh.state_dict()})))


def test_the_own_initial_values_are_those_that_training_began_with():
    # With a step size of nearly nothing, training ends where it began, and so does its checkpoint.
    _, problem = small()
    learner = Train(model=problem.recipe.model, steps=Steps(lr=1e-12, epochs=1, batch=16), keepers=(Checkpoint(),))
    still, kept = learner.run(problem.retain, problem.origin)
    posed_still = replace(problem, kept=kept)
    made = [MSA(start=start, steps=replace(PLAIN, batch=16))(still, posed_still) for start in ("kept", "initial")]
    assert all(torch.allclose(p, q, atol=1e-6) for p, q in zip(made[0].parameters(), made[1].parameters(), strict=True))
    assert not torch.equal(next(made[0].parameters()), next(still.parameters()))


def test_unknown_initial_values_are_refused():
    model, problem = posed()
    with pytest.raises(ModelError, match=r"needs initial values: give Problem\(origin="):
        MSA(start="initial")(model, replace(problem, origin=None))
    with pytest.raises(ModelError, match=r"needs initial values: give Problem\(init="):
        MSA(start="initial")(model, replace(problem, origin=7, init=None))
