"""The least likely tokens: means of a share of them, and what they are standardised by."""

import pytest
import torch

from untrain.maths.lowest_tokens import lowest_mean, standardised


def test_a_share_of_the_scored_tokens_is_taken_and_one_at_least():
    values = torch.tensor([[-1.0, -7.0, -3.0, -5.0, -2.0, -99.0], [-4.0, -2.0, 0.0, 0.0, 0.0, 0.0]])
    scored = torch.tensor([[True] * 5 + [False], [True] * 2 + [False] * 4])
    assert lowest_mean(values, scored, 0.4).tolist() == [-6.0, -4.0]
    assert lowest_mean(values, scored, 0.01).tolist() == [-7.0, -4.0]
    assert lowest_mean(values, scored, 1.0).tolist() == pytest.approx([-18 / 5, -3.0])


def test_standardised_by_the_models_own_law():
    logits = torch.tensor([[[0.5, 0.3, 0.2]]], dtype=torch.float64).log()
    found = [standardised(logits, value.view(1, 1)).item() for value in logits[0, 0]]
    assert found == pytest.approx([0.922837, -0.478056, -1.590008], abs=1e-6)
    assert sum(p * z for p, z in zip((0.5, 0.3, 0.2), found, strict=True)) == pytest.approx(0, abs=1e-9)
    sure = torch.tensor([[[50.0, 0.0, 0.0]]])
    every = sure.log_softmax(-1)
    assert standardised(every, every[..., 0]).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_of_a_law_that_is_nearly_flat_the_deviation_is_not_lost_in_half_precision(dtype):
    """Two tokens of 1,000 have e times the chance of others: what they have above the mean is 13 deviations."""
    z = torch.zeros(1, 1, 1000, dtype=torch.float64)
    z[..., :2] = 1.0
    exact = z.log_softmax(-1)
    p = exact.exp()
    mean = (p * exact).sum()
    wanted = ((exact - mean) / (p * (exact - mean) ** 2).sum().sqrt())[..., 0].item()
    every = exact.to(dtype)
    assert standardised(every, every[..., 0]).item() == pytest.approx(wanted, rel=2e-2)
    assert standardised(every, every[..., 0]).dtype == dtype
