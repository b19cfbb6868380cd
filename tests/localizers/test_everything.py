"""No localization."""

import torch

from untrain.localizers.everything import Everything
from untrain.training.steps import Steps
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune


def test_a_mask_of_ones_changes_nothing_of_an_unlearner():
    plain = Finetune(steps=Steps(lr=0.05, epochs=2))
    one, other = plain(*small()), (plain @ Everything())(*small())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
