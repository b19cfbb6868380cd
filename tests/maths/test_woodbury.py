"""Solving with a damped mean of outer products."""

import pytest
import torch

from untrain.maths.woodbury import rescaled, woodbury


def drawn(n=9, d=6):
    """n vectors of length d, and one to solve for, in double precision."""
    draw = torch.Generator().manual_seed(n + d)
    return torch.randn(n, d, generator=draw, dtype=torch.float64), torch.randn(d, generator=draw, dtype=torch.float64)


@pytest.mark.parametrize("damping", [1.0, 0.01])
@pytest.mark.parametrize("block", [1, 2, 4, 100])
@pytest.mark.parametrize("n", [1, 5, 9])
def test_it_is_the_solution_of_the_dense_system(n, block, damping):
    g, v = drawn(n)
    dense = damping * torch.eye(6, dtype=torch.float64) + g.T @ g / n
    k = woodbury(v, lambda start, stop: g[start:stop], n, damping, block)
    assert torch.allclose(k, torch.linalg.solve(dense, v), rtol=0, atol=1e-10)


def test_vectors_are_held_two_blocks_at_a_time():
    g, v = drawn()
    asked = []
    woodbury(v, lambda start, stop: asked.append(stop - start) or g[start:stop], 9, 1.0, 4)
    assert max(asked) == 4


def test_the_published_recursion_only_corrects_along_the_first_vector():
    g, v = drawn()
    off = rescaled(v, iter(g), 1000) - v
    along = g[0] / g[0].norm()
    assert float((off - (off @ along) * along).norm()) < 1e-12 * float(off.norm())
    assert float(off.norm()) > 0


def test_the_exact_solution_corrects_in_all_directions():
    g, v = drawn()
    off = woodbury(v, lambda start, stop: g[start:stop], 9, 1.0, 100) - v
    along = g[0] / g[0].norm()
    assert float((off - (off @ along) * along).norm()) > 0.1 * float(off.norm())


@pytest.mark.parametrize("gone", [1, 10, 50])
def test_a_newton_step_by_it_takes_a_group_out_of_a_ridge_exactly(gone):
    draw = torch.Generator().manual_seed(gone)
    x, y = torch.randn(200, 20, generator=draw, dtype=torch.float64), torch.randn(200, generator=draw, dtype=torch.float64)
    full, retrained = (
        torch.linalg.solve(part.T @ part + torch.eye(20), part.T @ y[len(y) - len(part) :]) for part in (x, x[gone:])
    )
    rest, n = x[gone:], 200 - gone
    gradient = rest.T @ (rest @ full - y[gone:]) + full
    step = woodbury(gradient, lambda start, stop: rest[start:stop], n, damping=1 / n, block=64) / n
    assert float((full - step - retrained).norm() / (full - retrained).norm()) < 1e-11
