"""The one gradient loop, worked out by hand."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from untrain.core.errors import ModelError, NotFinite, SpecError
from untrain.core.mask import Mask
from untrain.core.metering import metered
from untrain.data.examples import Batch, Examples
from untrain.models.tasks.classification import Classification
from untrain.training.batch_norm import norms, reestimate, untracked_statistics
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.steps import SGD, AdamW, Constant, Cosine, Steps, Triangular, step_size

FLAT = Constant()


def line(*weights):
    """A linear model without bias that holds these weights."""
    model = nn.Linear(len(weights), 1, bias=False)
    model.weight.data = torch.tensor([weights])
    return model


def plan(x, epochs=1, batches=1):
    """``epochs`` times ``batches`` times all of ``x`` as one batch."""
    x = torch.as_tensor(x, dtype=torch.float32)
    whole = Batch.labelled(x, torch.zeros(len(x)).long())
    retain = Examples.labelled(x, whole.y, np.arange(len(x)), 1)
    return Plan(epochs, lambda epoch: iter([(whole,)] * batches), retain, Classification())


def pulled(model):
    """A loss whose gradient is the mean input."""
    return lambda batch: model(batch.x).mean()


def bits(*values):
    """A mask of a linear model's weights."""
    return Mask({"weight": torch.tensor([values], dtype=torch.bool)}, "")


def weights(model):
    """The weights of a linear model."""
    return model.weight.detach().flatten().tolist()


@given(st.integers(1, 6), st.floats(0.05, 0.9))
def test_a_parabola_is_descended_geometrically(steps, lr):
    model = line(3.0)
    made = descend(
        model,
        lambda batch: 0.5 * (model.weight - 1).pow(2).sum() + 0 * batch.x.sum(),
        plan([[0.0]], batches=steps),
        Steps(lr=lr, epochs=1, optimizer=SGD(momentum=0), schedule=FLAT),
    )
    assert weights(made)[0] == pytest.approx(1 + 2 * (1 - lr) ** steps, rel=1e-4)


def test_identical_batches_give_equal_displacements():
    model = line(0.0)
    descend(model, pulled(model), plan([[1.0]], batches=3), Steps(lr=0.1, epochs=1, optimizer=SGD(momentum=0), schedule=FLAT))
    assert weights(model)[0] == pytest.approx(-0.3)


def test_momentum_adds_up_velocities():
    model = line(0.0)
    descend(model, pulled(model), plan([[1.0]], batches=3), Steps(lr=0.1, epochs=1, schedule=FLAT))
    assert weights(model)[0] == pytest.approx(-0.1 * (1 + 1.9 + 2.71))


def test_the_first_step_of_adam_is_the_step_size_whatever_the_gradient():
    model = line(0.0, 0.0)
    descend(model, pulled(model), plan([[5.0, -0.01]]), Steps(lr=0.1, epochs=1, optimizer=AdamW(), schedule=FLAT))
    assert weights(model) == pytest.approx([-0.1, 0.1], rel=1e-4)


def test_adams_decay_is_on_the_weights_and_not_in_the_moments():
    model = line(2.0)
    descend(model, pulled(model), plan([[0.0]]), Steps(lr=0.1, epochs=1, optimizer=AdamW(decay=0.5), schedule=FLAT))
    assert weights(model)[0] == pytest.approx(2 * (1 - 0.1 * 0.5))


def test_nesterov_looks_ahead():
    model = line(0.0)
    steps = Steps(lr=0.1, epochs=1, optimizer=SGD(momentum=0.9, nesterov=True), schedule=FLAT)
    descend(model, pulled(model), plan([[1.0]]), steps)
    assert weights(model)[0] == pytest.approx(-0.1 * 1.9)


def test_the_step_size_follows_the_schedule_from_epoch_to_epoch():
    model = line(0.0)
    steps = Steps(lr=0.1, epochs=2, optimizer=SGD(momentum=0), schedule=Cosine(floor=0))
    descend(model, pulled(model), plan([[1.0]], epochs=2), steps)
    assert weights(model)[0] == pytest.approx(-0.1 - 0.05)


def lengthened(x, epochs, batches):
    """A plan that knows how many batches an epoch has."""
    made = plan(x, epochs, batches)
    return Plan(made.epochs, made.draw, made.retain, made.task, batches)


