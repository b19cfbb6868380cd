"""Papers' names and the expressions that they stand for."""

import math
from copy import deepcopy
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from untrain.core import discovery
from untrain.core.seeds import derive_seed
from untrain.core.spec import parse
from untrain.data.examples import Examples, take
from untrain.models.architectures.resnet import ResNet
from untrain.models.architectures.vit import ViT
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.base import Localized
from untrain.unlearners.recipes import DEL, CFk, EUk, SalUn

EXPANSIONS = {
    "DEL()": "ResetFinetune @ WeightedGrad",
    "DEL(keep=0.1)": "ResetFinetune @ WeightedGrad(keep=0.1)",
    "DEL(reference=True)": "ResetFinetune(rest='drop') @ "
    "WeightedGrad(channels=Channels(unit='elements'), gather=Gather(samples='code'))",
}


@pytest.mark.parametrize("spelling", EXPANSIONS)
def test_del_stands_for_its_parts(spelling):
    assert parse(spelling).expand() == parse(EXPANSIONS[spelling])


def test_salun_relabels_at_each_step_what_the_gradient_finds():
    made = SalUn().expand()
    assert made.unlearner.draw == "step"
    assert made.localizer.per == "weight"
    assert made.localizer.keep == 0.5


@pytest.mark.parametrize("recipe", [DEL, SalUn, CFk, EUk])
def test_steps_reach_the_unlearner(recipe):
    assert recipe(steps=Steps(lr=0.5)).expand().unlearner.steps.lr == 0.5


def test_salun_departs_from_its_authors_as_it_says():
    steps = SalUn().steps
    assert (steps.optimizer.decay, steps.epochs, type(steps.schedule).__name__) == (0.0, "30%", "Cosine")
    assert all(word in (SalUn.__doc__ or "").partition("Departs:")[2] for word in ("5e-4", "10", "cosine"))


@pytest.mark.parametrize(("recipe", "unlearner"), [(CFk, "Finetune"), (EUk, "ResetFinetune")])
def test_goels_baselines_move_the_last_layers_and_no_other(recipe, unlearner):
    assert type(recipe().expand().unlearner).__name__ == unlearner
    model, problem = small()
    outcome = recipe(layers=2, steps=Steps(lr=0.05, epochs=1, batch=16)).run(model, problem)
    before = dict(model.named_parameters())
    moved = {n for n, p in outcome.model.named_parameters() if not p.equal(before[n])}
    # The last convolution, its batch norm, the head.
    assert moved == {"7.weight", "8.weight", "8.bias", "12.weight", "12.bias"}


def test_resetting_the_last_layers_begins_anew_there_and_finetuning_does_not():
    model, problem = small()
    steps = Steps(lr=1e-6, epochs=1)
    far, near = (recipe(steps=steps).run(model, problem).guard.moved_norm for recipe in (EUk, CFk))
    assert far > 0.5
    assert near < 1e-4


KINDS = {"resnet": ResNet(width=16, depth=10), "vit": ViT(patch=4, width=24, depth=2, heads=3, hidden=32)}


@lru_cache(maxsize=2)
def made(kind):
    """A network in double precision, no parameter or statistic of which is at its first value, and 263 of 331 images to forget."""
    torch.manual_seed(0)
    model = KINDS[kind].build((3, 8, 8), 10).double()
    x, y = torch.rand(331, 3, 8, 8, dtype=torch.float64), torch.arange(331) % 10
    with torch.no_grad():
        for p in model.parameters():
            p += 0.05 * torch.randn_like(p)
        for _ in range(5):
            model(x + 0.1 * torch.randn_like(x))
    data = Examples.labelled(x, y, np.arange(331), 10)

    def init(seed):
        torch.manual_seed(seed)
        return KINDS[kind].build((3, 8, 8), 10).double()

    return model.eval(), Problem(Classification(), take(data, np.arange(263)), take(data, np.arange(263, 331)), init=init, seed=5)


