"""Masks of stored entries: where they lie and what they have in common, worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.mask import Mask
from untrain.data.examples import Examples
from untrain.experiments.mask_overlap import by_layer, compared, has_mask, mask_contents
from untrain.models.tasks.classification import Classification
from untrain.runtime.store import Store
from untrain.training.problem import Problem


class Backwards(nn.Module):
    """Layers that are declared from the output to the input."""

    def __init__(self):
        super().__init__()
        self.head, self.stem = nn.Linear(3, 2), nn.Linear(4, 3, bias=False)

    def forward(self, x):
        return self.head(self.stem(x))


@pytest.fixture
def stored(tmp_path):
    """Puts a mask of such a model into a store, by the weights that it holds in the stem; all of the head's bias is in it."""
    store, model = Store(tmp_path), Backwards().eval()
    given = Examples.labelled(torch.zeros(2, 4), torch.tensor([0, 1]), np.arange(2), 2)
    problem = Problem(Classification(), given, given)

    def made(*inside):
        bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
        bits["head.bias"][:] = True
        bits["stem.weight"].view(-1)[list(inside)] = True
        record, arrays = mask_contents(Mask(bits, ""), model, problem)
        return store.put({"kind": "mask", "label": "made up", "inside": list(inside)}, record, arrays)

    return made


def test_bits_are_in_the_models_order_and_layers_in_that_of_an_example(stored, bits_of):
    entry = stored(0, 11)
    assert bits_of(entry).nonzero()[0].tolist() == [6, 7, 8, 19]
    assert list(entry.record["layers"]) == ["head.weight", "head.bias", "stem.weight"]
    assert [row["layer"] for row in by_layer([entry])] == ["stem", "head"]


def test_shares_are_means_with_the_least_and_the_greatest(stored):
    stem, head = by_layer([stored(0), stored(0, 1, 2)])
    assert stem == {
        "layer": "stem",
        "weights": 12,
        "kept": 2 / 12,
        "low": 1 / 12,
        "high": 3 / 12,
        "of_mask": pytest.approx((1 / 3 + 3 / 5) / 2),
    }
    assert (head["kept"], head["low"], head["high"], head["weights"]) == (0.25, 0.25, 0.25, 8)


def test_entries_of_an_older_untrain_stand_in_the_order_of_declaration(stored):
    entry = stored(0)
    del entry.record["order"]
    assert [row["layer"] for row in by_layer([entry])] == ["head", "stem"]


def test_entries_without_a_mask_have_no_layers(stored, tmp_path):
    entry = Store(tmp_path).put({"kind": "unlearned", "label": "no mask"}, {"layers": {}})
    assert by_layer([stored(0), entry]) == []
    assert not has_mask([stored(0), entry])
    assert has_mask([stored(0)])
    assert not has_mask([])


def test_overlap_is_averaged_over_pairs_and_chance_draws_within_each_parameter(stored):
    one, other = stored(0, 1), stored(1, 2)
    found = compared([(one, other), (one, one)])
    assert (found["iou"], found["low"], found["high"]) == ((3 / 5 + 1) / 2, 3 / 5, 1.0)
    # The head's bias is whole in both; of the stem's twelve two are drawn twice.
    by_chance = (2 + 4 / 12) / (8 - 2 - 4 / 12)
    assert found["chance"] == pytest.approx(by_chance)
    assert found["layers"] == 1.0


def test_what_cannot_be_compared_says_why(stored, tmp_path):
    failed = Store(tmp_path).put({"kind": "mask", "label": "failed"}, {"error": "it broke"})
    assert compared([(stored(0), failed)])["reason"] == "it broke"
    assert "--seeds 2 or more" in compared([])["reason"]