def test_the_step_size_follows_a_triangle_from_step_to_step():
    model, path = line(0.0), []
    steps = Steps(lr=1.0, epochs=2, optimizer=SGD(momentum=0), schedule=Triangular(peak=0.5))

    def loss(batch):
        path.append(weights(model)[0])
        return model(batch.x).mean()

    descend(model, loss, lengthened([[1.0]], 2, 4), steps)
    path.append(weights(model)[0])
    moves = [before - after for before, after in pairwise(path)]
    assert moves == pytest.approx([0.125, 0.375, 0.625, 0.875, 0.875, 0.625, 0.375, 0.125])


@pytest.mark.parametrize("optimizer", [SGD(momentum=0.8, decay=0.01, nesterov=True), SGD(momentum=0), AdamW(decay=0.1)])
@pytest.mark.parametrize("schedule", [Cosine(floor=0.1), Constant()])
def test_without_the_newer_fields_it_is_torchs_own_loop_to_the_last_bit(optimizer, schedule):
    torch.manual_seed(0)
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    x, y = torch.randn(6, 3), torch.tensor([0, 1, 1, 0, 1, 0])
    steps = Steps(lr=0.3, epochs=3, optimizer=optimizer, schedule=schedule)
    made = Plan(3, lambda epoch: iter([(Batch.labelled(x, y),)] * 4), Examples.labelled(x, y, np.arange(6), 2), Classification(), 4)
    descend(ours, lambda batch: Classification().loss(ours, batch).mean(), made, steps)
    if isinstance(optimizer, AdamW):
        stepper = torch.optim.AdamW(theirs.parameters(), lr=0.3, betas=(0.9, 0.999), weight_decay=optimizer.decay)
    else:
        look = optimizer.nesterov
        stepper = torch.optim.SGD(theirs.parameters(), 0.3, optimizer.momentum, weight_decay=optimizer.decay, nesterov=look)
    for epoch in range(3):
        for group in stepper.param_groups:
            group["lr"] = step_size(steps, epoch, 3)
        for _ in range(4):
            stepper.zero_grad()
            nn.functional.cross_entropy(theirs(x), y).backward()
            stepper.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize(("limit", "move"), [(None, 5.0), (10.0, 5.0), (5.0, 5.0), (1.0, 1.0), (0.25, 0.25)])
def test_a_gradient_is_clipped_to_a_length_and_keeps_its_direction(limit, move):
    model = line(0.0, 0.0)
    steps = Steps(lr=1.0, epochs=1, optimizer=SGD(momentum=0), schedule=FLAT, clip=limit)
    descend(model, pulled(model), plan([[3.0, 4.0]]), steps)
    assert weights(model) == pytest.approx([-0.6 * move, -0.8 * move])


def test_the_length_that_is_clipped_is_of_what_may_move_alone():
    model = line(0.0, 0.0)
    steps = Steps(lr=1.0, epochs=1, optimizer=SGD(momentum=0), schedule=FLAT, clip=2.0)
    descend(model, pulled(model), plan([[300.0, 4.0]]), steps, bits(0, 1))
    assert weights(model) == pytest.approx([0.0, -2.0])


def test_a_gradient_of_zero_can_be_clipped():
    model = line(1.0)
    descend(model, pulled(model), plan([[0.0]]), Steps(lr=1.0, epochs=1, schedule=FLAT, clip=1.0))
    assert weights(model) == [1.0]


@pytest.mark.parametrize("optimizer", [SGD(momentum=0, decay=0.5, decay_on="weights"), AdamW(decay=0.5, decay_on="weights")])
@pytest.mark.parametrize("masked", [False, True])
def test_weights_alone_decay_and_neither_biases_nor_norms(optimizer, masked):
    model = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    for p in model.parameters():
        p.data.fill_(1.0)
    # Of a masked weight the optimizer holds a flat part; of a masked bias too.
    mask = {name: torch.ones_like(p, dtype=torch.bool) for name, p in model.named_parameters()}
    mask["0.weight"][0, 1] = mask["0.bias"][1] = False
    still = lambda batch: sum(0 * p.sum() for p in model.parameters())  # noqa: E731
    steps = Steps(lr=0.1, epochs=1, optimizer=optimizer, schedule=FLAT)
    descend(model, still, plan([[1.0, 1.0]]), steps, Mask(mask, "") if masked else None)
    moved = torch.full((2, 2), 0.95)
    if masked:
        moved[0, 1] = 1
    assert torch.allclose(model[0].weight, moved)
    assert all(torch.equal(p, torch.ones(2)) for p in (model[0].bias, *model[1].parameters()))


