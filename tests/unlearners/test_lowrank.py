"""Changes of low rank: their rank, one step by the formula, what stays, and masks."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import texts
from one_step import LR, PLAIN, posed
from untrain.core.errors import ModelError, SpecError
from untrain.core.mask import Mask
from untrain.core.seeds import derive_seed
from untrain.core.spec import parse
from untrain.localizers.gradient import Gradient
from untrain.training.low_rank import LowRankLayer, add_low_rank, merge_low_rank
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.lowrank import LowRank
from untrain.unlearners.npo import NPO


def rank(change):
    values = torch.linalg.svdvals(change.double())
    return int((values > 1e-2 * values[0]).sum())


@pytest.mark.parametrize("asked", [1, 2])
def test_what_is_added_to_linear_layers_has_that_rank_and_all_else_stays(asked):
    model, problem = texts.problem("causal")
    forgot = LowRank(unlearner=NPO(steps=replace(PLAIN, lr=0.5, epochs=8)), rank=asked)(model, problem)
    before, after = dict(model.named_parameters()), dict(forgot.named_parameters())
    assert before.keys() == after.keys()
    linear = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == linear
    assert {rank((after[name] - before[name]).detach()) for name in linear} == {asked}


def test_two_steps_are_those_of_the_formula():
    model, problem = posed()
    forgot = LowRank(unlearner=GradAscent(steps=replace(PLAIN, epochs=2)), rank=2, scale=3.0)(model, problem)
    draws = torch.Generator().manual_seed(derive_seed(problem.seed))
    places = (0, 2)
    downs = [torch.empty(2, n).uniform_(-(n**-0.5), n**-0.5, generator=draws).requires_grad_() for n in (4, 6)]
    ups = [torch.zeros(n, 2, requires_grad=True) for n in (6, 3)]
    for _ in range(2):
        hand = deepcopy(model)
        weights = [model[at].weight.detach() + 3.0 * up @ down for at, up, down in zip(places, ups, downs, strict=True)]
        out = torch.func.functional_call(hand, {"0.weight": weights[0], "2.weight": weights[1]}, problem.forget.x)
        grads = torch.autograd.grad(-F.cross_entropy(out, problem.forget.y), [*ups, *downs])
        with torch.no_grad():
            for p, g in zip([*ups, *downs], grads, strict=True):
                p -= LR * g
    for at, up, down in zip(places, ups, downs, strict=True):
        assert torch.allclose(forgot[at].weight, model[at].weight + 3.0 * up @ down, atol=2e-6)
        assert torch.equal(forgot[at].bias, model[at].bias)


def test_within_a_mask_nothing_else_moves_and_what_moves_is_the_products_entries():
    model, problem = texts.problem("causal")
    made = LowRank(unlearner=Finetune(steps=replace(PLAIN, epochs=2))) @ Gradient(keep=0.3)
    outcome = made.run(model, problem)
    assert outcome.guard.outside_mask_max == 0
    moved = {name: p.detach() != dict(model.named_parameters())[name] for name, p in outcome.model.named_parameters()}
    assert any(bool(bits.any()) for bits in moved.values())
    assert all(bool((outcome.mask.bits[name] | ~bits).all()) for name, bits in moved.items())


LAYERS = {
    "linear": lambda: (nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)), torch.randn(4, 5)),
    "convolutions": lambda: (nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.Tanh(), nn.Conv2d(4, 3, 2)), torch.randn(4, 2, 6, 6)),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_outputs_with_the_change_beside_and_merged_agree(kind, masked):
    torch.manual_seed(0)
    model, x = LAYERS[kind]()
    trainable = Mask({name: torch.rand(p.shape) < 0.5 for name, p in model.named_parameters()}, "") if masked else None
    mask = add_low_rank(model, trainable, 3, 2.0, 0)
    assert [name for name, bits in mask.bits.items() if bits.all()] == ["0.down", "0.up", "2.down", "2.up"]
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, LowRankLayer):
                layer.up.normal_()
    beside = model(x)
    if kind == "linear":  # who takes the weight by its name takes the change too
        assert torch.allclose(F.linear(x, model[0].weight, model[0].bias), model[0](x), atol=1e-6)
    assert torch.allclose(merge_low_rank(model)(x), beside, atol=1e-5)
    assert not any(isinstance(layer, LowRankLayer) for layer in model.modules())


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(SpecError, match=r"confine the whole, as LowRank\(\.\.\.\) @ Gradient\(\)"):
        parse("LowRank(unlearner=NPO @ Gradient(keep=0.5))")
    with pytest.raises(SpecError, match=r"changes a ConvexModel, which has no linear layers"):
        parse("LowRank(unlearner=Newton())")
    net, problem = posed(lambda: nn.Sequential(nn.Linear(4, 3)).eval())
    net[0].weight.requires_grad_(False)
    with pytest.raises(ModelError, match=r"no linear layer or convolution with a weight of its own may move"):
        LowRank()(net, problem)
