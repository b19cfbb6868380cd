"""Models that are not as one would like them: every localizer copes with them, or says in one line why not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core import discovery
from untrain.core.errors import ModelError
from untrain.core.metering import metered
from untrain.data.examples import Examples, take
from untrain.localizers._budget import smallest_budget
from untrain.localizers._mask_units import Channels
from untrain.localizers.criticalneurons import CriticalNeurons
from untrain.localizers.deepest import Deepest
from untrain.localizers.everything import Everything
from untrain.localizers.gradient import Gradient
from untrain.localizers.randommask import RandomMask
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.maths import selection
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.training.toy import neuron, small
from untrain.unlearners.finetune import Finetune

ALL = [discovery.load(place.name)() for place in discovery.of_role("localizer")]
NAMED = [made for made in ALL if not isinstance(made, Everything)]
LIMITED = [made for made in NAMED if hasattr(made, "per")]


def posed(model, shape, classes=3, n=12):
    """A problem of examples that the model predicts right, in eval mode."""
    x = torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))
    model.eval()
    with torch.no_grad():
        y = model(x).argmax(1)
    given = Examples.labelled(x, y, np.arange(n), classes)
    return model, Problem(Classification(), given, given.with_fields(x=x + 0.1), seed=1)


def seeded(*layers):
    """A sequence of layers with weights that are the same each time."""
    torch.manual_seed(0)
    return nn.Sequential(*(make() for make in layers))


class Tied(nn.Module):
    """Two layers that share one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.head(self.second(self.first(x).relu()).relu())


class Unused(nn.Module):
    """A layer that no example meets, and a parameter of the model's own that none meets either."""

    def __init__(self):
        super().__init__()
        self.body, self.aside, self.head = nn.Linear(6, 6), nn.Linear(9, 9), nn.Linear(6, 3)
        self.extra = nn.Parameter(torch.ones(5))

    def forward(self, x):
        return self.head(self.body(x).relu())


def share(mask):
    """Share of the weights in a mask."""
    return sum(int(b.sum()) for b in mask.bits.values()) / sum(b.numel() for b in mask.bits.values())


@pytest.mark.parametrize("made", NAMED, ids=repr)
def test_a_frozen_part_is_left_out(made):
    model, problem = small()
    frozen = [n for n, _ in model.named_parameters()][:3]
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    mask = made(model, problem)
    assert not any(bool(mask.bits[n].any()) for n in frozen)
    assert 0 < share(mask) <= getattr(made, "keep", 1.0)


@pytest.mark.parametrize("made", NAMED, ids=repr)
def test_a_model_that_is_frozen_throughout_is_refused_in_one_line(made):
    model, problem = small()
    with pytest.raises(ModelError, match="all parameters are frozen") as told:
        made(model.requires_grad_(False), problem)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("made", NAMED, ids=repr)
def test_a_tied_weight_is_one_weight_and_moves_as_one(made):
    torch.manual_seed(0)
    model, problem = posed(Tied(), (6,))
    mask = made(model, problem)
    assert set(mask.bits) == {"first.weight", "first.bias", "second.bias", "head.weight", "head.bias"}
    outcome = (Finetune(steps=Steps(lr=0.1, epochs=1)) @ made).run(model, problem)
    assert outcome.guard.outside_mask_max == 0
    assert outcome.model.first.weight is outcome.model.second.weight


def test_the_gradient_of_a_tied_weight_is_that_of_both_its_uses():
    torch.manual_seed(0)
    model, problem = posed(Tied(), (6,))
    problem.task.loss(model, problem.forget).sum().backward()
    grads = torch.cat([p.grad.flatten() for p in model.parameters()]).abs()
    made = torch.cat([b.flatten() for b in Gradient(keep=0.3)(model, problem).bits.values()])
    assert float(grads[made].min()) >= float(grads[~made].max()) - 1e-6


