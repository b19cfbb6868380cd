"""Boundary Shrink."""

from copy import deepcopy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from untrain.data.examples import Batch, Examples
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.preprocessed import Preprocessed
from untrain.models.state import state
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.boundaryshrink import BoundaryShrink, neighbours

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def images():
    """Images in bytes, a network that normalises them, and a request for all of them."""
    torch.manual_seed(0)
    x = torch.randint(0, 256, (12, 3, 8, 8), dtype=torch.uint8)
    model = Preprocessed(model=ConvNet(width=4), mean=MEAN, std=STD).build((3, 8, 8), 3).eval()
    return model, Problem(Classification(), Examples.labelled(x, torch.arange(12) % 3, np.arange(12), 3), seed=1)


def test_two_steps_of_the_authors_code_give_the_same_weights_and_statistics():
    """Their images come normalised and are un-normalised to be moved; ours are pixels, normalised in the network."""
    model, problem = images()
    steps, bound = Steps(lr=0.05, epochs=2, batch=12, schedule=Constant()), 0.1
    ours, theirs = BoundaryShrink(bound=bound, steps=steps)(model, problem), deepcopy(model).train()
    mean, std = (torch.tensor(each).reshape(1, 3, 1, 1) for each in (MEAN, STD))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    pushed = 0
    for epoch in range(2):
        for (batch,) in problem.forget_batches(steps).draw(epoch):
            normal = ((batch.x / 255 - mean) / std).requires_grad_()
            F.cross_entropy(model(normal * std + mean), batch.y).backward()
            moved = (normal.detach() * std + mean) + bound * normal.grad.sign()
            moved = torch.round(moved.clamp(0, 1) * 255) / 255
            with torch.no_grad():
                nearest = model(moved).argmax(1)
            pushed += int((nearest != model(batch.x / 255).argmax(1)).sum())
            optimizer.zero_grad()
            F.cross_entropy(theirs(batch.x / 255), nearest).backward()
            optimizer.step()
    assert pushed > 0
    for name, value in state(theirs.eval()).items():
        torch.testing.assert_close(state(ours)[name], value, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(next(ours.parameters()), next(model.parameters()), atol=1e-3)


def test_the_class_across_the_boundary_is_that_of_a_plane_nearer_than_the_bound():
    """The margin of a linear model falls by bound times the absolute sum of its weights."""
    model = nn.Linear(2, 2, bias=False).eval()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[2.0, -1.0], [0.0, 0.0]]))
    x = torch.tensor([[0.149, 0.0], [0.151, 0.0], [-0.149, 0.0]])
    batch = Batch.labelled(x, torch.tensor([0, 0, 1]))
    assert neighbours(Classification(classes=2), model, batch, bound=0.1).tolist() == [1, 0, 0]
    assert neighbours(Classification(classes=2), model, batch, bound=0.05).tolist() == [0, 0, 1]


def test_pixels_stay_pixels_and_other_numbers_go_where_they_will():
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2)).eval()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[0.0], [1.0]]))
        model[1].bias.copy_(torch.tensor([0.0, -1.05]))
    task, labels = Classification(classes=2), torch.tensor([0])
    pixel = torch.full((1, 1, 1, 1), 250, dtype=torch.uint8)
    assert neighbours(task, model, Batch.labelled(pixel, labels), bound=0.1).tolist() == [0]
    assert neighbours(task, model, Batch.labelled(pixel / 255, labels), bound=0.1).tolist() == [1]


def test_the_forget_set_goes_over_to_its_neighbours_without_the_retain_set():
    model, problem = small()
    steps = Steps(lr=0.02, epochs=60, batch=16, schedule=Constant(), buffers="freeze")
    batch = Batch.labelled(problem.forget.x[:], problem.forget.y[:])
    wanted = neighbours(problem.task, model, batch, bound=1.0)
    assert float((wanted != problem.forget.y).float().mean()) > 0.6
    ours = BoundaryShrink(bound=1.0, steps=steps)(model, Problem(problem.task, problem.forget, seed=3))
    assert ours(problem.forget.x).argmax(1).tolist() == wanted.tolist()
