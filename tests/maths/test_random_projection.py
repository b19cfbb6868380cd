"""Random projections: drawn block by block, the same each time, and true in the mean."""

import torch

from untrain.maths.random_projection import BLOCK, directions, project


def test_a_projection_is_the_product_with_its_blocks():
    rows = torch.randn(3, BLOCK + 100, generator=torch.Generator().manual_seed(0))
    whole = torch.cat([directions(0, 16, 7), directions(1, 16, 7)])[: BLOCK + 100]
    assert torch.allclose(project(rows, 16, 7), rows @ whole, atol=1e-4)


def test_rows_are_projected_alike_in_any_company():
    rows = torch.randn(5, 300, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(project(rows, 32, 0)[[2]], project(rows[[2]], 32, 0), atol=1e-5)


def test_blocks_and_seeds_differ():
    first = directions(0, 64, 0)
    for other in (directions(1, 64, 0), directions(0, 64, 1)):
        assert abs(float((first.sign() * other.sign()).mean())) < 0.01


def test_inner_products_are_kept_in_the_mean_over_seeds():
    a, b = torch.randn(2, 1, 200, generator=torch.Generator().manual_seed(0))
    true = float((a * b).sum())
    seen = torch.tensor([float((project(a, 8, s) * project(b, 8, s)).sum()) for s in range(3_000)])
    assert abs(float(seen.mean()) - true) < 4 * float(seen.std()) / 3_000**0.5


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    project(torch.ones(1, 10), 4, 0)
    assert torch.equal(before, torch.get_rng_state())