@pytest.mark.parametrize("made", [m for m in NAMED if not m.ignores_forget_set()], ids=repr)
def test_what_receives_no_gradient_is_chosen_last(made):
    torch.manual_seed(0)
    mask = made(*posed(Unused(), (6,)))
    inside = sum(int(mask.bits[n].sum()) for n in ("body.weight", "body.bias", "head.weight", "head.bias"))
    outside = sum(int(mask.bits[n].sum()) for n in ("aside.weight", "aside.bias", "extra"))
    assert inside > 0
    assert outside == 0 or inside == 63


@pytest.mark.parametrize("made", ALL, ids=repr)
def test_a_model_without_batch_norm_will_do(made):
    assert 0 < share(made(*posed(seeded(nn.Flatten, lambda: nn.Linear(6, 5), nn.ReLU, lambda: nn.Linear(5, 3)), (2, 3)))) <= 1


@pytest.mark.parametrize("made", ALL, ids=repr)
def test_a_model_of_nothing_but_normalization_will_do(made):
    model, problem = posed(nn.Sequential(nn.BatchNorm1d(3), nn.LayerNorm(3)), (3,))
    assert 0 < share(made(model, problem)) <= 1


@pytest.mark.parametrize("made", [m for m in NAMED if m.classifier == "full"], ids=repr)
def test_a_model_without_a_head_is_refused_where_the_head_is_to_move(made):
    model, problem = posed(nn.Sequential(nn.BatchNorm1d(3)), (3,))
    with pytest.raises(ModelError, match="no linear layer with 3 or more outputs to take for its head: name it with head_names="):
        (Finetune(steps=Steps(epochs=1)) @ made)(model, problem)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("made", ALL, ids=repr)
def test_half_precision_will_do(made, kind):
    model, problem = small()
    forget, retain = (e.with_fields(x=e.x.to(kind)) for e in (problem.forget, problem.retain))
    mask = made(model.to(kind), replace(problem, forget=forget, retain=retain))
    assert 0 < share(mask) <= getattr(made, "keep", 1.0)


@pytest.mark.parametrize("made", [WeightedGrad(), Gradient()], ids=repr)
def test_the_mask_of_a_model_in_half_precision_is_about_that_in_full(made):
    model, problem = small()
    full = made(model, problem).bits
    forget, retain = (e.with_fields(x=e.x.bfloat16()) for e in (problem.forget, problem.retain))
    half = made(model.bfloat16(), replace(problem, forget=forget, retain=retain)).bits
    both, either = (sum(int(op(full[n], half[n]).sum()) for n in full) for op in (torch.logical_and, torch.logical_or))
    assert both / either > 0.8


@pytest.mark.parametrize("made", ALL, ids=repr)
def test_a_forget_set_of_one_will_do(made):
    model, problem = small()
    assert 0 < share(made(model, replace(problem, forget=take(problem.forget, np.array([0])), digest=""))) <= 1


@pytest.mark.parametrize("made", LIMITED, ids=repr)
@pytest.mark.parametrize("per", ["weight", "channel", "tensor"])
def test_a_budget_that_holds_nothing_says_what_would_do(made, per):
    with pytest.raises(ModelError, match=r"keep at least \d") as told:
        replace(made, per=per, keep=1e-9)(*small())
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("made", LIMITED, ids=repr)
@pytest.mark.parametrize("per", ["weight", "channel"])
def test_what_a_localizer_says_would_do_does(made, per):
    with pytest.raises(ModelError) as told:
        replace(made, per=per, keep=1e-9)(*small())
    least = float(str(told.value).partition("keep at least ")[2].partition(",")[0])
    assert 0 < share(replace(made, per=per, keep=least)(*small())) <= least


@pytest.mark.parametrize("made", LIMITED, ids=repr)
def test_a_count_that_holds_no_channel_says_which_count_would_do(made):
    layers = [lambda: nn.Linear(6, 5, bias=False), nn.ReLU, lambda: nn.Linear(5, 3, bias=False)]
    model, problem = posed(seeded(*layers), (6,))
    with pytest.raises(ModelError, match="or let single weights compete") as told:
        replace(made, per="channel", channels=Channels(count=1))(model, problem)
    fits = int(str(told.value).partition("a count of at least ")[2].partition(",")[0])
    mask = replace(made, per="channel", channels=Channels(count=fits))(model, problem)
    assert sum(int(b.sum()) for b in mask.bits.values()) == fits


