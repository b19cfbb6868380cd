"""Reset what the mask holds, then finetune it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import BrokenPromise, ModelError, RequestError
from untrain.core.mask import Mask
from untrain.core.seeds import derive_seed
from untrain.data.examples import take
from untrain.models.architectures.convnet import ConvNet
from untrain.models.state import state
from untrain.training.descend import descend
from untrain.training.learners.train import Train
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.resetfinetune import ResetFinetune

RESET = Steps(epochs=0)


def mask_of(model, problem, share=0.3):
    """A random mask for this problem."""
    draw = torch.Generator().manual_seed(5)
    return Mask({n: torch.rand(p.shape, generator=draw) < share for n, p in model.named_parameters()}, problem.digest)


def reset(how="fresh", seed=3, **more):
    """Model before, after a reset without steps, and the problem with its mask."""
    model, problem = small()
    problem = replace(problem, mask=mask_of(model, problem), seed=seed, **more)
    return model, ResetFinetune(steps=RESET, reset=how)(model, problem), problem


def test_masked_weights_equal_the_initial_ones_and_others_stay_bit_for_bit():
    model, forgot, problem = reset()
    init = dict(problem.init(derive_seed(3)).named_parameters())
    before = dict(model.named_parameters())
    for name, p in forgot.named_parameters():
        bits = problem.mask.bits[name]
        assert torch.equal(p[bits], init[name][bits])
        assert torch.equal(p[~bits], before[name][~bits])


def test_a_reset_leaves_batch_norm_buffers():
    model, forgot, _ = reset()
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), forgot.buffers(), strict=True))


@pytest.mark.parametrize(("seeds", "equal"), [((3, 3), True), ((3, 4), False)])
def test_the_seed_decides_the_reset(seeds, equal):
    one, other = (torch.cat([p.flatten() for p in reset(seed=s)[1].parameters()]) for s in seeds)
    assert torch.equal(one, other) == equal


def test_own_takes_the_models_own_initial_values():
    _, forgot, problem = reset("own", origin=8)
    init = dict(problem.init(8).named_parameters())
    assert all(torch.equal(p[problem.mask.bits[n]], init[n][problem.mask.bits[n]]) for n, p in forgot.named_parameters())


def test_perturb_mixes_in_noise_where_the_mask_is():
    model, problem = small()
    ones = Mask({n: torch.ones_like(p, dtype=torch.bool) for n, p in model.named_parameters()}, "")
    forgot = ResetFinetune(steps=RESET, reset="perturb")(model, replace(problem, mask=ones))
    before, after = (torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (model, forgot))
    noise = (after - 0.7 * before) / 0.3
    # 1,039 draws of a standard normal: mean and variance within four standard errors.
    assert abs(float(noise.mean())) < 4 * len(noise) ** -0.5
    assert abs(float(noise.var()) - 1) < 4 * (2 / len(noise)) ** 0.5


def test_no_reset_is_finetuning_the_mask():
    model, forgot, _ = reset("none")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), forgot.parameters(), strict=True))


def test_the_head_is_reset_only_where_it_is_masked():
    model, forgot, problem = reset()
    name = "12.weight"
    kept = ~problem.mask.bits[name]
    assert torch.equal(dict(forgot.named_parameters())[name][kept], dict(model.named_parameters())[name][kept])
    assert not torch.equal(dict(forgot.named_parameters())[name], dict(model.named_parameters())[name])


@pytest.mark.parametrize("ones", [True, False])
def test_on_all_weights_it_is_training_the_initial_model_on_retain(ones):
    model, problem = small()
    steps = Steps(lr=0.05, epochs=3, batch=12)
    full = Mask({n: torch.ones_like(p, dtype=torch.bool) for n, p in model.named_parameters()}, "") if ones else None
    forgot = ResetFinetune(steps=steps)(model, replace(problem, mask=full))
    fresh = problem.init(derive_seed(3))
    descend(fresh, lambda batch: problem.task.loss(fresh, batch).mean(), problem.retain_batches(steps), steps)
    assert all(torch.equal(a, b) for a, b in zip(forgot.parameters(), fresh.parameters(), strict=True))


def test_running_means_forget_the_old_ones_by_nine_tenths_a_step():
    model, problem = small()
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean += 1000
    steps = Steps(lr=0.05, epochs=5, batch=12)
    forgot = ResetFinetune(steps=steps)(model, problem)
    fresh = problem.init(derive_seed(3))
    old = [part.running_mean for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    descend(fresh, lambda batch: problem.task.loss(fresh, batch).mean(), problem.retain_batches(steps), steps)
    pairs = [
        (a.running_mean, b.running_mean)
        for a, b in zip(forgot.modules(), fresh.modules(), strict=True)
        if isinstance(a, nn.BatchNorm2d)
    ]
    for before, (after, trained) in zip(old, pairs, strict=True):
        # 20 steps: 0.9 ** 20 = 0.12158 of the difference is left.
        assert torch.allclose((after - trained) / before, torch.tensor(0.121577), rtol=1e-4)


def test_after_351_steps_nothing_but_rounding_is_left_of_the_old_running_means():
    model, problem = small()
    model = model.double()
    sides = [e.with_fields(x=e.x.double()) for e in (problem.forget, problem.retain)]
    problem = replace(problem, forget=sides[0], retain=sides[1], init=lambda seed: small()[1].init(seed).double(), digest="")
    old = model[1].running_mean.fill_(1e20).clone()
    # 48 examples in batches of 16 are 3 steps an epoch.
    steps = Steps(lr=1e-3, epochs=117, batch=16)
    forgot, fresh = ResetFinetune(steps=steps)(model, problem), problem.init(derive_seed(3))
    descend(fresh, lambda batch: problem.task.loss(fresh, batch).mean(), problem.retain_batches(steps), steps)
    left = (forgot[1].running_mean - fresh[1].running_mean) / old
    assert int(fresh[1].num_batches_tracked) == 351
    assert left.tolist() == pytest.approx([8.7e-17] * 4, rel=0.01)


@pytest.mark.parametrize(("buffers", "drift"), [("move", True), ("freeze", False), ("reestimate", True)])
def test_under_an_empty_mask_buffers_move_unless_frozen(buffers, drift):
    model, problem = small()
    none = Mask({n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}, "")
    outcome = ResetFinetune(steps=Steps(lr=0.05, epochs=1, buffers=buffers)).run(model, replace(problem, mask=none))
    assert (outcome.guard.buffer_drift > 0) == drift


def test_under_an_empty_mask_nothing_is_reset_and_only_the_head_moves():
    model, problem = small()
    none = Mask({n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}, "")
    before = state(model)
    forgot = ResetFinetune(steps=Steps(lr=0.05, epochs=1))(model, replace(problem, mask=none))
    moved = {n for n, p in forgot.named_parameters() if not torch.equal(p, before[n])}
    assert moved == {"12.weight", "12.bias"}


def test_no_reset_and_no_steps_may_leave_the_model():
    model, problem = small()
    assert ResetFinetune(steps=RESET, reset="none").run(model, problem).guard.moved_share == 0


def test_a_reset_that_changes_nothing_breaks_the_promise():
    model, problem = small()
    with pytest.raises(BrokenPromise, match="moved no parameter"):
        ResetFinetune(steps=RESET)(model, replace(problem, init=lambda seed: model))


@pytest.mark.parametrize(
    ("how", "lacks", "said"), [("fresh", {"init": None}, r"Problem\(init="), ("own", {"origin": None}, r"Problem\(origin=")]
)
def test_what_a_reset_needs_is_told(how, lacks, said):
    model, problem = small()
    with pytest.raises(ModelError, match=said):
        ResetFinetune(reset=how)(model, replace(problem, **lacks))


def test_initial_values_of_another_shape_are_refused():
    model, problem = small()
    with pytest.raises(ModelError, match="init makes a model of another shape"):
        ResetFinetune()(model, replace(problem, init=lambda seed: nn.Linear(2, 2)))


def test_fresh_values_are_not_the_models_own_though_problem_and_model_bear_one_seed():
    _, forgot, problem = reset("fresh", seed=8, origin=8)
    own = dict(problem.init(8).named_parameters())
    bits = problem.mask.bits["0.weight"]
    assert not torch.equal(dict(forgot.named_parameters())["0.weight"][bits], own["0.weight"][bits])


def test_an_init_that_ignores_its_seed_gives_no_model_its_own_start_back():
    data, learner = small()[1].retain, Train(model=ConvNet(width=4), steps=Steps(lr=0.05, epochs=1, batch=16))
    model = learner(data, seed=0)
    problem = replace(small()[1], init=lambda seed: ConvNet(width=4).build((1, 6, 6), 3), recipe=learner, seed=0)
    forgot = ResetFinetune(steps=RESET)(model, problem)
    own = learner.init(data, 0)
    assert not any(torch.equal(a, b) for (n, a), b in zip(forgot.named_parameters(), own.parameters(), strict=True) if a.ndim > 1)


def test_a_frozen_weight_is_neither_reset_nor_counted_as_free():
    model, problem = small()
    model[0].weight.requires_grad_(False)
    outcome = ResetFinetune(steps=RESET).run(model, problem)
    assert torch.equal(outcome.model[0].weight, model[0].weight)
    assert outcome.guard.may_move == 1 - model[0].weight.numel() / sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("n", [263, 257, 256])
def test_without_the_rest_every_batch_is_full(n):
    model, problem = small()
    rows = np.arange(n) % len(problem.retain)
    problem = replace(problem, retain=take(problem.retain, rows))
    steps = Steps(lr=0.05, epochs=3, batch=32)
    plan = problem.retain_batches(steps, full=True)
    assert plan.length == 8
    for epoch in range(3):
        full, all_of_it = (list(p.draw(epoch)) for p in (plan, problem.retain_batches(steps)))
        assert [len(batch.y) for (batch,) in full] == [32] * 8
        # The same order of the same examples; what is left out is the end of it.
        assert all(torch.equal(a.x, b.x[:32]) for (a,), (b,) in zip(full, all_of_it, strict=False))
    forgot = ResetFinetune(steps=steps, rest="drop")(model, problem)
    start = ResetFinetune(steps=RESET)(model, problem)

    def loss(retain):
        return problem.task.loss(start, retain).mean()

    wanted = descend(start.train(), loss, plan, steps, None)
    assert all(torch.equal(a, b) for a, b in zip(forgot.parameters(), wanted.parameters(), strict=True))


def test_where_no_batch_would_be_full_it_says_what_to_take():
    model, problem = small()
    with pytest.raises(RequestError, match=rf"{len(problem.retain)} examples are left and a full batch has 500: take smaller"):
        ResetFinetune(steps=Steps(batch=500), rest="drop")(model, problem)
    assert ResetFinetune(steps=Steps(batch=500, epochs=0), rest="drop").run(model, problem).guard.moved_share > 0
