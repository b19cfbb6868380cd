"""Transposed convolutions."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from one_step import LR, PLAIN, close, convolutional, network, posed
from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.unlearners.ct import CT


def test_without_a_step_kernels_are_transposed_and_nothing_else():
    model, problem = posed(convolutional, 25)
    forgot = CT(steps=replace(PLAIN, epochs=0))(model, problem)
    for at in (1, 3):
        assert torch.equal(forgot[at].weight, model[at].weight.transpose(2, 3))
        assert torch.equal(forgot[at].bias, model[at].bias)
    assert torch.equal(forgot[5].weight, model[5].weight)
    # Of a model that looks at images as they are, this is one that looks at transposed images.
    flipped = problem.retain.x.reshape(-1, 5, 5).transpose(1, 2).flatten(1)
    with torch.no_grad():
        maps = lambda net, x: net[:4](x)  # noqa: E731
        assert torch.allclose(maps(forgot, flipped), maps(model, problem.retain.x).transpose(2, 3), atol=1e-6)


def test_then_the_model_is_finetuned():
    model, problem = posed(convolutional, 25)
    forgot = CT(steps=PLAIN)(model, problem)
    twin = CT(steps=replace(PLAIN, epochs=0))(model, problem)
    F.cross_entropy(twin(problem.retain.x), problem.retain.y).backward()
    with torch.no_grad():
        for p in twin.parameters():
            p -= LR * p.grad
    assert close(forgot, twin)


def test_under_a_mask_single_weights_are_transposed():
    model, problem = posed(convolutional, 25)
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    bits["1.weight"][0, 0, 0, 1] = True
    forgot = CT(steps=replace(PLAIN, epochs=0))(model, replace(problem, mask=Mask(bits, problem.digest), head="masked"))
    changed = forgot[1].weight != model[1].weight
    assert changed.sum() == 1
    assert forgot[1].weight[0, 0, 0, 1] == model[1].weight[0, 0, 1, 0]


def test_models_without_kernels_to_transpose_are_refused():
    of_points = lambda: nn.Sequential(nn.Unflatten(1, (1, 5, 5)), nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(50, 3))  # noqa: E731
    for given in (posed(network), posed(of_points, 25)):
        with pytest.raises(
            ModelError, match=r"CT transposes kernels of convolutions, and Sequential has none of two or more pixels"
        ):
            CT()(*given)
