"""SalUn's saliency."""

import numpy as np
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.localizers.gradient import Gradient
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.toy import neuron, small


def test_single_weights_are_saluns_mask():
    model, problem = small()
    problem.task.loss(model, problem.forget).sum().backward()
    flat = torch.cat([p.grad.flatten() for p in model.parameters()]).abs()
    kept = torch.zeros(len(flat), dtype=torch.bool)
    kept[flat.argsort(descending=True, stable=True)[: len(flat) // 2]] = True
    made = torch.cat([b.flatten() for b in Gradient(keep=0.5)(*small()).bits.values()])
    assert torch.equal(made, kept)


def test_a_weight_of_zero_is_critical_to_the_gradient_and_not_to_the_weighted_one():
    model = nn.Linear(2, 2).eval()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0, 1.0], [0.5, 0.5]]))
        model.bias.zero_()
    forget = Examples.labelled(torch.tensor([[9.0, 1.0]]), torch.tensor([0]), np.arange(1), 2)
    problem = Problem(Classification(), forget, forget)
    assert Gradient(keep=0.2)(model, problem).bits["weight"].tolist() == [[True, False], [False, False]]
    weighted = WeightedGrad(keep=0.5, per="weight")(model, problem).bits
    assert weighted["weight"].tolist() == [[False, True], [True, True]]
    assert not weighted["bias"].any()


def test_the_head_moves_where_it_is_masked_only():
    assert Gradient().classifier == "masked"


def test_by_channel_it_finds_the_planted_neuron():
    model, problem = neuron(4)
    bits = Gradient(keep=0.3, per="channel")(model, problem).bits["0.weight"]
    assert bits[4].all()


def test_on_all_training_data_it_is_the_gradient_of_forget_and_retain_set():
    model, problem = small()
    (problem.task.loss(model, problem.forget).sum() + problem.task.loss(model, problem.retain).sum()).backward()
    flat = torch.cat([p.grad.flatten() for p in model.parameters()]).abs()
    made = torch.cat([b.flatten() for b in Gradient(keep=0.2, on="all")(*small()).bits.values()])
    assert float(flat[made].min()) >= float(flat[~made].max()) - 1e-5


def test_on_all_training_data_it_is_blind_to_the_request():
    assert Gradient(on="all").ignores_forget_set()
    assert not Gradient().ignores_forget_set()
