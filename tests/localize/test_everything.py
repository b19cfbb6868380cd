"""No localization."""

import torch

from untrain.core.steps import Steps
from untrain.localize.everything import Everything
from untrain.promises.trial import small
from untrain.unlearn.finetune import Finetune


def test_a_mask_of_ones_changes_nothing_of_an_unlearner():
    plain = Finetune(steps=Steps(lr=0.05, epochs=2))
    one, other = plain(*small()), (plain @ Everything())(*small())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
