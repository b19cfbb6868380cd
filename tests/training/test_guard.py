"""What a run did to the weights, worked out by hand."""

import pytest
import torch
from torch import nn

from untrain.core.errors import BrokenPromise, MaskError, ModelError, NotFinite
from untrain.core.mask import Mask
from untrain.models import state
from untrain.training import guard


def line(*weights):
    """A linear model without bias that holds these weights."""
    model = nn.Linear(len(weights), 1, bias=False)
    model.weight.data = torch.tensor([weights])
    return model


def bits(*values):
    """A mask of a linear model's weights."""
    return Mask({"weight": torch.tensor([values], dtype=torch.bool)}, "")


def test_the_move_is_its_euclidean_length_and_share():
    seen = guard.measure_changes(state.state(line(0.0, 0.0, 1.0, 1.0)), line(3.0, 4.0, 1.0, 1.0), None, None)
    assert seen.moved_norm == 5
    assert seen.moved_share == 0.5


def test_without_a_mask_all_may_move():
    seen = guard.measure_changes(state.state(line(0.0, 0.0)), line(1.0, 1.0), None, None)
    assert (seen.may_move, seen.mask_share, seen.outside_mask_max) == (1, 1, 0)


def test_the_largest_move_outside_the_mask_is_told():
    before = state.state(line(0.0, 0.0, 0.0, 0.0))
    seen = guard.measure_changes(before, line(9.0, 0.25, -0.5, 0.0), bits(1, 0, 0, 0), bits(1, 0, 0, 0))
    assert seen.outside_mask_max == 0.5
    assert seen.may_move == 0.25


def test_the_smallest_float_outside_the_mask_breaks_the_promise():
    before = state.state(line(0.0, 0.0))
    seen = guard.measure_changes(before, line(1.0, 1e-45), bits(1, 0), bits(1, 0))
    with pytest.raises(BrokenPromise, match="outside its mask"):
        guard.check_promises("Leak()", seen, False, line(1.0, 1e-45))


def test_the_mask_share_is_the_localizers_own():
    seen = guard.measure_changes(state.state(line(0.0, 0.0)), line(1.0, 1.0), bits(1, 1), bits(1, 0))
    assert (seen.may_move, seen.mask_share) == (1, 0.5)


def test_buffers_are_told_apart_and_do_not_count_as_a_move():
    before, after = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    after.running_mean += torch.tensor([3.0, 4.0])
    seen = guard.measure_changes(state.state(before), after, None, None)
    assert (seen.buffer_drift, seen.moved_share, seen.moved_norm) == (5, 0, 0)
    with pytest.raises(BrokenPromise, match="moved no parameter"):
        guard.check_promises("Still()", seen, False, after)


def test_who_may_stay_may():
    seen = guard.measure_changes(state.state(line(1.0)), line(1.0), None, None)
    guard.check_promises("Nothing()", seen, True, line(1.0))
    assert seen.moved_share == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_fails_the_run(bad):
    after = line(bad, 1.0)
    seen = guard.measure_changes(state.state(line(0.0, 1.0)), after, None, None)
    with pytest.raises(NotFinite, match="'weight': lower its lr"):
        guard.check_promises("Wild()", seen, False, after)


@pytest.mark.parametrize("pair", [(nn.Linear(2, 1), nn.Linear(2, 1, bias=False)), (nn.Linear(2, 1, bias=False), nn.Linear(2, 1))])
def test_a_model_with_more_or_fewer_parameters_is_refused(pair):
    with pytest.raises(BrokenPromise, match="another: 'bias' is in only one of"):
        guard.measure_changes(state.state(pair[0]), pair[1], None, None)


def test_a_model_of_another_shape_is_refused():
    with pytest.raises(BrokenPromise, match=r"'weight' in shape \(1, 3\), not \(1, 2\)"):
        guard.measure_changes(state.state(line(1.0, 2.0)), line(1.0, 2.0, 3.0), None, None)


