"""Rotations by place keep lengths, and products see distances alone."""

import torch

from untrain.maths.rotary import rotated

PLACES, WIDTH = 40, 8


def test_products_depend_on_the_distance_of_two_places_alone():
    draws = torch.Generator().manual_seed(0)
    query, key = (torch.randn(WIDTH, generator=draws, dtype=torch.float64) for _ in range(2))
    near = rotated(query.expand(PLACES, WIDTH)) @ rotated(key.expand(PLACES, WIDTH)).T
    for distance in range(-PLACES + 1, PLACES):
        along = near.diagonal(distance)
        assert torch.allclose(along, along[:1].expand_as(along), atol=1e-5)
    # cos and sin of distance times speed, pair by pair
    speeds = 10_000.0 ** (-torch.arange(WIDTH // 2, dtype=torch.float64) / (WIDTH // 2))
    a, b, c, d = query[:4], query[4:], key[:4], key[4:]
    by_hand = ((a * c + b * d) * (7 * speeds).cos() - (b * c - a * d) * (7 * speeds).sin()).sum()
    assert torch.allclose(near[7, 0], by_hand.to(near), atol=1e-5)


def test_lengths_stay_and_the_first_place_does_not_turn():
    vectors = torch.randn(3, PLACES, WIDTH)
    turned = rotated(vectors)
    assert torch.allclose(turned.norm(dim=-1), vectors.norm(dim=-1), atol=1e-5)
    assert torch.equal(turned[:, 0], vectors[:, 0])
    assert not torch.allclose(turned[:, 1:], vectors[:, 1:], atol=1e-2)
