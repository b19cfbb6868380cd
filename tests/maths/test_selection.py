"""From scores to a choice, worked out by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.maths.selection import budget, elements, rows, split, top_mean, whole

# T2 of the specification of DEL: 20 channels x 4 weights.
TABLE = torch.zeros(20, 4)
TABLE[0, 0] = 10
TABLE[1, :2] = 6
TABLE[2] = 4


@pytest.mark.parametrize(("h", "means"), [(1, [10, 6, 4]), (2, [5, 6, 4]), (4, [2.5, 3, 4])])
def test_the_mean_of_the_largest(h, means):
    assert top_mean(TABLE, h)[:3].tolist() == means


@pytest.mark.parametrize(("h", "winner"), [(1, 0), (2, 1), (4, 2)])
def test_the_winner_depends_on_how_many_are_averaged(h, winner):
    assert int(top_mean(TABLE, h).argmax()) == winner


@pytest.mark.parametrize(("h", "as_if"), [(0, 1), (-3, 1), (9, 4)])
def test_how_many_are_averaged_is_held_within_the_row(h, as_if):
    assert torch.equal(top_mean(TABLE, h), top_mean(TABLE, as_if))


@pytest.mark.parametrize(
    ("share", "total", "count"),
    [
        (0.3, 11_173_962, 3_352_188),
        (0.3, 11_013_518, 3_304_055),
        (0.3, 23_712_932, 7_113_879),
        (0.16874820229, 11_173_962, 1_885_585),
        (0.3, 10, 3),
        (1.0, 7, 7),
        (0.29, 100, 29),
        (0.05, 100, 5),
    ],
)
def test_a_budget_is_rounded_down_but_not_by_floating_point(share, total, count):
    assert budget(share, total) == count


# T3: the same table and a bias of 20 zeros but for 5.5 at 7; group scores as `cout10` has them.
GROUPS = torch.cat([top_mean(TABLE, 2), torch.zeros(20)])
GROUPS[27] = 5.5
SIZES = torch.tensor([4] * 20 + [1] * 20)


@pytest.mark.parametrize("room", [5, 6, 8])
def test_whole_groups_stop_at_the_first_that_does_not_fit(room):
    assert whole(GROUPS, SIZES, room).nonzero().flatten().tolist() == [1, 27]


def test_a_later_smaller_group_does_not_slip_in():
    assert whole(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([2, 5, 1]), 4).tolist() == [True, False, False]


def test_elements_fill_the_budget_through_a_group():
    spread = GROUPS.repeat_interleave(SIZES)
    chosen = elements(spread, 6).nonzero().flatten().tolist()
    assert chosen == [0, 4, 5, 6, 7, 87]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 40))
def test_elements_are_exactly_as_many_as_asked_for_and_the_largest(scores, room):
    chosen = elements(torch.tensor(scores), room)
    assert int(chosen.sum()) == min(room, len(scores))
    inside = [s for s, c in zip(scores, chosen.tolist(), strict=True) if c]
    outside = [s for s, c in zip(scores, chosen.tolist(), strict=True) if not c]
    assert min(inside, default=9) >= max(outside, default=-9)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=20), st.integers(0, 60))
def test_whole_groups_never_exceed_the_budget_and_miss_it_by_less_than_the_next(groups, room):
    scores, sizes = (torch.tensor(column) for column in zip(*groups, strict=True))
    chosen = whole(scores, sizes, room)
    taken = int(sizes[chosen].sum())
    assert taken <= room
    assert chosen.all() or taken + int(sizes.max()) > room


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_smaller_budget_chooses_among_what_a_larger_one_chooses(scores, a, b):
    small, large = sorted((a, b))
    values, ones = torch.tensor(scores), torch.ones(len(scores), dtype=torch.long)
    for choose in (elements, lambda s, room: whole(s, ones, room)):
        assert not (choose(values, small) & ~choose(values, large)).any()


@pytest.mark.parametrize("n", [5, 5000])
def test_ties_go_to_the_lower_index_however_many_there_are(n):
    first = [at < 2 for at in range(n)]
    assert elements(torch.ones(n), 2).tolist() == first
    assert whole(torch.ones(n), torch.full((n,), 3), 6).tolist() == first


@given(st.permutations(range(6)))
def test_permuting_distinct_scores_permutes_the_choice(order):
    scores = torch.tensor([0.1, 0.7, 0.3, 0.9, 0.2, 0.4])
    at = torch.tensor(order)
    assert torch.equal(elements(scores[at], 3), elements(scores, 3)[at])


@pytest.mark.parametrize(
    ("shape", "table"),
    [((8, 3, 3, 3), (8, 27)), ((5, 4), (5, 4)), ((1, 17, 512), (17, 512)), ((1, 1, 512), (1, 512)), ((1, 4), (1, 4))],
)
def test_a_channel_is_the_first_dimension_that_has_more_than_one(shape, table):
    assert tuple(rows(torch.zeros(shape)).shape) == table


@given(st.lists(st.sampled_from([(2, 3), (4,), (), (1, 2, 2)]), min_size=1, max_size=5))
def test_splitting_undoes_flattening(shapes):
    parts = [torch.rand(s) for s in shapes]
    again = split(torch.cat([p.flatten() for p in parts]), parts)
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))
