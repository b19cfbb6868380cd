"""An encoder sees all words but padding."""

import pytest
import torch

from untrain.core.errors import ModelError
from untrain.models.architectures.texttransformer import TextTransformer

SMALL = TextTransformer(width=8, depth=2, heads=2, hidden=8)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return SMALL.build((6, 9), 3).eval()


def test_what_lies_under_the_mask_does_not_enter(net):
    mask = torch.tensor([[True, True, False]])
    assert torch.equal(net(torch.tensor([[1, 2, 3]]), mask), net(torch.tensor([[1, 2, 8]]), mask))


def test_the_order_of_words_enters(net):
    mask = torch.ones(1, 3, dtype=torch.bool)
    assert not torch.allclose(net(torch.tensor([[1, 2, 3]]), mask), net(torch.tensor([[3, 2, 1]]), mask))


def test_a_row_of_padding_alone_is_finite(net):
    assert torch.isfinite(net(torch.zeros(1, 2, dtype=torch.long), torch.zeros(1, 2, dtype=torch.bool))).all()


def test_sizes_that_do_not_go_together_are_refused():
    with pytest.raises(ModelError, match="a width of 10 cannot be shared by 4 heads"):
        TextTransformer(width=10).build((6, 9), 3)
    with pytest.raises(ModelError, match="TextTransformer reads rows of tokens"):
        TextTransformer().build((6,), 3)
