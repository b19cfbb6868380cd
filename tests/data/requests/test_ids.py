"""Requests that name ids."""

import numpy as np
import pytest

from untrain.core.errors import RequestError
from untrain.core.spec import parse
from untrain.data.readers.convert import examples
from untrain.data.requests.ids import Ids


def people():
    """Six rows of three people, one of whom has three."""
    ids = np.array(["ann", "bob", "ann", "eve", "ann", "bob"])
    return examples(np.zeros((6, 1)), np.arange(6) % 2, ids=ids)


def test_an_id_names_every_row_that_bears_it():
    assert Ids(ids=("ann",)).draw(people()).tolist() == [0, 2, 4]


def test_ids_may_come_in_any_order():
    assert Ids(ids=("eve", "bob")).draw(people()).tolist() == [1, 3, 5]


def test_it_is_spelled_with_its_ids():
    assert parse("Ids(ids=('ann', 'eve'))") == Ids(ids=("ann", "eve"))


@pytest.mark.parametrize(
    ("ids", "told"),
    [(("ann", "zoe"), r"1 of 2 ids that the training data lack: 'zoe'"), (("bob", "bob"), r"lists 'bob' more than once")],
)
def test_an_id_that_is_not_there_or_is_there_twice_is_refused(ids, told):
    with pytest.raises(RequestError, match=told):
        Ids(ids=ids).draw(people())


PUBLISHED = [(10, 0, 278_580), (100, 1, 2_285_851), (1000, 2, 24_768_036)]


@pytest.mark.parametrize(("count", "seed", "total"), PUBLISHED)
def test_the_published_random_forget_sets_of_cifar_10_are_made_again_and_none_is_cut(count, seed, total):
    """Sums of the index files of RoyRin/data-unlearning-bench@09aa166, whose benchmark cuts the third to its first hundred.

    That another copy of CIFAR-10 has its images in the order of theirs is not shown by any of this, and taken on trust.
    """
    rows = np.sort(np.random.RandomState(seed).choice(50_000, count, replace=False))
    assert rows.sum() == total
    if count == 10:
        assert rows.tolist() == [11841, 12363, 19602, 25747, 26128, 30346, 31902, 32490, 42642, 45519]
    train = examples(np.zeros((50_000, 1), np.float32), np.arange(50_000) % 10)
    assert Ids(ids=tuple(rows.tolist())).draw(train).tolist() == rows.tolist()
