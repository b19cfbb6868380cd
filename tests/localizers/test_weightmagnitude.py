"""Magnitudes of weights."""

import pytest
import torch

from untrain.localizers._mask_units import Channels
from untrain.localizers.weightmagnitude import WeightMagnitude
from untrain.training.toy import small


@pytest.mark.parametrize("keep", [0.05, 0.3])
def test_single_weights_are_those_that_pruning_would_keep(keep):
    model, problem = small()
    flat = torch.cat([p.detach().flatten() for p in model.parameters()]).abs()
    made = torch.cat([b.flatten() for b in WeightMagnitude(keep=keep)(model, problem).bits.values()])
    assert float(flat[made].min()) >= float(flat[~made].max())


def test_by_tensor_the_largest_mean_comes_first():
    model, problem = small()
    means = {n: float(p.detach().abs().mean()) for n, p in model.named_parameters()}
    best = max(means, key=means.get)
    count = dict(model.named_parameters())[best].numel()
    made = WeightMagnitude(per="tensor", channels=Channels(count=count))(model, problem).bits
    assert [n for n, b in made.items() if bool(b.any())] == [best]


def test_a_tensor_can_be_filled_up_to_the_budget():
    model, problem = small()
    made = WeightMagnitude(per="tensor", keep=0.3, channels=Channels(unit="elements"))(model, problem).bits
    total = sum(b.numel() for b in made.values())
    assert sum(int(b.sum()) for b in made.values()) == int(0.3 * total)
    assert sum(bool(b.any()) and not bool(b.all()) for b in made.values()) <= 1


def test_attached_norms_go_with_the_convolution_before_them():
    made = WeightMagnitude(per="tensor", keep=0.7, channels=Channels(flat="attach"))(*small()).bits
    for conv, norm in (("0", "1"), ("4", "5"), ("7", "8")):
        whole = {bool(made[n].any()) for n in (f"{conv}.weight", f"{norm}.weight", f"{norm}.bias")}
        assert len(whole) == 1
