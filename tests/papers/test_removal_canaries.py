"""The exposure of a planted secret as a page."""

import importlib
import json

import numpy as np
import pytest
import torch

SCRIPT = "papers.removal.canaries"


def test_the_page_is_that_of_its_numbers(script):
    page = importlib.import_module("papers.removal.canaries_page")
    held = json.loads((page.FOLDER / "canaries.json").read_text())
    assert (page.FOLDER / "canaries.md").read_text() == page.page(held)
    assert list(dict.fromkeys(row["method"] for row in held["results"])) == list(script.METHODS)


class Last(torch.nn.Module):
    """Finds a number likelier the larger each of its digits is."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.arange(12.0))

    def forward(self, input_ids, **_):
        return self.logits.expand(*input_ids.shape, 12)


def test_exposure_is_by_the_rank_among_all_numbers(script):
    assert script.exposed(Last(), [(9, 9, 9), (0, 0, 0)]) == pytest.approx([np.log2(1000), 0.0])


def test_a_seed_has_numbers_of_its_own(script):
    steps = "Steps(lr=0.005, epochs=1, batch=27, optimizer=AdamW())"
    (row,) = script.of_seed(3, steps, ("Nothing()",))
    assert row["ordinary"] > 1
    assert all(0 <= row[name] <= np.log2(1000) for name in ("secret", "other", "never"))
