"""No token sees one behind it."""

import pytest
import torch

from untrain.models.architectures.causaltransformer import CausalTransformer

SMALL = CausalTransformer(width=8, depth=2, heads=2, hidden=8)


def test_a_later_token_does_not_change_what_is_before_it():
    torch.manual_seed(0)
    net = SMALL.build((6, 9), 9).eval()
    mask = torch.ones(1, 4, dtype=torch.bool)
    a, b = net(torch.tensor([[1, 2, 3, 4]]), mask), net(torch.tensor([[1, 2, 3, 7]]), mask)
    assert torch.equal(a[:, :3], b[:, :3])
    assert not torch.allclose(a[:, 3], b[:, 3])


@pytest.mark.parametrize("tied", [False, True])
def test_a_tied_head_is_the_embedding(tied):
    net = CausalTransformer(width=8, depth=1, heads=2, hidden=8, tied=tied).build((6, 9), 9)
    assert (net.head.weight is net.trunk.tokens.weight) == tied
