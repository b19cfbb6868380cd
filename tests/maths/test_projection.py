"""The subspace that a second moment gives most weight to."""

import pytest
import torch

from untrain.maths import projection
from untrain.maths.projection import leading_directions, project_off, retained_rank

S = torch.tensor([4.0, 3.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("share", "singular", "energy", "plus_one"),
    [(0.95, 3, 2, 4), (0.75, 2, 1, 3), (0.3, 0, 0, 1)],
)
def test_the_rules_keep_as_many_as_worked_out_by_hand(share, singular, energy, plus_one):
    assert retained_rank(S, share) == singular
    assert retained_rank(S, share, "energy") == energy
    assert retained_rank(S, share, "singular", "plus_one") == plus_one


def test_strict_leaves_out_a_direction_that_reaches_the_share_exactly():
    values = torch.tensor([2.0, 1.0, 1.0])
    assert (retained_rank(values, 0.5), retained_rank(values, 0.5, count="strict")) == (1, 0)


def test_what_has_no_weight_is_never_kept():
    assert retained_rank(torch.zeros(3), 0.9, count="plus_one") == 0
    assert retained_rank(torch.tensor([1.0, 1.0, 0.0, 0.0]), 0.99, count="plus_one") == 2


def moments(rank=5, d=9, seed=0):
    rows = torch.randn(rank, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return rows.T @ rows


def projector(found):
    """The matrix P of the subspace itself."""
    d = len(found.vectors)
    return torch.eye(d, dtype=torch.float64) - project_off(torch.eye(d, dtype=torch.float64), found)


@pytest.mark.parametrize("rule", [(0.3, "energy", "plus_one"), (0.8,), (0.999, "singular", "plus_one")])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_the_projection_is_one(rule, shift):
    found = leading_directions(moments() + shift * torch.eye(9, dtype=torch.float64), *rule)
    p = projector(found)
    assert found.rank > 0
    assert torch.allclose(p, p.T, atol=1e-13)
    assert torch.allclose(p @ p, p, atol=1e-13)
    assert float(p.trace()) == pytest.approx(found.rank, abs=1e-12)
    rows = torch.randn(4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert float((project_off(rows, found) @ p).abs().max()) < 1e-13


def test_directions_are_those_of_the_largest_eigenvalues_whichever_side_is_stored():
    whole = moments() + torch.eye(9, dtype=torch.float64)
    _, vectors = torch.linalg.eigh(whole)
    for share in (0.3, 0.8):
        found = leading_directions(whole, share)
        top = vectors[:, 9 - found.rank :]
        assert found.inside == (found.rank <= 9 - found.rank)
        assert found.vectors.shape[1] == min(found.rank, 9 - found.rank)
        assert torch.allclose(projector(found), top @ top.T, atol=1e-12)


@pytest.mark.parametrize("negative", ["clip", "abs"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
def test_large_matrices_have_the_same_directions(share, negative, monkeypatch):
    indefinite = moments(9, 9) - moments(3, 9, seed=4)
    small = leading_directions(indefinite, share, negative=negative)
    monkeypatch.setattr(projection, "WHOLE", 4)
    large = leading_directions(indefinite, share, negative=negative)
    assert (small.rank, small.inside) == (large.rank, large.inside)
    assert torch.allclose(projector(small), projector(large), atol=1e-12)


def test_of_an_indefinite_matrix_negative_directions_are_left_out_or_counted_as_the_authors_do():
    rotation, _ = torch.linalg.qr(moments(9, 9, seed=2))
    values = torch.tensor([40.0, 4.0, 1.0, 0.5, 0.0, -0.2, -1.0, -5.0, -19.589], dtype=torch.float64)
    indefinite = rotation @ torch.diag(values) @ rotation.T
    clip = leading_directions(indefinite, 0.7, negative="clip")
    assert clip.clipped == pytest.approx(25.789 / 19.711, rel=1e-6)
    assert leading_directions(-indefinite, 0.7).clipped == float("inf")
    assert torch.allclose(projector(clip), rotation[:, :1] @ rotation[:, :1].T, atol=1e-12)
    # torch.svd of the difference, as their code takes it: U by absolute eigenvalue.
    u, s, _ = torch.linalg.svd(indefinite)
    rank = int((s.sqrt().cumsum(0) / s.sqrt().sum() <= 0.7).sum())
    absolute = leading_directions(indefinite, 0.7, negative="abs")
    assert absolute.rank == rank == 2
    assert torch.allclose(projector(absolute), u[:, :rank] @ u[:, :rank].T, atol=1e-10)
    assert abs(float((rotation[:, 8] @ projector(absolute)) @ rotation[:, 8]) - 1) < 1e-10


def test_what_rounding_makes_is_no_direction():
    found = leading_directions(moments(5, 9), 0.9999999, count="plus_one")
    assert found.rank == 5
