"""Fingerprints, and models as arrays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.data.fingerprint import array_digest, fingerprint, id_hashes, print_of, request_digest
from untrain.data.ragged import Ragged
from untrain.models.state import arrays


def test_inputs_in_half_precision_have_fingerprints_by_what_they_hold():
    x = torch.arange(6.0).reshape(3, 2)
    for kind in (torch.bfloat16, torch.float16):
        assert fingerprint(np.arange(3), x.to(kind)) == fingerprint(np.arange(3), x.to(kind).clone())
        assert fingerprint(np.arange(3), x.to(kind)) != fingerprint(np.arange(3), (x + 1).to(kind))
        assert array_digest(x.to(kind)) != array_digest(x)
    assert array_digest(x.bfloat16()) != array_digest(x.bfloat16().view(torch.int16))


def test_a_model_in_bfloat16_comes_back_from_its_arrays_bit_for_bit():
    torch.manual_seed(0)
    made, other = (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).bfloat16() for _ in range(2))
    held = arrays(made)
    assert {n: a.dtype for n, a in held.items()} == {
        n: np.dtype(np.int64 if "tracked" in n else np.float32) for n in made.state_dict()
    }
    other.load_state_dict({n: torch.from_numpy(a) for n, a in held.items()})
    for name, value in made.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)


def test_of_rows_of_tokens_padding_does_not_enter():
    rows, order = Ragged.of([[1, 2], [3, 4, 5]]), np.array([1, 0])
    assert fingerprint(np.arange(2), rows) == fingerprint(order, rows.take(order))
    padded = fingerprint(np.arange(1), Ragged.of([[1, 2]]))
    assert padded == fingerprint(np.arange(1), Ragged.of([[9, 9, 9], [1, 2]]).take(np.array([1])))
    assert padded != fingerprint(np.arange(1), Ragged.of([[1, 2, -100]]))


def test_a_hash_of_ids_and_inputs_tells_rows_of_one_id_apart():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    bare, full = id_hashes(["a", "a", "b"]), id_hashes(["a", "a", "b"], x)
    assert bare[0] == bare[1] != bare[2]
    assert len(set(full.tolist())) == 3
    assert np.array_equal(full[1:], id_hashes(["a", "b"], x[1:]))


def four():
    return Examples({"x": torch.arange(8.0).reshape(4, 2), "y": torch.arange(4) % 2}, np.arange(4), ("cat", "dog"))


@pytest.mark.parametrize(
    "changed",
    [
        {"owner": np.array(list("abab"))},
        {"categories": ("dog", "cat")},
        {"categories": ("cat, dog", "")},
        {"fields": {"image": four().x, "y": four().y}},
        {"fields": {"x": four().x, "label": four().y}},
        {"fields": {"x": four().x, "y": 1 - four().y}},
        {"ids": np.arange(4) + 1},
    ],
)
def test_all_that_examples_are_is_in_their_print(changed):
    assert print_of(four()) == print_of(four())
    assert print_of(replace(four(), **changed)) != print_of(four())


def test_owners_are_told_apart():
    one, other = (replace(four(), owner=np.array(list(owners))) for owners in ("abab", "abba"))
    assert print_of(one) != print_of(other)


def test_a_deletion_has_the_fingerprint_of_ids_and_inputs_and_a_correction_another_for_each_target():
    forget = four()
    assert request_digest(forget) == fingerprint(forget.ids, forget.x)
    ways = [request_digest(forget, each) for each in (None, forget, forget.with_targets(1 - forget.y))]
    assert len(set(ways)) == 3
    assert all(len(each) == 16 for each in ways)
