"""The control for localization."""

from dataclasses import replace

import pytest
import torch

from untrain.core.mask import Mask
from untrain.core.metering import metered
from untrain.localizers._mask_units import Channels
from untrain.localizers.deepest import Deepest
from untrain.localizers.everything import Everything
from untrain.localizers.gradient import Gradient
from untrain.localizers.randommask import RandomMask, _shuffle
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.maths.selection import rows
from untrain.training.toy import small

LIKES = [WeightedGrad(), WeightedGrad(keep=0.1), WeightedGrad(per="weight"), Gradient(keep=0.2), Everything()]


@pytest.mark.parametrize("like", LIKES, ids=repr)
def test_counts_are_exactly_those_of_the_other_in_every_tensor(like):
    one, other = RandomMask(like=like)(*small()).bits, like(*small()).bits
    assert {n: int(b.sum()) for n, b in one.items()} == {n: int(b.sum()) for n, b in other.items()}


def test_whole_channels_stay_whole():
    for bits in RandomMask(like=WeightedGrad())(*small()).bits.values():
        if bits.ndim > 1:
            table = rows(bits)
            assert (table.all(1) | ~table.any(1)).all()


def test_another_seed_draws_another_mask():
    model, problem = small()
    one, other = (RandomMask()(model, replace(problem, seed=seed)).bits for seed in (0, 1))
    assert any(not torch.equal(one[n], other[n]) for n in one)


def test_the_head_is_treated_as_beside_the_other():
    assert RandomMask(like=Gradient()).classifier == "masked"
    assert RandomMask(like=WeightedGrad()).classifier == "full"


def overlap(a: Mask, b: Mask) -> float:
    """Intersection over union of two masks."""
    both = torch.cat([(a.bits[n] & b.bits[n]).flatten() for n in a.bits]).sum()
    return float(both / torch.cat([(a.bits[n] | b.bits[n]).flatten() for n in a.bits]).sum())


def test_two_random_masks_of_thirty_percent_overlap_as_expected():
    # 0.09 / 0.51; 100,000 weights put the overlap within 0.005 of it.
    torch.manual_seed(0)
    bits = torch.arange(100_000) < 30_000
    one, other = (Mask({"w": _shuffle(bits)}, "") for _ in range(2))
    assert overlap(one, other) == pytest.approx(0.1765, abs=0.005)


def test_each_channel_is_drawn_about_equally_often():
    torch.manual_seed(0)
    bits = torch.zeros(10, 3, dtype=torch.bool)
    bits[:3] = True
    counts = sum(_shuffle(bits)[:, 0].int() for _ in range(2000))
    # 600 expected, standard error 20.5; four of them either way.
    assert int(counts.min()) > 518
    assert int(counts.max()) < 682


def test_single_weights_of_each_tensor_can_be_drawn():
    model, problem = small()
    one, other = RandomMask(draw="weight")(model, problem).bits, WeightedGrad()(model, problem).bits
    assert {n: int(b.sum()) for n, b in one.items()} == {n: int(b.sum()) for n, b in other.items()}
    assert any(not bool((table.all(1) | ~table.any(1)).all()) for table in (rows(b) for b in one.values() if b.ndim > 1))


def test_drawn_anywhere_only_the_number_in_all_is_matched():
    model, problem = small()
    next(iter(model.parameters())).requires_grad_(False)
    like = WeightedGrad(per="weight", keep=0.2)
    one, other = RandomMask(like=like, draw="anywhere")(model, problem).bits, like(model, problem).bits
    assert sum(int(b.sum()) for b in one.values()) == sum(int(b.sum()) for b in other.values())
    assert {n: int(b.sum()) for n, b in one.items()} != {n: int(b.sum()) for n, b in other.items()}
    assert not next(iter(one.values())).any()


def test_beside_whole_channels_one_that_a_budget_cut_moves_whole():
    torch.manual_seed(0)
    bits = torch.zeros(12, 5, dtype=torch.bool)
    bits[:4] = True
    bits[7, :2] = True
    seen = set()
    for _ in range(200):
        held = _shuffle(bits).sum(1).tolist()
        assert sorted(held) == [0] * 7 + [2] + [5] * 4
        seen.add(held.index(2))
    assert seen == set(range(12))


def test_single_weights_move_singly():
    torch.manual_seed(0)
    bits = torch.zeros(12, 5, dtype=torch.bool)
    bits[:4, :2] = True
    assert 1 in _shuffle(bits).sum(1).tolist()
    bits = torch.zeros(12, 5, dtype=torch.bool)
    bits[7, :3] = True  # of single weights, or a cut channel that stands alone: which, nobody can tell
    assert max(int(_shuffle(bits).sum(1).max()) for _ in range(3)) < 3


def test_the_control_of_the_authors_mask_keeps_as_many_whole_channels():
    like = WeightedGrad(channels=Channels(unit="elements"))
    one, other = (made(*small()).bits for made in (RandomMask(like=like), like))
    cut = 0
    for name, bits in other.items():
        if bits.ndim > 1:
            found, wanted = (sorted(rows(b).sum(1).tolist()) for b in (one[name], bits))
            if any(w == rows(bits).shape[1] for w in wanted):
                assert found == wanted
                cut += any(0 < w < rows(bits).shape[1] for w in wanted)
    assert cut == 1


def test_a_control_that_cannot_differ_says_that_it_controls_nothing():
    for like, void in ((Deepest(layers=1), True), (WeightedGrad(), False)):
        with metered() as meter:
            RandomMask(like=like)(*small())
        assert any("controls nothing" in note for note in meter.notes) == void