def test_smoothed_labels_are_up_to_whoever_makes_the_loss():
    with pytest.raises(SpecError, match=r"smoothing=0.1 is for training from scratch"):
        descend(line(1.0), lambda batch: None, plan([[1.0]]), Steps(epochs=1, smoothing=0.1))


DECAY = Steps(lr=0.1, epochs=1, optimizer=SGD(momentum=0.9, decay=0.1), schedule=FLAT)


@pytest.mark.parametrize(("steps", "naive"), [(1, 0.99), (2, 0.9711)])
def test_weight_decay_and_momentum_do_not_reach_what_the_mask_holds(steps, naive):
    model = line(1.0, 1.0)
    descend(model, pulled(model), plan([[0.0, 0.0]], batches=steps), DECAY, bits(0, 1))
    assert weights(model)[0] == 1
    assert weights(model)[1] == pytest.approx(naive, abs=1e-7)


@pytest.mark.parametrize(
    ("momentum", "schedule", "naive"), [(0.9, FLAT, 0.4540), (0.9, Cosine(floor=0.01), 0.6627), (0.0, FLAT, 0.9241)]
)
@pytest.mark.slow
def test_over_a_whole_run_weight_decay_would_have_halved_what_the_mask_holds(momentum, schedule, naive):
    model = line(1.0, 1.0).double()
    steps = Steps(lr=0.015, epochs=30, optimizer=SGD(momentum=momentum, decay=5e-4), schedule=schedule)
    zero = Batch.labelled(torch.zeros(1, 2, dtype=torch.float64), torch.tensor([0]))
    retain = Examples.labelled(zero.x, zero.y, np.arange(1), 1)
    descend(model, pulled(model), Plan(30, lambda epoch: iter([(zero,)] * 351), retain, Classification()), steps, bits(0, 1))
    assert weights(model)[0] == 1
    assert weights(model)[1] == pytest.approx(naive, abs=5e-5)


@pytest.mark.parametrize("optimizer", [AdamW(decay=0.1), SGD(momentum=0.9, decay=0.1)])
def test_warm_moments_do_not_reach_what_the_mask_holds(optimizer):
    model = line(1.0, 1.0)
    pushes = [Batch.labelled(torch.tensor([[x, x]]), torch.tensor([0])) for x in (5.0, 5.0, 0.0, 0.0)]
    path = []

    def loss(batch):
        path.append(weights(model))
        return model(batch.x).mean()

    made = Plan(1, lambda epoch: ((b,) for b in pushes), plan([[0.0, 0.0]]).retain, Classification())
    descend(model, loss, made, Steps(lr=0.1, epochs=1, optimizer=optimizer, schedule=FLAT), bits(0, 1))
    assert {held for held, _ in path} == {1.0}
    assert path[3][1] != path[2][1], "the free weight goes on by its moments alone"


def test_a_mask_moves_what_it_lets_move_as_if_there_were_none():
    free, masked = line(1.0, 2.0), line(1.0, 2.0)
    for model, mask in ((free, None), (masked, bits(0, 1))):
        descend(model, pulled(model), plan([[3.0, 4.0]], batches=4), DECAY, mask)
    assert weights(masked) == [1.0, weights(free)[1]]


def test_a_parameter_that_may_not_move_gets_no_gradient():
    model = nn.Linear(2, 1)
    mask = Mask({"weight": torch.zeros(1, 2, dtype=torch.bool), "bias": torch.ones(1, dtype=torch.bool)}, "")
    descend(model, pulled(model), plan([[1.0, 1.0]]), DECAY, mask)
    assert model.weight.grad is None
    assert model.bias.grad is not None


def test_a_frozen_parameter_stays():
    model = nn.Linear(2, 1)
    model.weight.requires_grad_(False)
    before = model.weight.clone()
    descend(model, pulled(model), plan([[1.0, 1.0]], batches=3), DECAY)
    assert torch.equal(model.weight, before)


