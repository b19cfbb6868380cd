"""Inputs of a classifier head."""

import torch
from torch import nn

from untrain.data.examples import Batch
from untrain.models.features import forward_with_features
from untrain.models.tasks.classification import Classification


class Tied(nn.Module):
    """Words whose embedding is the head too."""

    def __init__(self, bias):
        super().__init__()
        self.words, self.mix, self.head = nn.Embedding(7, 4), nn.Linear(4, 4), nn.Linear(4, 7, bias=bias)
        self.head.weight = self.words.weight

    def forward(self, x):
        return self.head(self.mix(self.words(x).mean(1)))


def test_outputs_are_those_of_the_head_on_the_features_and_both_have_a_gradient():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    batch = Batch.labelled(torch.randn(4, 3), torch.zeros(4).long())
    outputs, vectors = forward_with_features(net, batch, Classification(classes=2))
    assert torch.equal(net[2](vectors), outputs)
    assert torch.autograd.grad(vectors.sum(), net[0].weight)[0].abs().sum() > 0
    assert not net[2]._forward_pre_hooks


def test_a_head_that_shares_its_weight_with_an_embedding_is_asked_for_vectors_and_not_for_words():
    batch = Batch.labelled(torch.randint(7, (4, 5)), torch.zeros(4).long())
    for bias in (False, True):
        net = Tied(bias)
        outputs, vectors = forward_with_features(net, batch, Classification(classes=7))
        assert vectors.shape == (4, 4)
        assert torch.equal(net.head(vectors), outputs)
