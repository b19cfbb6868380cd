"""Reset of the first and the last layer, with distillation."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from one_step import PLAIN, Tokens, close, posed
from untrain.core.errors import DataError, ModelError
from untrain.core.seeds import derive_seed
from untrain.training.steps import SGD
from untrain.unlearners.kde import KDE


def test_a_step_on_held_out_data_and_one_on_retain_are_those_of_the_description():
    model, problem = posed()
    made = KDE(warm=1, warm_lr=0.2, temperature=5.0, steps=replace(PLAIN, optimizer=SGD(decay=5e-4)))
    forgot = made(model, problem)
    fresh, twin = problem.init(derive_seed(problem.seed)), deepcopy(model)
    # Both layers of this network are the first and the last.
    twin.load_state_dict(fresh.state_dict())

    def soft(x):
        return F.kl_div(F.log_softmax(twin(x) / 5, 1), F.softmax(model(x).detach() / 5, 1), reduction="batchmean")

    optimizer = torch.optim.SGD(twin.parameters(), lr=0.2, momentum=0.9, weight_decay=5e-4)
    soft(problem.valid.x).backward()
    optimizer.step()
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    optimizer.zero_grad()
    x, y = problem.retain.x, problem.retain.y
    target = F.softmax(model(x).detach() / 5, 1)
    crossed = -(target * F.log_softmax(twin(x) / 5, 1)).sum(1).mean()
    (crossed + F.cross_entropy(twin(x), y) + soft(x)).backward()
    optimizer.step()
    assert close(forgot, twin)


def test_layers_between_stay():
    model, problem = posed(lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 3)).eval())
    steps = replace(PLAIN, epochs=0)
    forgot = KDE(warm=1, warm_lr=1e-9, steps=steps)(model, problem)
    assert torch.allclose(forgot[2].weight, model[2].weight, atol=1e-6)
    assert not torch.allclose(forgot[0].weight, model[0].weight, atol=1e-2)
    assert not torch.allclose(forgot[4].bias, model[4].bias, atol=1e-2)


def test_the_first_layer_of_a_transformer_is_that_of_its_patches():
    model, problem = posed(lambda: Tokens().eval())
    forgot = KDE(warm=1, warm_lr=1e-9, steps=replace(PLAIN, epochs=0))(model, problem)
    moved = {
        n for (n, p), q in zip(model.named_parameters(), forgot.parameters(), strict=True) if not torch.allclose(p, q, atol=1e-6)
    }
    assert moved == {"patches.weight", "patches.bias", "head.weight", "head.bias"}


def test_the_forget_set_has_no_part_in_it():
    model, problem = posed()
    other = problem.forget.with_inputs(problem.forget.x + 1)
    made = KDE(steps=PLAIN)
    assert close(made(model, problem), made(model, replace(problem, forget=other)), 0.0)


def test_what_it_lacks_is_named():
    model, problem = posed()
    with pytest.raises(DataError, match=r"KDE needs held-out examples, and there are none: give Problem\(valid="):
        KDE()(model, replace(problem, valid=None))
    with pytest.raises(ModelError, match=r"KDE needs initial values: give Problem\(init="):
        KDE()(model, replace(problem, init=None))
