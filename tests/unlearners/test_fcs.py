"""Uniform predictions, contrast and repair."""

from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from one_step import PLAIN, close, posed
from untrain.models.tasks.classification import Classification
from untrain.training.steps import SGD
from untrain.training.toy import small
from untrain.unlearners.fcs import FCS


def test_each_of_the_three_first_steps_is_that_of_the_description():
    model, problem = posed()
    steps = replace(PLAIN, lr=0.1, optimizer=SGD(decay=0.01))
    forgot = FCS(temperature=1.15, uniform=0.3, contrast=0.2, steps=steps)(model, problem)
    twin = deepcopy(model)
    walks = [(0.3, 0.0), (0.2, 0.0), (0.1, 0.01)]
    optimizers = [torch.optim.SGD(twin.parameters(), lr=lr, momentum=0.9, weight_decay=decay) for lr, decay in walks]

    def step(at, loss):
        optimizers[at].zero_grad()
        loss.backward()
        optimizers[at].step()

    x, retain, y = problem.forget.x, problem.retain.x, problem.retain.y
    step(0, F.kl_div(F.log_softmax(twin(x), -1), torch.full((len(x), 3), 1 / 3), reduction="batchmean"))
    step(1, -F.log_softmax(twin(x) @ twin(retain).detach().T / 1.15, dim=-1).mean())
    optimizers[2] = torch.optim.SGD(twin.parameters(), lr=0.1, weight_decay=0.01, momentum=0.9)
    step(2, F.cross_entropy(twin(retain), y))
    assert close(forgot, twin, 1e-5)


def test_labels_of_the_forget_set_have_no_part_in_it():
    model, problem = small()
    spoiled = replace(problem, forget=problem.forget.with_targets((problem.forget.y + 1) % 3))
    made = FCS(steps=replace(PLAIN, batch=16, epochs=2))
    assert close(made(model, problem), made(model, spoiled), 0.0)


def test_without_the_rounds_predictions_of_forget_are_nearer_to_uniform():
    model, problem = small()
    made = FCS(uniform=0.02, contrast=1e-7, forget_batch=4, steps=replace(PLAIN, lr=1e-7))
    forgot = made(model, problem).eval()
    with torch.no_grad():
        before, after = (-m(problem.forget.x).log_softmax(1).mean() for m in (model, forgot))
    assert float(after) < float(before)


def test_rounds_walk_in_other_orders():
    # The order of an epoch is its own: two rounds that repeated one order would see the same batches.
    noted = []

    class Noting(nn.Linear):
        def forward(self, x):
            noted.append(x[:, 0].tolist())
            return super().forward(x)

    model, problem = posed(lambda: Noting(4, 3))
    FCS(forget_batch=2, steps=replace(PLAIN, lr=1e-6, batch=2, epochs=2))(model, replace(problem, task=Classification(classes=3)))
    retain = set(problem.retain.x[:, 0].tolist())
    forget = [xs for xs in noted if len(xs) == 2 and not set(xs) & retain]
    # Three batches towards uniform, then three in each of two rounds.
    assert len(forget) == 9
    walks = [tuple(map(tuple, forget[at : at + 3])) for at in (0, 3, 6)]
    assert len(set(walks)) == 3