@pytest.mark.parametrize("made", LIMITED, ids=repr)
def test_a_count_beyond_the_model_says_how_many_there_are(made):
    model, problem = small()
    total = sum(p.numel() for p in model.parameters())
    with pytest.raises(ModelError, match=f"a budget of {total + 1} weights cannot be met: the model has {total}"):
        replace(made, channels=Channels(count=total + 1))(model, problem)


@pytest.mark.parametrize("per", ["weight", "channel"])
@pytest.mark.parametrize("made", LIMITED, ids=repr)
def test_a_budget_beyond_what_is_not_frozen_takes_all_of_it_and_tells(made, per):
    model, problem = neuron(0)
    model[0].requires_grad_(False)
    with metered() as meter:
        mask = replace(made, per=per, keep=0.9)(model, problem)
    assert all(bool(b.all()) == n.startswith("2.") for n, b in mask.bits.items())
    assert list(meter.notes) == ["a budget of 175 of 195 weights cannot be met: 39 are not frozen"]


def test_a_search_for_neurons_says_what_share_would_hold_a_filter():
    with pytest.raises(ModelError, match="holds no filter: keep at least ") as told:
        CriticalNeurons(keep=1e-9)(*small())
    least = float(str(told.value).rpartition(" ")[2])
    assert 0 < share(CriticalNeurons(keep=least)(*small())) <= least


LEAST = [(1, 3, "0.34"), (1, 1, "1"), (1, 10, "0.1"), (175, 195, "0.9"), (7, 1000, "0.007"), (4_608, 11_173_962, "0.00042")]


@pytest.mark.parametrize(("count", "total", "words"), LEAST)
def test_the_least_share_is_rounded_up_to_two_digits(count, total, words):
    assert smallest_budget(count, total) == f"keep at least {words}"
    assert selection.budget(float(words), total) >= count
    assert smallest_budget(count, total, count=1) == f"a count of at least {count}"


def test_a_random_mask_is_refused_as_the_one_that_it_is_like():
    with pytest.raises(ModelError, match="holds no whole channel"):
        RandomMask(like=WeightedGrad(keep=1e-9))(*small())


def test_a_model_that_does_not_take_the_examples_is_refused_where_it_is_asked():
    model, problem = small()
    forget, retain = (e.with_fields(x=e.x.repeat(1, 2, 1, 1)) for e in (problem.forget, problem.retain))
    wrong = replace(problem, forget=forget, retain=retain)
    for made in (CriticalNeurons(), *(m for m in NAMED if type(m).__name__ in ("Deepest", "Shallowest"))):
        with pytest.raises(ModelError, match="cannot take examples of shape"):
            made(model, wrong)


@pytest.mark.parametrize("keep", [0.5, 0.97])
def test_whole_tensors_that_leave_much_of_a_budget_say_what_they_hold_and_what_is_next(keep):
    layers = [lambda: nn.Linear(6, 5, bias=False), nn.ReLU, lambda: nn.Linear(5, 3), nn.ReLU, lambda: nn.Linear(3, 3, bias=False)]
    model, problem = posed(seeded(*layers), (6,))  # 30, 15, 3 and 9 weights
    with metered() as meter:
        mask = Deepest(keep=keep, per="tensor")(model, problem)
    assert sum(int(b.sum()) for b in mask.bits.values()) == 27
    told = f"a budget of {int(keep * 57)} of 57 weights is not met: whole tensors hold 27, and the next has 30"
    assert list(meter.notes) == ([told] if keep == 0.97 else [])


def test_channels_that_fill_a_budget_but_for_less_than_a_tenth_say_nothing():
    model, problem = small()
    with metered() as meter:
        mask = WeightedGrad(keep=0.4)(model, problem)
    assert 0.36 <= share(mask) < 0.4
    assert list(meter.notes) == []
