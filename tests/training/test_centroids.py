"""Centroids of classes, and distances to them."""

import math

import pytest
import torch
from torch import nn

from untrain.core.errors import NotFinite, RequestError
from untrain.data.examples import Batch
from untrain.models.tasks.classification import Classification
from untrain.training.centroids import centroids_of, cosine_distance, nearest_other, vectors_of


def test_a_distance_is_that_of_angles_alone_and_at_most_two():
    angles = torch.linspace(0, math.pi, 9, dtype=torch.float64)
    around = torch.stack([angles.cos(), angles.sin()], 1)
    expected = 1 - angles.cos()
    for scale, other in ((1.0, 1.0), (1e-3, 50.0)):
        found = cosine_distance(scale * around, other * torch.tensor([1.0, 0.0], dtype=torch.float64))
        torch.testing.assert_close(found, expected, atol=1e-15, rtol=0)


def test_its_gradient_turns_an_embedding_and_does_not_stretch_it():
    draw = torch.Generator().manual_seed(0)
    vectors = torch.randn(20, 6, dtype=torch.float64, generator=draw, requires_grad=True)
    centroid = torch.randn(6, dtype=torch.float64, generator=draw)
    (gradient,) = torch.autograd.grad(cosine_distance(vectors, centroid).sum(), vectors)
    assert gradient.norm(dim=1).min() > 1e-3
    assert float((gradient * vectors.detach()).sum(1).abs().max()) < 1e-15


def test_an_embedding_of_zeros_has_distance_one_and_a_finite_gradient():
    vector = torch.zeros(1, 3, requires_grad=True)
    distance = cosine_distance(vector, torch.ones(3))
    (gradient,) = torch.autograd.grad(distance.sum(), vector)
    assert distance.tolist() == [1.0]
    assert bool(torch.isfinite(gradient).all())


def test_centroids_are_means_over_batches_of_any_size_and_a_class_without_examples_has_none():
    vectors, labels = torch.arange(14.0).reshape(7, 2), torch.tensor([0, 3, 0, 3, 3, 1, 0])
    cuts = [(vectors[rows], Batch.labelled(vectors[rows], labels[rows])) for rows in (slice(0, 3), slice(3, 7))]
    made = centroids_of(cuts, classes=4)
    assert made.counts.tolist() == [3, 1, 0, 3]
    for label in (0, 1, 3):
        torch.testing.assert_close(made.vectors[label], vectors[labels == label].mean(0))
    assert made.vectors[2].tolist() == [0, 0]


def test_head_inputs_that_are_not_finite_are_refused():
    model = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 2)).eval()
    batch = Batch.labelled(torch.tensor([[torch.nan]]), torch.tensor([0]))
    with pytest.raises(NotFinite, match="inputs of the head of Sequential are NaN or infinite on some examples"):
        list(vectors_of(model, Classification(classes=2), [batch]))


def test_the_nearest_class_is_never_ones_own_and_never_one_without_a_centroid():
    draw = torch.Generator().manual_seed(0)
    distances, labels = torch.rand(200, 5, generator=draw), torch.randint(5, (200,), generator=draw)
    chosen = nearest_other(distances, labels, torch.tensor([3, 1, 0, 2, 9]))
    for row, own, found in zip(distances.tolist(), labels.tolist(), chosen.tolist(), strict=True):
        assert found == min((d, k) for k, d in enumerate(row) if k not in (own, 2))[1]


def test_who_has_no_other_class_to_go_to_is_refused():
    with pytest.raises(RequestError, match="no other class to go to: the retain set needs examples of another class"):
        nearest_other(torch.zeros(1, 3), torch.tensor([1]), torch.tensor([0, 4, 0]))
