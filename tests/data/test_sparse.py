"""Sparse inputs: the same rows, digests and requests as dense ones, and dense only in a batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

import untrain as ut
from untrain.core.errors import DataError
from untrain.data import sparse as module
from untrain.data.examples import Examples, batch_of, copied, prototype, take, to_device
from untrain.data.fingerprint import array_digest, fingerprint, print_of, request_digest
from untrain.data.requests.resolve import remaining, request
from untrain.data.sparse import Sparse, matrix_examples

DENSE = np.where(np.random.default_rng(1).random((30, 7)) < 0.3, np.random.default_rng(0).normal(size=(30, 7)), 0.0)
LABELS = np.where(np.arange(30) % 3 == 0, 1, -1)


@pytest.fixture
def never_dense(monkeypatch):
    """No more than one row at a time may become dense."""
    given = Sparse.__getitem__

    def row(self, at):
        found = given(self, at)
        assert found.ndim == 1 or len(found) <= 1, "rows were made dense"
        return found

    monkeypatch.setattr(Sparse, "__getitem__", row)


def both():
    held = matrix_examples(sparse.csr_array(DENSE), LABELS)
    return held, matrix_examples(DENSE, LABELS)


def test_rows_are_those_of_the_dense_matrix_however_they_are_asked_for():
    held = Sparse.of(sparse.coo_array(DENSE))
    for at in (slice(3, 9), np.array([4, 1, 1]), torch.tensor([2, 5]), np.arange(30) % 2 == 0, slice(None), 7, np.array([], int)):
        np.testing.assert_array_equal(held[at].numpy(), DENSE[at.numpy() if isinstance(at, torch.Tensor) else at])
    np.testing.assert_array_equal(held.take(np.array([9, 2]))[:].numpy(), DENSE[[9, 2]])
    assert (held.shape, held.ndim, held.dtype, len(held)) == (torch.Size([30, 7]), 2, torch.float64, 30)
    assert Sparse.of(sparse.csr_array(DENSE.astype(np.float32))).dtype == torch.float32
    assert Sparse.of(sparse.csr_array(np.eye(3, dtype=np.int64)))[:1].dtype == torch.float32


def test_digests_are_of_the_numbers_however_the_matrix_was_built(never_dense):
    held = both()[0]
    # columns out of order, a zero that is written down, and an entry in two parts
    messy = sparse.csr_array((np.array([2.0, 0.0, 0.5, 0.5]), np.array([2, 1, 0, 0]), np.array([0, 2, 4])), shape=(2, 3))
    made, tidy = Sparse.of(messy), Sparse.of(sparse.csr_array(np.array([[0.0, 0.0, 2.0], [1.0, 0.0, 0.0]])))
    assert array_digest(made) == array_digest(tidy)
    assert made.matrix.nnz == 2
    narrow = Sparse.of(sparse.csr_array((messy.data, messy.indices.astype(np.int64), messy.indptr), shape=(2, 3)))
    assert fingerprint(np.arange(2), narrow) == fingerprint(np.arange(2), made)
    assert fingerprint(np.array([1, 0]), made.take(np.array([1, 0]))) == fingerprint(np.arange(2), made)
    for at in ((3, 3), (0, 6), (29, 0)):
        changed = DENSE.copy()
        changed[at] += 1e-9
        other = matrix_examples(sparse.csr_array(changed), LABELS)
        assert print_of(other) != print_of(held)
        assert fingerprint(other.ids, other.x) != fingerprint(held.ids, held.x)
        assert request_digest(other) != request_digest(held)
    moved = sparse.csr_array(DENSE[:, ::-1])  # the same numbers in other columns
    assert print_of(matrix_examples(moved, LABELS)) != print_of(held)


def test_requests_that_correct_give_what_they_give_of_dense_rows_and_make_none(never_dense):
    held, plain = (replace(each, features=tuple("abcdefg")) for each in both())
    train = [replace(each, columns={"town": np.array(["north", "south"])[np.arange(30) % 2]}) for each in (held, plain)]
    some = ut.Where(rule="town == 'north'")
    for by in (
        ut.ReplaceFeatures(features=("b", "d")),
        ut.ReplaceFeatures(features=(1, 6), fill=(0.5, 0.0)),
        ut.ReplaceFeatures(features=("c",), fill="mean", rows=some),
        ut.Relabel(ids=(3, 4, 5), labels=1),
        ut.Corrections(parts=(ut.Relabel(ids=(0, 7), labels=(0, 1)), ut.ReplaceFeatures(features=("g",), rows=some))),
    ):
        sparsely, densely = (request(each, by) for each in train)
        assert sparsely.rows == densely.rows
        rest, wanted = (remaining(each, forget) for each, forget in zip(train, (sparsely, densely), strict=True))
        assert isinstance(rest.x, Sparse)
        np.testing.assert_allclose(rest.x.matrix.toarray(), wanted.x.numpy(), rtol=1e-15, atol=0)
        assert rest.y.tolist() == wanted.y.tolist()
        assert rest.x.matrix.nnz == np.count_nonzero(wanted.x.numpy())  # zeros are not written down
        tested, wanted = (by.everywhere(each, forget.replacement) for each, forget in zip(train, (sparsely, densely), strict=True))
        np.testing.assert_array_equal(tested.x.matrix.toarray(), wanted.x.numpy())


def test_a_feature_goes_from_a_matrix_that_no_memory_holds_densely():
    rows = sparse.random_array((2_000, 5_000_000), density=1e-6, format="csr", rng=np.random.default_rng(0))
    mails = matrix_examples(rows, np.where(np.arange(2_000) % 2, 1, -1))
    word = int(rows.indices[0])
    posed = ut.problem(mails, ut.ReplaceFeatures(features=(word,)), ut.Convex())
    assert posed.replacement.x.shape[1] == 5_000_000
    assert posed.retain.x.matrix[:, [word]].nnz == 0
    assert posed.retain.x.matrix.nnz == rows.nnz - rows[:, [word]].nnz
    assert len(posed.digest) == 16


def test_examples_are_taken_batched_and_asked_as_dense_ones_are():
    held, plain = both()
    batch = batch_of(take(held, np.array([5, 2])), np.array([1, 0]))
    np.testing.assert_array_equal(batch.x.numpy(), DENSE[[2, 5]])
    assert batch.y.tolist() == plain.y[[2, 5]].tolist()
    assert prototype(held).x.shape == (1, 7)
    assert isinstance(copied(held).x, Sparse)
    assert isinstance(to_device(held, "cpu").x, Sparse)


def test_a_copy_is_kept_so_that_later_changes_reach_nothing():
    matrix = sparse.csr_array(DENSE)
    held = Sparse.of(matrix)
    matrix.data[:] = 9
    np.testing.assert_array_equal(held[:].numpy(), DENSE)


def test_more_rows_than_fit_are_refused_where_they_are_needed_dense(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 8 * 7 * 10)
    held = Sparse.of(sparse.csr_array(DENSE))
    assert held[:10].shape == (10, 7)
    with pytest.raises(DataError, match="dense inputs are needed here: take Convex"):
        held[:11]
    with pytest.raises(DataError, match="dense inputs are needed"):
        ut.ScikitLearn()(matrix_examples(sparse.csr_array(DENSE), LABELS))


def test_labels_of_signs_and_of_classes_are_told_apart():
    assert matrix_examples(DENSE, LABELS).categories == ("-1", "1")
    assert matrix_examples(DENSE, np.arange(30) % 3).categories == ("0", "1", "2")
    assert matrix_examples(DENSE, np.arange(30.0)).classes == 0
    assert isinstance(matrix_examples(DENSE, LABELS), Examples)


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (DENSE, np.where(np.arange(30) < 3, -1, 2), "labels are -1 and \\+1, or numbers of classes"),
        (DENSE, LABELS[:4], "one of each per row"),
        (DENSE, np.array(["a"] * 30), "labels are whole numbers"),
        (sparse.csr_array(DENSE * np.nan), LABELS, "NaN or infinite"),
        (sparse.csr_array((0, 4)), LABELS, "with rows and columns"),
        (sparse.csr_array(DENSE.astype(complex)), LABELS, "numbers are needed"),
        (np.zeros((30, 2, 2)), LABELS, "rows of numbers"),
    ],
)
def test_what_is_no_set_of_examples_is_refused(x, y, says):
    with pytest.raises(DataError, match=says):
        matrix_examples(x, y)


def test_names_of_columns_have_to_be_as_many():
    with pytest.raises(DataError, match="features has 1 names"):
        matrix_examples(DENSE, LABELS, features=("a",))
