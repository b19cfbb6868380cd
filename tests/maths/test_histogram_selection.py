"""The budget over groups of many processes is the one that a single process finds."""

import threading

import torch
from hypothesis import given
from hypothesis import strategies as st

from untrain.maths import selection
from untrain.maths.histogram_selection import cut


def joint(scores, sizes, room, parts):
    """``cut`` by as many threads as there are parts, each with its own groups, summing through a barrier."""
    barrier, held, found = threading.Barrier(len(parts), timeout=20), [None] * len(parts), [None] * len(parts)

    def work(rank):
        def reduce(tensor):
            held[rank] = tensor
            barrier.wait()
            total = sum(held)
            barrier.wait()
            return total

        rows = parts[rank]
        found[rank] = cut(scores[rows], sizes[rows], rows, room, len(scores), reduce)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chosen = torch.zeros(len(scores), dtype=torch.bool)
    for rows, mine in zip(parts, found, strict=True):
        chosen[rows] = mine
    return chosen


values = st.one_of(st.sampled_from([-1.0, -0.0, 0.0, 0.5, 0.5, 2.0]), st.floats(-4, 2.0**100, width=32))
groups = st.lists(st.tuples(values, st.integers(1, 9), st.integers(0, 2)), min_size=1, max_size=60)


@given(groups, st.floats(0, 1.2))
def test_whole_groups_are_those_that_one_process_chooses(made, share):
    scores, sizes, owner = (torch.tensor(column) for column in zip(*made, strict=True))
    room = int(share * int(sizes.sum()))
    parts = [(owner == rank).nonzero().squeeze(1) for rank in range(3)]
    assert torch.equal(joint(scores, sizes, room, parts), selection.whole(scores, sizes, room))


@given(groups, st.floats(0, 1))
def test_elements_are_those_that_one_process_chooses(made, share):
    scores, _, owner = (torch.tensor(column) for column in zip(*made, strict=True))
    room = int(share * len(scores))
    parts = [(owner == rank).nonzero().squeeze(1) for rank in range(3)]
    assert torch.equal(joint(scores, torch.ones_like(owner), room, parts), selection.elements(scores, room))


def test_many_equal_scores_are_cut_by_their_place():
    scores, sizes = torch.ones(50_000), torch.ones(50_000, dtype=torch.long)
    parts = [torch.arange(rank, 50_000, 2) for rank in range(2)]
    assert joint(scores, sizes, 12_345, parts).nonzero().squeeze(1).tolist() == list(range(12_345))
