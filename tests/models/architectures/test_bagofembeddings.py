"""The mean of embeddings, by hand."""

import pytest
import torch

from untrain.core.errors import ModelError
from untrain.models.architectures.bagofembeddings import BagOfEmbeddings


def test_it_is_linear_in_the_mean_embedding():
    net = BagOfEmbeddings(width=3).build((5, 7), 2)
    ids, mask = torch.tensor([[4, 1, 0]]), torch.tensor([[True, True, False]])
    mean = (net.tokens.weight[4] + net.tokens.weight[1]) / 2
    assert torch.allclose(net(ids, mask)[0], net.head.weight @ mean + net.head.bias)


def test_the_order_of_words_does_not_enter():
    net = BagOfEmbeddings(width=3).build((5, 7), 2)
    mask = torch.ones(1, 3, dtype=torch.bool)
    assert torch.allclose(net(torch.tensor([[1, 2, 3]]), mask), net(torch.tensor([[3, 1, 2]]), mask))


def test_a_text_without_words_is_answered_all_the_same():
    net = BagOfEmbeddings(width=3).build((5, 7), 2)
    none = torch.zeros(1, 2, dtype=torch.bool)
    assert torch.equal(net(torch.zeros(1, 2, dtype=torch.long), none)[0], net.head.bias)


def test_images_are_refused():
    with pytest.raises(ModelError, match="BagOfEmbeddings reads rows of tokens"):
        BagOfEmbeddings().build((3, 32, 32), 10)
