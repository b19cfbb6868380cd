"""A head reset, and noise epoch by epoch."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from one_step import LR, PLAIN, close, posed
from untrain.core.errors import ModelError, SpecError
from untrain.core.metering import metered
from untrain.core.seeds import derive_seed
from untrain.training.steps import SGD
from untrain.unlearners.rni import RNI

HEAD = {"8.weight", "8.bias"}
TINY = 1e-12


def deep():
    """Five layers: ten parameters."""
    parts = [part for _ in range(4) for part in (nn.Linear(4, 4), nn.Tanh())]
    return nn.Sequential(*parts, nn.Linear(4, 3)).eval()


def normed():
    """Three layers and a batch norm."""
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3)).eval()


def moved(model, forgot, least=1e-6):
    """Parameters that differ by more than rounding."""
    pairs = zip(model.named_parameters(), forgot.parameters(), strict=True)
    return {name for (name, p), q in pairs if not torch.allclose(p, q, rtol=0, atol=least)}


def described(model, problem, made):
    """The procedure as it is described, on whole retain batches, with the random numbers in the method's order."""
    twin = deepcopy(model)
    params = dict(twin.named_parameters())
    fresh = problem.init(derive_seed(problem.seed)).state_dict()
    torch.manual_seed(problem.seed)
    for name in HEAD:
        params[name].data = fresh[name]
    names, already = list(params), []
    for epoch in range(made.steps.epochs):
        fine = epoch >= made.steps.epochs - made.fine
        chosen = names
        if not fine:
            chosen = [names[at] for at in torch.randperm(len(names)).tolist()[:4]]
            for name in chosen[:3] if epoch >= 1 else []:
                if name not in already:
                    params[name].data += 0.04 * torch.randn(params[name].shape)
            already += chosen
        for name, p in params.items():
            p.requires_grad_(name in chosen)
            p.grad = None
        size = made.last_lr if epoch == made.steps.epochs - 1 else LR
        optimizer = torch.optim.SGD([p for p in params.values() if p.requires_grad], lr=size, momentum=0.9, weight_decay=5e-4)
        # Two batches an epoch, so that momentum has a part in it.
        for (batch,) in problem.retain_batches(made.steps).draw(epoch):
            optimizer.zero_grad()
            F.cross_entropy(twin(batch.x), batch.y).backward()
            optimizer.step()
    return twin


def test_all_epochs_are_those_of_the_description():
    model, problem = posed(deep)
    steps = replace(PLAIN, epochs=6, batch=5, optimizer=SGD(decay=5e-4))
    made = RNI(fine=2, last_lr=0.3, steps=steps)
    assert close(made(model, problem), described(model, problem, made), 1e-5)
    assert not close(made(model, problem), replace(made, noise=0.0)(model, problem), 1e-3)


def test_each_parameter_has_noise_once_and_none_that_the_first_epoch_drew():
    model, problem = posed(deep)
    steps = replace(PLAIN, lr=TINY, epochs=9)
    counts = set()
    for seed in range(6):
        here = replace(problem, seed=seed)
        made = RNI(drawn=0.2, noised=1.0, noise=1.0, fine=1, last_lr=TINY, steps=steps)
        forgot, bare = (replace(made, noise=noise)(model, here) for noise in (1.0, 0.0))
        changed = moved(bare, forgot)
        counts.add(len(changed))
        # By eight epochs of two in ten all but two may have noise.
        assert 3 <= len(changed) <= 8
        drawn = torch.cat([(forgot.get_parameter(n) - bare.get_parameter(n)).detach().flatten() for n in changed])
        assert 0.6 < float(drawn.std()) < 1.4  # noise that is added twice has 1.41
    assert len(counts) > 1
    # Where the first epoch draws all, nothing has noise.
    assert moved(model, replace(made, drawn=1.0)(model, problem)) == HEAD


def test_a_share_of_those_drawn_has_noise():
    model, problem = posed(deep)
    made = RNI(drawn=0.4, noised=0.0, noise=1.0, fine=1, last_lr=TINY, steps=replace(PLAIN, lr=TINY, epochs=3))
    assert moved(model, made(model, problem)) == HEAD
    some, more = (moved(model, replace(made, noised=share)(model, problem)) - HEAD for share in (0.25, 1.0))
    assert len(some) <= 1 < len(more)


def test_batch_norm_moves_in_every_epoch_and_only_what_is_drawn_beside_it():
    model, problem = posed(normed)
    beside = set()
    for seed in range(8):
        made = RNI(drawn=0.2, fine=1, last_lr=TINY, steps=replace(PLAIN, epochs=2))
        # Six parameters are not of batch norm: one of them is drawn in the first epoch; in the second no step is felt.
        others = moved(model, made(model, replace(problem, seed=seed)), 1e-7) - {"5.weight", "5.bias"}
        assert {"1.weight", "1.bias"} <= others
        beside.add(frozenset(others - {"1.weight", "1.bias"}))
    assert max(map(len, beside)) == 1
    assert len(beside) > 2


def test_in_the_last_epochs_all_move():
    model, problem = posed(normed)
    made = RNI(drawn=0.2, noise=0.0, fine=1, last_lr=LR, steps=replace(PLAIN, lr=TINY, epochs=2))
    assert moved(model, made(model, problem), 1e-7) == {n for n, _ in model.named_parameters()} - {"0.bias"}
    # A bias before batch norm has no gradient; without batch norm all have one.
    model, problem = posed(deep)
    assert moved(model, made(model, problem), 1e-7) == {n for n, _ in model.named_parameters()}


def test_the_head_is_reset_to_the_models_own_law():
    model, problem = posed(deep)
    forgot = RNI(steps=replace(PLAIN, epochs=0))(model, problem)
    fresh = dict(problem.init(derive_seed(problem.seed)).named_parameters())
    assert moved(model, forgot) == HEAD
    assert all(torch.equal(forgot.get_parameter(n), fresh[n]) for n in HEAD)


def test_once_a_budget_is_spent_no_noise_is_added():
    model, problem = posed(deep)
    made = RNI(drawn=0.2, noised=1.0, noise=1.0, fine=1, last_lr=TINY, steps=replace(PLAIN, lr=TINY, epochs=8))
    with metered() as whole:
        assert len(moved(model, made(model, problem)) - HEAD) > 2
    for share in (2, 0.2):
        with metered(share * whole.flops) as meter:
            few = moved(model, made(model, problem)) - HEAD
    assert len(few) <= 2
    assert [note.rpartition(" of ")[2] for note in meter.notes] == ["8 steps"]


def test_the_forget_set_has_no_part_in_it_and_what_lacks_is_named():
    assert RNI().needed() == {"retain", "labels"}
    model, problem = posed(deep)
    other = replace(problem, forget=problem.forget.with_inputs(problem.forget.x + 1))
    assert close(RNI()(model, problem), RNI()(model, other), 0.0)
    with pytest.raises(ModelError, match=r"RNI needs initial values: give Problem\(init="):
        RNI()(model, replace(problem, init=None))
    for wrong in ({"drawn": 0.0}, {"noised": 1.1}, {"noise": -0.1}, {"fine": 0}, {"last_lr": 0.0}):
        with pytest.raises(SpecError, match=next(iter(wrong))):
            RNI(**wrong)