def test_an_empty_mask_says_so():
    model = line(1.0)
    with pytest.raises(ModelError, match="no weight may move"):
        descend(model, pulled(model), plan([[1.0]]), DECAY, bits(0))


def test_a_loss_that_does_not_see_what_may_move_says_so():
    model = line(1.0)
    with pytest.raises(ModelError, match="does not depend on any weight"):
        descend(model, lambda batch: batch.x.sum(), plan([[1.0]]), DECAY)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run(bad):
    model = line(1.0)
    with pytest.raises(NotFinite, match=r"in epoch 1 of 3: lower lr=0.1"):
        descend(model, pulled(model), plan([[bad]], epochs=3), DECAY)


def test_no_epochs_leave_the_model_in_eval_mode():
    model = line(1.0)
    assert not descend(model, pulled(model), plan([[1.0]], epochs=0), DECAY).training
    assert weights(model) == [1.0]


def test_the_model_is_in_train_mode_within_and_in_eval_mode_afterwards():
    model, seen = line(1.0), []

    def loss(batch):
        seen.append(model.training)
        return model(batch.x).mean()

    assert not descend(model, loss, plan([[1.0]]), DECAY).training
    assert seen == [True]


def test_tied_weights_stay_tied_and_move_once():
    model = nn.Sequential(line(1.0), line(1.0))
    model[1].weight = model[0].weight
    descend(model, pulled(model), plan([[1.0]]), Steps(lr=0.1, epochs=1, optimizer=SGD(momentum=0), schedule=FLAT))
    # The answer is w * w * x, its gradient 2 w.
    assert weights(model[0]) == pytest.approx([0.8])
    assert model[1].weight is model[0].weight


def test_examples_of_a_step_are_counted():
    model = line(1.0)
    with metered() as meter:
        descend(model, pulled(model), plan([[1.0]] * 5, epochs=2, batches=3), DECAY)
    assert (meter.forward, meter.backward) == (30, 30)


# Batch statistics.

X = torch.tensor([[1.0], [2.0], [6.0], [7.0]])