def mask_of_the_code(model, x, y, alpha, top):
    """The mask of DEL's generate_mask.py, from its description: name -> bool tensor.

    Batches of 128, the rest dropped; the mean loss with its sign turned; weight times gradient, added up batch by batch, then
    the magnitude; of what has two or more dimensions the mean of the ``top`` largest of a row stands for all of its weights;
    ranks over all parameters together, below the whole part of ``alpha`` times their number.
    """
    model = deepcopy(model).eval()
    held = list(model.named_parameters())
    total = [torch.zeros_like(p) for _, p in held]
    for start in range(0, len(y) - 127, 128):
        loss = -F.cross_entropy(model(x[start : start + 128]), y[start : start + 128])
        grads = torch.autograd.grad(loss, [p for _, p in held])
        total = [t + p.detach() * g for t, (_, p), g in zip(total, held, grads, strict=True)]
    spread = []
    for t, (name, p) in zip(total, held, strict=True):
        score = t.abs()
        if p.ndim > 1:
            # The code has one row for all tokens of a position embedding; ours has a row a token.
            matrix = score.reshape(p.shape[1] if name == "pos_embedding" else len(p), -1)
            best = matrix.sort(dim=1, descending=True).values[:, : top(matrix)]
            score = best.mean(1, keepdim=True).expand_as(matrix)
        spread.append(score.flatten())
    order = torch.argsort(-torch.cat(spread), stable=True)
    rank = torch.argsort(order)
    flat = rank < int(alpha * len(rank))
    parts = flat.split([p.numel() for _, p in held])
    return {name: bits.reshape(p.shape) for (name, p), bits in zip(held, parts, strict=True)}


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.3, 1.0])
@pytest.mark.parametrize(("kind", "top"), [("resnet", lambda m: int(0.1 * len(m))), ("vit", lambda m: m.shape[1])])
def test_the_reference_mask_of_del_is_that_of_its_code_weight_by_weight(kind, top, alpha):
    model, problem = made(kind)
    wanted = mask_of_the_code(model, problem.forget.x, problem.forget.y, alpha, top)
    found = DEL(keep=alpha, reference=True).expand().localizer(model, problem).bits
    assert sum(int(b.sum()) for b in found.values()) == int(alpha * sum(b.numel() for b in found.values()))
    assert all(torch.equal(found[n], wanted[n]) for n in wanted)


def test_the_reference_mask_of_del_cuts_a_channel_and_that_of_the_paper_does_not():
    model, problem = made("resnet")

    def cut(how):
        bits = how.expand().localizer(model, problem).bits
        return sum(bool(row.any()) and not bool(row.all()) for b in bits.values() if b.ndim > 1 for row in b)

    assert (cut(DEL(reference=True)), cut(DEL())) == (1, 0)


def full_batches(problem, steps, epoch):
    """An epoch's batches without the last, which is not full: 68 examples are two of 32 and four."""
    found = [batch for (batch,) in problem.retain_batches(steps).draw(epoch)]
    assert [len(batch.y) for batch in found] == [32, 32, 4]
    return found[:2]


def test_del_unlearns_as_its_code_reset_in_the_mask_and_a_finetuned_head():
    model, problem = made("resnet")
    epochs, lr = 3, 0.015
    steps = Steps(lr=lr, epochs=epochs, batch=32)
    forgot = DEL(keep=0.3, steps=steps, reference=True)(model, problem)
    mask = mask_of_the_code(model, problem.forget.x, problem.forget.y, 0.3, lambda m: int(0.1 * len(m)))
    ours, fresh = deepcopy(model), dict(problem.init(derive_seed(problem.seed)).named_parameters())
    held = dict(ours.named_parameters())
    with torch.no_grad():
        for name, p in held.items():
            p.copy_(torch.where(mask[name], fresh[name], p))
    free = {n: torch.ones_like(b) if n.startswith("fc") else b for n, b in mask.items()}
    speed = {n: torch.zeros_like(p) for n, p in held.items()}
    ours.train()
    for epoch in range(epochs):
        rate = 0.01 * lr + (lr - 0.01 * lr) * (1 + math.cos(math.pi * epoch / epochs)) / 2
        for batch in full_batches(problem, steps, epoch):
            grads = torch.autograd.grad(F.cross_entropy(ours(batch.x), batch.y), list(held.values()))
            with torch.no_grad():
                for (name, p), g in zip(held.items(), grads, strict=True):
                    speed[name].mul_(0.9).add_(g * free[name])
                    p -= rate * speed[name]
    for (name, a), b in zip(forgot.state_dict().items(), ours.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11, msg=name)


RECIPES = [discovery.load(place.name) for place in discovery.of_role("recipe")]
CONFINED = [recipe for recipe in RECIPES if isinstance(recipe().expand(), Localized)]


@pytest.mark.parametrize("recipe", CONFINED, ids=lambda recipe: recipe.__name__)
def test_a_recipe_leaves_what_is_outside_its_mask_and_moves_what_is_inside(recipe):
    model, problem = small()
    made = recipe(steps=Steps(lr=0.05, epochs=1, batch=16)).expand()
    outcome = made.run(model, problem)
    head = problem.task.head(model) if made.localizer.classifier == "full" else ()
    moved = 0
    for name, p in outcome.model.named_parameters():
        free, before = outcome.mask.bits[name], model.get_parameter(name)
        outside = torch.zeros_like(free) if name in head else ~free
        assert torch.equal(p[outside], before[outside])
        moved += int((p[free] != before[free]).sum())
    assert moved > 0