def test_an_input_that_changed_is_named():
    model = line(1.0)
    before = state.state(model)
    guard.check_untouched("Careful()", before, model)
    model.weight.data += 1
    with pytest.raises(BrokenPromise, match=r"Rude\(\) changed 'weight'"):
        guard.check_untouched("Rude()", before, model)


def test_same_takes_nan_for_nan():
    assert state.same(torch.tensor([torch.nan, 1.0]), torch.tensor([torch.nan, 1.0]))
    assert not state.same(torch.tensor([torch.nan]), torch.tensor([1.0]))


def test_a_state_is_a_copy():
    model = line(1.0)
    held = state.state(model)
    model.weight.data += 1
    assert float(held["weight"]) == 1


NET = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
HEAD = ("1.weight", "1.bias")
NONE = Mask({n: torch.zeros_like(p, dtype=torch.bool) for n, p in NET.named_parameters()}, "d")


@pytest.mark.parametrize(("head", "share"), [("full", 1.0), ("masked", 0.0), ("frozen", 0.0)])
def test_the_head_moves_in_full_or_as_masked_or_not(head, share):
    free = guard.resolve_mask(NET, NONE, head, HEAD)
    assert float(free.bits["1.weight"].float().mean()) == share
    assert not free.bits["0.weight"].any()


def test_a_frozen_head_is_taken_out_of_the_mask():
    ones = Mask({n: ~b for n, b in NONE.bits.items()}, "d")
    free = guard.resolve_mask(NET, ones, "frozen", HEAD)
    assert not free.bits["1.weight"].any()
    assert free.bits["0.weight"].all()


def test_without_a_mask_a_frozen_head_leaves_the_rest_free():
    free = guard.resolve_mask(NET, None, "frozen", HEAD)
    assert {n: bool(b.all()) for n, b in free.bits.items()} == {n: n not in HEAD for n in NONE.bits}


def test_without_a_mask_a_head_that_moves_asks_for_no_mask():
    assert guard.resolve_mask(NET, None, "full", HEAD) is None


def test_the_mask_that_was_given_is_not_changed():
    guard.resolve_mask(NET, NONE, "full", HEAD)
    assert not NONE.bits["1.weight"].any()


def test_a_mask_of_another_model_is_refused():
    with pytest.raises(MaskError, match="the mask is of another model: "):
        guard.resolve_mask(NET, bits(1, 0), "full", HEAD)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(MaskError, match=r"'weight' has shape \(1, 2\), the weight \(1, 3\)"):
        guard.resolve_mask(line(1.0, 2.0, 3.0), bits(1, 0), "masked", ())


def test_a_mask_that_is_not_bool_is_refused():
    with pytest.raises(MaskError, match="it must be bool"):
        guard.resolve_mask(line(1.0), Mask({"weight": torch.ones(1, 1)}, ""), "masked", ())


def test_a_head_that_does_not_exist_is_refused():
    with pytest.raises(ModelError, match=r"\['fc.weight'\].*its last are"):
        guard.resolve_mask(NET, NONE, "full", ("fc.weight",))


def test_a_lent_model_that_is_written_to_is_told_of():
    model = nn.BatchNorm1d(2)
    for written in (model.weight, model.running_mean):
        with (
            pytest.raises(BrokenPromise, match="Scribbler wrote to the model"),
            guard.read_only("Scribbler", model),
            torch.no_grad(),
        ):
            written.add_(1)


def test_a_lent_model_gets_its_gradients_modes_and_flags_back():
    model = nn.BatchNorm1d(2).eval()
    model.weight.grad = kept = torch.ones(2)
    with guard.read_only("Reader", model):
        assert model.weight.grad is None
        model(torch.ones(3, 2)).sum().backward()
        model.train()
        model.weight.requires_grad_(False)
    assert model.weight.grad is kept
    assert model.bias.grad is None
    assert model.weight.requires_grad
    assert not model.training