def normed(buffers, epochs=1, x=X):
    """A batch-norm layer and a linear one after ``epochs`` single steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2))
    steps = Steps(lr=0.1, epochs=epochs, buffers=buffers)
    made = plan(x, epochs=epochs)
    return descend(model, lambda batch: Classification().loss(model, batch).mean(), made, steps)[0]


@pytest.mark.parametrize("n", [1, 5])
def test_statistics_move_as_a_running_mean(n):
    norm = normed("move", n)
    assert float(norm.running_mean) == pytest.approx(4 * (1 - 0.9**n), rel=1e-5)
    assert float(norm.running_var) == pytest.approx(26 / 3 + (1 - 26 / 3) * 0.9**n, rel=1e-5)


def test_frozen_statistics_stay():
    norm = normed("freeze", 3)
    assert (float(norm.running_mean), float(norm.running_var), int(norm.num_batches_tracked)) == (0, 1, 0)


def test_frozen_statistics_normalise():
    model = nn.Sequential(nn.BatchNorm1d(1, affine=False), line(1.0))
    seen = []

    def loss(batch):
        seen.append(model(batch.x).detach().flatten().tolist())
        return model(batch.x).mean()

    descend(model, loss, plan(X), Steps(lr=0.1, epochs=1, buffers="freeze"))
    assert seen[0] == pytest.approx(X.flatten().tolist(), rel=1e-4)


def test_reestimated_statistics_are_those_of_the_retain_set():
    norm = normed("reestimate", 3)
    assert float(norm.running_mean) == pytest.approx(4)
    assert float(norm.running_var) == pytest.approx(26 / 3)
    assert norm.momentum == 0.1


def test_reestimating_weighs_examples_alike_over_many_batches_and_takes_a_left_over_row():
    x = torch.arange(257.0)[:, None]
    norm = nn.BatchNorm1d(1)
    model = nn.Sequential(norm, nn.Linear(1, 2))
    reestimate(model, plan(x))
    assert float(norm.running_mean) == pytest.approx(128, abs=0.3)
    assert int(norm.num_batches_tracked) == 2


def test_reestimating_draws_no_dropout():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(1), nn.Linear(1, 2))
    before = torch.get_rng_state()
    reestimate(model, plan(X))
    assert torch.equal(torch.get_rng_state(), before)
    assert float(model[1].running_mean) == pytest.approx(4)


def test_reestimating_a_model_without_statistics_does_nothing():
    model = line(1.0)
    reestimate(model, plan([[1.0]]))
    assert weights(model) == [1.0]


def test_norms_are_the_layers_that_keep_statistics():
    model = nn.Sequential(nn.BatchNorm1d(1), nn.BatchNorm1d(1, track_running_stats=False), nn.LayerNorm(1))
    assert norms(model) == [model[0]]


def test_unseen_passes_leave_statistics_and_still_normalise_by_the_batch():
    norm = nn.BatchNorm1d(1, affine=False)
    with untracked_statistics(norm):
        out = norm(X)
    assert float(out.mean()) == pytest.approx(0, abs=1e-6)
    assert (float(norm.running_mean), float(norm.running_var), int(norm.num_batches_tracked)) == (0, 1, 0)


def test_after_unseen_passes_statistics_move_again_even_when_one_failed():
    norm = nn.BatchNorm1d(1)
    with pytest.raises(ZeroDivisionError), untracked_statistics(norm):
        raise ZeroDivisionError
    norm(X)
    assert float(norm.running_mean) == pytest.approx(0.4)


def test_unseen_passes_of_a_layer_in_eval_mode_use_its_statistics():
    norm = nn.BatchNorm1d(1, affine=False).eval()
    with untracked_statistics(norm):
        assert norm(X).flatten().tolist() == pytest.approx(X.flatten().tolist(), rel=1e-4)


def test_a_batch_of_one_is_normalised_by_the_stored_statistics():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    x, y = torch.randn(1, 2), torch.tensor([1])
    expected = model.eval()(x)
    answers = []
    plan = Plan(1, lambda epoch: iter([(Batch.labelled(x, y),)]), None, None)
    descend(model, lambda batch: answers.append(model(batch.x)) or answers[0].sum(), plan, Steps(lr=1e-9, batch=1))
    assert torch.equal(answers[0], expected)
    assert not any(hasattr(part, "alone") for part in model)


def test_a_norm_that_is_called_by_keyword_trains():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.bn = nn.Linear(2, 3), nn.BatchNorm1d(3)

        def forward(self, x):
            return self.bn(input=self.a(x))

    model = Named()
    start = model.a.weight.detach().clone()
    plan = Plan(1, lambda epoch: iter([(Batch.labelled(torch.randn(4, 2), torch.zeros(4)),)]), None, None)
    descend(model, lambda batch: model(batch.x)[:, 0].square().mean() * model.a.weight.sum(), plan, Steps(lr=0.1, batch=4))
    assert not torch.equal(model.a.weight, start)


def test_a_walk_through_a_part_of_a_plan_takes_the_step_sizes_of_the_whole():
    whole, parts = line(3.0), line(3.0)
    steps = Steps(lr=0.5, epochs=4, optimizer=SGD(momentum=0), schedule=Cosine(floor=0.0))
    full = plan([[2.0]], epochs=4, batches=2)
    descend(whole, pulled(whole), full, steps)
    moves = []
    for epochs in (range(1), range(1, 3), range(3, 3), range(3, 4)):
        before = weights(parts)[0]
        descend(parts, pulled(parts), replace(full, part=epochs), steps)
        moves.append(before - weights(parts)[0])
    sizes = [0.5 * (1 + math.cos(math.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert moves == pytest.approx([4 * sizes[0], 4 * (sizes[1] + sizes[2]), 0.0, 4 * sizes[3]])
    assert weights(parts) == pytest.approx(weights(whole))


def test_parts_of_a_plan_announce_its_steps_once():
    model, steps = line(3.0), Steps(lr=0.1, epochs=3)
    full = replace(plan([[1.0], [2.0]], epochs=3, batches=2), length=2)
    with metered() as meter:
        descend(line(3.0), pulled(model), replace(full, part=range(1)), steps)
    each = meter.flops / 2
    with metered(limit=3.5 * each) as meter:
        for epochs in (range(1), range(1, 2), range(2, 3)):
            descend(model, pulled(model), replace(full, part=epochs), steps)
    assert list(meter.notes) == ["stopped at the budget, after 3 of 6 steps"]
