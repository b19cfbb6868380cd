"""Projected-gradient unlearning."""

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import BadInput, DataError, ModelError, RequestError, RunFailed, SpecError
from untrain.core.mask import Mask
from untrain.data.examples import Examples, joined, take
from untrain.models.state import same, state
from untrain.models.tasks.classification import Classification
from untrain.training.bounded_ascent import BoundedAscent
from untrain.training.gradient_subspace import Subspace
from untrain.training.keepers.inputcovariance import input_moments, moments_without
from untrain.training.problem import Problem
from untrain.training.steps import SGD, AdamW, Constant, Geometric, Moment, Steps
from untrain.training.toy import small
from untrain.training.toy_text import small_text
from untrain.unlearners.projectedgradient import ProjectedGradient, _forget_batches

WHOLE = Subspace(share=0.9999999, count="plus_one")  # all directions that there are
LONG = Steps(lr=0.1, epochs=300, batch=16, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="freeze")
CLASSES = 5


def data(n, d, seed, first=0):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=draw, dtype=torch.float64)
    return Examples.labelled(x, torch.arange(n) % CLASSES, np.arange(first, first + n), CLASSES)


def two_layers(seed=0):
    """12 retain examples, layers whose inputs have 40 and 50 dimensions, and 8 examples to forget; in float64."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(40, 50), nn.ReLU(), nn.Linear(50, CLASSES)).double().eval()
    forget, retain = data(8, 40, 1), data(12, 40, 2, 8)
    kept = {"InputCovariance": input_moments(model, joined(forget, retain), Classification(classes=CLASSES))}
    return model, Problem(Classification(), forget, retain, kept=kept)


def logits(model, examples):
    with torch.no_grad():
        return model(examples.x[:])


def of_label(model, examples):
    return float(logits(model, examples).softmax(1).gather(1, examples.y[:, None]).mean())


def change(before, after, examples):
    return float((logits(before, examples) - logits(after, examples)).abs().max())


@pytest.mark.parametrize("covariance", ["kept", "retain"])
def test_where_all_directions_are_kept_the_retain_outputs_stay_and_the_forget_set_is_forgotten(covariance):
    model, posed = two_layers()
    made = ProjectedGradient(covariance=covariance, subspace=WHOLE, steps=LONG)
    forgot = made(model, posed)
    assert change(model, forgot, posed.rest) <= 1e-13
    assert of_label(model, posed.forget) > 0.15
    assert of_label(forgot, posed.forget) < 0.005
    first, last = (float(BoundedAscent(entropy=0.0).of(logits(m, posed.forget), posed.forget.y).mean()) for m in (model, forgot))
    assert -0.04880 < last < -0.045 < 0.1 < first


@pytest.mark.parametrize(
    "steps",
    [
        {"optimizer": SGD(momentum=0.9), "lr": 0.02},
        {"optimizer": SGD(momentum=0.9, nesterov=True, decay=0.1), "lr": 0.02},
        {"optimizer": AdamW(decay=0.5), "lr": 0.003},
        {"clip": 0.1},
    ],
)
def test_neither_momentum_nor_weight_decay_nor_a_step_per_weight_leads_out(steps):
    model, posed = two_layers()
    forgot = ProjectedGradient(subspace=WHOLE, steps=replace(LONG, **steps))(model, posed)
    assert change(model, forgot, posed.rest) <= 1e-12
    assert of_label(forgot, posed.forget) < of_label(model, posed.forget) / 2


def test_fewer_directions_protect_less():
    model, posed = two_layers()
    moved = {}
    for share in (0.95, 0.90, 0.50):
        forgot = ProjectedGradient(subspace=Subspace(share=share), steps=LONG)(model, posed)
        moved[share] = change(model, forgot, posed.rest)
    assert 0.01 < moved[0.95] < moved[0.90] < moved[0.50]


def test_on_the_same_layers_energy_keeps_fewer_directions():
    model, posed = two_layers()
    forgot = [
        ProjectedGradient(subspace=Subspace(share=0.95, measure=measure), steps=LONG)(model, posed)
        for measure in ("singular", "energy")
    ]
    singular, energy = (change(model, after, posed.rest) for after in forgot)
    assert energy > singular


def test_the_covariance_of_all_less_that_of_the_forget_set_is_that_of_the_retain_set():
    model, posed = two_layers()
    left = moments_without(posed.kept["InputCovariance"], model, posed.forget, posed.task)
    direct = input_moments(model, posed.rest, posed.task)
    far = max(float((left[name] - direct[name]).abs().max()) for name in direct)
    assert far <= 1e-13
    kept, retain = (ProjectedGradient(covariance=how, steps=replace(LONG, epochs=30))(model, posed) for how in ("kept", "retain"))
    assert change(kept, retain, posed.forget) < 1e-10


def bystanders(model, posed, project):
    """300 plain steps on the forget set where ``project`` changes the gradients by name: the largest change on retain."""
    after = deepcopy(model)
    for _ in range(300):
        after.zero_grad()
        BoundedAscent().of(after(posed.forget.x), posed.forget.y).mean().backward()
        with torch.no_grad():
            for name, p in after.named_parameters():
                p -= 0.1 * project(name, p.grad)
    return change(model, after, posed.rest)


def test_wrong_variants_do_move_the_retain_outputs():
    """What the exactness test would miss if it were too kind: biases that move, and projections of the output side."""
    model, posed = two_layers()
    moments = input_moments(model, posed.rest, posed.task)
    free = {}
    for name, each in moments.items():
        values, vectors = torch.linalg.eigh(each)
        null = vectors[:, values < 1e-9 * values.max()]
        free[f"{name}.weight"] = null @ null.T

    def right(name, grad):
        return grad @ free[name] if name in free else torch.zeros_like(grad)

    def biases(name, grad):
        return grad @ free[name] if name in free else grad

    def outputs(name, grad):
        if name not in free:
            return torch.zeros_like(grad)
        size = len(grad)
        basis = torch.linalg.qr(torch.randn(size, size // 2, dtype=grad.dtype, generator=torch.Generator().manual_seed(0)))[0]
        return grad - basis @ (basis.T @ grad)

    assert bystanders(model, posed, right) <= 1e-13
    assert bystanders(model, posed, biases) > 0.01
    assert bystanders(model, posed, outputs) > 0.01


class Conv(nn.Module):
    """A strided convolution in groups, batch norm, and a head, in float64."""

    def __init__(self, groups=1):
        super().__init__()
        self.one = nn.Conv2d(2, 6, 3, stride=2, padding=1, groups=groups)
        self.norm, self.drop, self.head = nn.BatchNorm2d(6), nn.Dropout(0.5), nn.Linear(6 * 9, 3)

    def forward(self, x):
        return self.head(self.drop(self.norm(self.one(x)).relu().flatten(1)))


def images(n, seed, first=0):
    x = torch.randn(n, 2, 6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Examples.labelled(x, torch.arange(n) % 3, np.arange(first, first + n), 3)


@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_strides_groups_and_batch_norm_are_exact_too(groups):
    torch.manual_seed(4)
    model = Conv(groups).double().eval()
    model.norm.running_mean.normal_()
    # A single retain image has 9 patches, of which the 18 (or 9) inputs of the kernel leave some directions free.
    posed = Problem(Classification(), images(6, 1), images(1, 2, 6))
    forgot = ProjectedGradient(covariance="retain", subspace=WHOLE, steps=LONG)(model, posed)
    assert change(model, forgot, posed.rest) <= 1e-12
    assert not same(model.head.weight, forgot.head.weight)
    assert groups == 2 or not same(model.one.weight, forgot.one.weight)
    assert all(same(p, q) for p, q in zip(model.norm.state_dict().values(), forgot.norm.state_dict().values(), strict=True))
    assert same(model.one.bias, forgot.one.bias)
    assert same(model.head.bias, forgot.head.bias)


def test_one_step_is_that_of_the_authors_code():
    """unlearn.py@b3275c3: torch.svd of the difference, P = U U^T, offset loss, W -= lr (G - G P), dropout on."""
    torch.manual_seed(5)
    model = Conv().double().eval()
    forget, retain = images(4, 1), images(10, 2, 4)
    kept = {"InputCovariance": input_moments(model, joined(forget, retain), Classification(classes=3))}
    posed = Problem(Classification(), forget, retain, kept=kept, seed=7)
    steps = Steps(lr=0.05, epochs=1, batch=4, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="freeze")
    made = ProjectedGradient(subspace=Subspace(share=0.9, negative="abs"), dropout=True, steps=steps)
    forgot = made(model, posed)
    order = np.random.default_rng((7, 0)).permutation(4)
    x, y = forget.x[order], forget.y[order]

    theirs = deepcopy(model).train()
    theirs.norm.eval()

    def covariance(images):
        patches = F.unfold(images, 3, padding=1, stride=2).permute(0, 2, 1).reshape(-1, 18)
        with torch.no_grad():
            hidden = model.norm(model.one(images)).relu().flatten(1)
        return {"one": patches.T @ patches, "head": hidden.T @ hidden}

    whole, part = covariance(torch.cat([forget.x, retain.x])), covariance(forget.x)
    project = {}
    for name in ("one", "head"):
        u, squares, _ = torch.svd(whole[name])
        again = u @ torch.diag(squares.sqrt() ** 2) @ u.T - part[name]
        u, squares, _ = torch.svd(again)
        size = squares.sqrt()
        k = int((size.cumsum(0) / size.sum() <= 0.9).sum())
        project[name] = u[:, :k] @ u[:, :k].T
    torch.manual_seed(7)
    p = theirs(x).softmax(1)
    first = sum(-torch.log(1 - (p[j, y[j]] - 0.05)) for j in range(4)) / 4
    second = -(p * torch.log(p + 1e-15)).sum(1).mean()
    (first + 0.2 * second).backward()
    for name, of in project.items():
        weight, grad = theirs.get_parameter(f"{name}.weight"), theirs.get_parameter(f"{name}.weight").grad
        flat = grad.reshape(len(grad), -1)
        expected = (weight - 0.05 * (flat - flat @ of).reshape(weight.shape)).detach()
        ours = forgot.get_parameter(f"{name}.weight").detach()
        assert float((expected - weight).detach().abs().max()) > 1e-4
        assert torch.allclose(ours, expected, atol=1e-9), name
    moved = {name for name, value in state(model).items() if not same(value, state(forgot)[name])}
    assert moved == {"one.weight", "head.weight"}


@pytest.mark.parametrize(("offset", "sure", "none", "slope"), [(0.05, 2.995732, -0.048790, 20), (0.1, 2.302585, -0.095310, 10)])
def test_the_loss_is_bounded_at_both_ends(offset, sure, none, slope):
    loss = BoundedAscent(entropy=0.0, offset=offset)
    logits = torch.tensor([[800.0, 0.0], [0.0, 800.0]], dtype=torch.float64)
    assert loss.of(logits, torch.zeros(2, dtype=torch.int64)).tolist() == pytest.approx([sure, none], abs=1e-6)
    # Of two classes: dL/dp = slope at p = 1, and dp/dz = p (1 - p).
    z = torch.tensor([[16.0, 0.0]], dtype=torch.float64, requires_grad=True)
    loss.of(z, torch.tensor([0])).sum().backward()
    p = 1 / (1 + math.exp(-16))
    assert float(z.grad[0, 0]) / (p * (1 - p)) == pytest.approx(slope, rel=1e-4)


def test_the_entropy_has_the_sign_that_is_asked_for():
    flat, peaked = torch.zeros(1, 4), torch.tensor([[9.0, 0.0, 0.0, 0.0]])
    label = torch.tensor([3])
    for weight in (0.2, -0.2):
        only = BoundedAscent(labels=0.0, entropy=weight)
        assert float(only.of(flat, label)) == pytest.approx(weight * math.log(4), rel=1e-6)
        assert abs(float(only.of(peaked, label))) < 0.01
    with pytest.raises(BadInput, match="offset=0 leaves the loss without a bound"):
        BoundedAscent(offset=0.0)


def test_steps_fall_by_the_same_factor_each_epoch():
    steps = ProjectedGradient().steps
    sizes = [steps.schedule.size(steps.lr, moment) for moment in moments_of(100)]
    assert sizes[0] == 0.05
    assert sizes[1] / sizes[0] == pytest.approx((0.01 / 0.05) ** 0.01)
    assert sizes[-1] * (0.01 / 0.05) ** 0.01 == pytest.approx(0.01)
    with pytest.raises(SpecError, match="floor=0"):
        Geometric(floor=0.0)


def moments_of(epochs):

    return [Moment(epoch, epochs) for epoch in range(epochs)]


def overfit():
    """A forget set that is predicted right, and held-out examples, whose outputs are protected, of which half are."""
    model, posed = two_layers()
    forget, valid = (part.with_targets(logits(model, part).argmax(1)) for part in (posed.forget, posed.rest))
    half = (torch.arange(len(valid)) < 6).long()
    return model, replace(posed, forget=forget, valid=valid.with_targets((valid.y + half) % CLASSES))


SHORT = Steps(lr=0.05, epochs=40, batch=6, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="freeze")


def accuracy(model, examples):
    return float((logits(model, examples).argmax(1) == examples.y).double().mean())


@pytest.mark.parametrize("lr", [0.02, 0.05, 0.5])
def test_it_stops_with_the_model_whose_accuracy_on_forget_is_closer_to_that_on_held_out_examples(lr):
    model, posed = overfit()
    made = ProjectedGradient(subspace=WHOLE, stop="valid", steps=replace(SHORT, lr=lr, epochs=200))
    outcome = made.run(model, posed)
    (note,) = (note for note in outcome.notes if "stopped by 'valid'" in note)
    ended = int(note.partition("epoch ")[2].partition(":")[0])
    # The same steps without a rule: a model per epoch.
    ends = [replace(made, stop="never", steps=replace(made.steps, epochs=n))(model, posed) for n in range(1, ended + 1)]
    gaps = [accuracy(end, posed.valid) - accuracy(end, posed.forget) for end in ends]
    assert gaps[-1] > 0 >= max(gaps[:-1], default=0)
    best = ends[-1] if len(ends) == 1 or abs(gaps[-1]) < abs(gaps[-2]) else ends[-2]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(state(best).values(), state(outcome.model).values(), strict=True))


def test_it_stops_when_the_retain_set_suffers():
    model, posed = small()
    free = ProjectedGradient(subspace=Subspace(share=0.0, empty="free"), steps=SHORT)
    assert accuracy(free(model, posed), posed.rest) < accuracy(model, posed.rest) - 0.1
    outcome = replace(free, stop="retain_drop", steps=replace(SHORT, lr=0.01)).run(model, posed)
    assert any("stopped by 'retain_drop'" in note for note in outcome.notes)
    assert accuracy(outcome.model, posed.rest) > accuracy(free(model, posed), posed.rest)
    # Where the first epoch is too much, its model is the end all the same: the untouched one is none.
    assert any("after epoch 1" in note for note in replace(free, stop="retain_drop").run(model, posed).notes)


def test_a_rule_that_never_fires_takes_all_steps_and_says_so():
    model, posed = overfit()
    made = ProjectedGradient(subspace=WHOLE, stop="valid", steps=replace(SHORT, lr=1e-5, epochs=2))
    outcome = made.run(model, posed)
    assert any("never crossed" in note for note in outcome.notes)
    plain = replace(made, stop="never")(model, posed)
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(state(plain).values(), state(outcome.model).values(), strict=True))


def test_rules_that_cannot_decide_are_refused_in_a_line():
    model, posed = small()
    stop = ProjectedGradient(stop="valid", steps=SHORT)
    with pytest.raises(DataError, match="needs held-out examples, and there are none"):
        stop(model, replace(posed, valid=None))
    wrong = posed.forget.with_targets((posed.forget.y + 1) % 3)
    with pytest.raises(RunFailed, match="before the first step: take stop='never'"):
        stop(model, replace(posed, forget=wrong, valid=posed.rest))


def test_without_a_retain_set_it_needs_what_was_kept_and_nothing_else():
    model, posed = small()
    made = ProjectedGradient(steps=replace(SHORT, epochs=2))
    assert made.needed() == {"forget", "labels", "classes", "kept:InputCovariance"}
    blind = replace(posed, retain=None)
    assert not same(next(iter(made(model, blind).parameters())), next(iter(model.parameters())))
    with pytest.raises(RequestError, match=r"^what InputCovariance saves in training is needed: train the model with keepers="):
        made(model, replace(posed, kept={}))
    with pytest.raises(RequestError, match="has no retain set"):
        replace(made, covariance="retain")(model, blind)


def test_a_covariance_of_another_model_is_refused_in_one_line():
    model, posed = two_layers()
    saved = posed.kept["InputCovariance"]
    for kept, words in (
        ({"0": saved["0"]}, "the layer '2' is in only one of them"),
        ({**saved, "9": saved["0"]}, "the layer '9' is in only one of them"),
        ({**saved, "2": saved["0"]}, r"that of the layer '2' has shape \(40, 40\), its inputs have \(50, 50\)"),
    ):
        with pytest.raises(ModelError, match=f"^the saved covariance is of another model: {words}$"):
            ProjectedGradient(steps=LONG)(model, replace(posed, kept={"InputCovariance": kept}))


def test_what_corrects_takes_the_place_of_what_is_forgotten():
    model, posed = two_layers()
    instead = data(8, 40, 5)
    posed = replace(posed, replacement=instead, retain=joined(posed.rest, instead), digest="")
    kept, retain = (ProjectedGradient(covariance=how, subspace=WHOLE, steps=LONG)(model, posed) for how in ("kept", "retain"))
    assert change(kept, retain, posed.forget) < 1e-9
    assert change(model, kept, instead) <= 1e-12


def test_augmented_inputs_leave_negative_eigenvalues_which_are_clipped_with_a_note():
    """The authors' mismatch: all data augmented, the forget set plain."""
    model, posed = two_layers()
    noise = torch.randn(20, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    whole = joined(posed.forget, posed.rest)
    kept = {"InputCovariance": input_moments(model, whole.with_inputs(whole.x + 2 * noise), posed.task)}
    left = moments_without(kept["InputCovariance"], model, posed.forget, posed.task)["0"]
    values = torch.linalg.eigvalsh(left)
    assert int((values < -1e-9).sum()) == len(posed.forget)
    made = ProjectedGradient(steps=replace(LONG, epochs=2))
    mismatched = replace(posed, kept=kept)
    assert any("and are taken as 0: the covariance was saved of other inputs" in n for n in made.run(model, mismatched).notes)
    assert not any("taken as 0" in n for n in made.run(model, posed).notes)
    absolute = replace(made, subspace=Subspace(negative="abs")).run(model, mismatched)
    assert not any("taken as 0" in n for n in absolute.notes)


def test_a_second_request_takes_up_where_the_first_ended():
    """Four requests of two examples each, each with the moments that the one before left: the last retain set stays protected."""
    model, posed = two_layers()
    kept = posed.kept["InputCovariance"]
    now, parts = model, [take(posed.forget, np.arange(at, at + 2)) for at in range(0, 8, 2)]
    for part in parts:
        request = Problem(posed.task, part, kept={"InputCovariance": kept})
        forgot = ProjectedGradient(subspace=WHOLE, steps=LONG)(now, request)
        kept, now = moments_without(kept, now, part, posed.task), forgot
    assert change(model, now, posed.rest) < 1e-10
    assert of_label(now, parts[-1]) < 0.02


def test_a_mask_of_whole_channels_is_exact_and_one_through_rows_says_that_it_is_not():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, CLASSES)).double().eval()
    posed = Problem(Classification(), data(8, 40, 1), data(12, 40, 2, 8))
    made = ProjectedGradient(covariance="retain", subspace=WHOLE, steps=replace(LONG, epochs=50))

    def masked(pick):
        bits = {name: torch.zeros_like(p, dtype=torch.bool) for name, p in model.named_parameters()}
        pick(bits["0.weight"])
        return made.run(model, replace(posed, mask=Mask(bits, posed.digest), head="masked"))

    rows = masked(lambda bits: bits.__setitem__(slice(0, 50), True))
    assert change(model, rows.model, posed.rest) <= 1e-12
    assert change(model, rows.model, posed.forget) > 1e-3
    assert not any("through" in note or "takes some weights of a row" in note for note in rows.notes)
    places = masked(lambda bits: bits.copy_(torch.rand(bits.shape, generator=torch.Generator().manual_seed(2)) < 0.3))
    assert any("takes some weights of a row and leaves others" in note for note in places.notes)
    assert change(model, places.model, posed.rest) > 1e-6


def test_texts_of_alike_length_meet_in_a_batch_where_steps_say_so():
    _, problem = small_text()
    pads = [
        sum(int((batch.x < 0).sum()) for epoch in range(4) for (batch,) in _forget_batches(problem, steps).draw(epoch))
        for steps in (Steps(epochs=4, batch=3), Steps(epochs=4, batch=3, alike=4))
    ]
    assert pads[1] < pads[0]
